"""Rows of two splits that are nearly the same, answer a reworded question alike, or share a long stretch of words.

In: the rows of two splits. Out: which pairs, and the findings. Its own file because such rows are no proof of a leak,
only a reason to look: in data about one subject, near copies are normal. They are told and never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunewright.core.values import Finding, Split
from tunewright.prepare.checks.check import Evidence
from tunewright.prepare.keys import Keyed, answer_words, asked_words
from tunewright.prepare.similar import LEAST, jaccard, shingles, similar_pairs
from tunewright.prepare.spans import LEAST_WORDS, Span, shared_spans, words_in
from tunewright.tables.words import percent, rows

NAME = "leakage"
WORRYING = 0.01
"""Share of the right side's rows from which it is a warning. Source: DESIGN 5's limit for exact matches."""
WORRYING_SPANS = 0.02
"""Of stretches: what doctors always ask makes up to 1.7 % in mts_dialog's own sets. Answers alone are never a warning:
they give no question away."""
FORMULA_ROWS = 3
"""An answer that more rows of one side give is a formula (no known allergies), not a leak."""
LEAST_REWORDED = 0.3
"""Jaccard similarity of two questions with the same answer, no formula. Measured on mts_dialog beside its translations
to French and back, split at random: 92 of 100 test rows with a twin in train are told of, 74 without this. It adds no
row to what is told of gsm8k or of mts_dialog's own sets."""

SURE_WORDS = 13
"""A stretch as long is a copy whatever it says. Source: lm-eval's n-gram."""
RUN_WORDS = 5
RARE_TEXTS = 2
"""A shorter stretch is a formula when most of its runs of five words stand in more left texts. Measured on halves of
test rows pasted into train rows: 98 % are still found in banking77, all in gsm8k; of 8 stock phrases that doctors ask
patients in mts_dialog 4 are told of no more."""

Kind = Literal["near", "reworded", "span", "answer"]


@dataclass(frozen=True, slots=True)
class NearPair:
    """A row of the right split and the row of the left one that gives it away."""

    left: str
    right: str
    how_much: float
    """Jaccard similarity, or the shared stretch's share of the right row."""
    words: str = ""
    """The shared stretch."""


def close_leaks(
    left: Sequence[Keyed], right: Sequence[Keyed], *, exact: frozenset[str]
) -> dict[Kind, tuple[NearPair, ...]]:
    """Every right row that a left one gives away, by how; a row that is told of in one way is not told of in the next.

    exact: right row ids that ask the same as a left one.
    """
    near = near_leaks(left, right)
    known = exact | {pair.right for pair in near}
    reworded = reworded_leaks(left, right, known=known)
    known |= {pair.right for pair in reworded}
    spans = span_leaks(left, right, known=known, words_of=asked_words)
    known |= {pair.right for pair in spans}
    answers = span_leaks(left, right, known=known, words_of=answer_words)
    return {"near": near, "reworded": reworded, "span": spans, "answer": answers}


def near_leaks(left: Sequence[Keyed], right: Sequence[Keyed]) -> tuple[NearPair, ...]:
    """Each right row that is nearly, and not exactly, what a left row asks: with the most similar one."""
    texts = [asked_words(k) for k in (*left, *right)]
    exact = set(texts[: len(left)])
    sides = [0] * len(left) + [1] * len(right)
    best: dict[int, NearPair] = {}
    for pair in similar_pairs(texts, sides=sides):
        if texts[pair.right] not in exact and pair.right not in best:
            right_row = right[pair.right - len(left)].row.row_id
            best[pair.right] = NearPair(left[pair.left].row.row_id, right_row, pair.jaccard)
    return tuple(best[i] for i in sorted(best))


def reworded_leaks(left: Sequence[Keyed], right: Sequence[Keyed], *, known: frozenset[str]) -> tuple[NearPair, ...]:
    """Each right row whose answer a left row gives too, word for word, to a question with some of the same words.

    As a translation there and back leaves them. The answer must be rare; with the most similar such left row.
    """
    giving: dict[str, list[Keyed]] = {}
    for k in left:
        giving.setdefault(answer_words(k), []).append(k)
    asked = [k for k in right if k.row.row_id not in known and answer_words(k)]
    couples = [(one, k) for k in asked if len(of := giving.get(answer_words(k), [])) <= FORMULA_ROWS for one in of]
    if not couples:
        return ()
    sets = shingles([asked_words(k) for couple in couples for k in couple])
    similarity = jaccard(sets, np.arange(2 * len(couples)).reshape(-1, 2))
    best: dict[str, NearPair] = {}
    for (one, k), alike in zip(couples, similarity.tolist(), strict=True):
        row_id = k.row.row_id
        if alike >= LEAST_REWORDED and (row_id not in best or best[row_id].how_much < alike):
            best[row_id] = NearPair(one.row.row_id, row_id, alike)
    return tuple(best.values())


def span_leaks(
    left: Sequence[Keyed], right: Sequence[Keyed], *, known: frozenset[str], words_of: Callable[[Keyed], str]
) -> tuple[NearPair, ...]:
    """Each right row of which half or more of what words_of reads stands in a left row in one stretch.

    known: right row ids that were already told of. Stretches that are made of formulas are none.
    """
    texts_left, texts_right = [words_of(k) for k in left], [words_of(k) for k in right]
    spans = [span for span in shared_spans(texts_left, texts_right) if right[span.right].row.row_id not in known]
    n_saying = _n_saying({run for span in spans for run in _runs(span.words.split())}, texts_left)
    repeated = _repeated(texts_left) if words_of is answer_words else frozenset()
    return tuple(
        NearPair(left[span.left].row.row_id, right[span.right].row.row_id, span.share, span.words)
        for span in spans
        if texts_left[span.left] not in repeated and not _is_formula(span, n_saying)
    )


_HOW: Mapping[Kind, tuple[str, str, float]] = {
    "near": (f"nearly the same (at least {LEAST:g} of their 5-letter pieces are equal)", "similar", WORRYING),
    "reworded": ("the same answer, word for word, to a reworded question", "similar", WORRYING),
    "span": (f"half of it or more, at least {LEAST_WORDS} words in a row, word for word", "of it", WORRYING_SPANS),
    "answer": ("half of the answer or more, word for word, to another question", "of it", 1.0),
}


def near_findings(
    sides: tuple[Split, Split], found: Mapping[Kind, Sequence[NearPair]], *, n_right: int
) -> tuple[Finding, ...]:
    """One for each kind that was found, naming every row on both sides."""
    left, right = sides
    findings = []
    for kind, (how, unit, worrying) in _HOW.items():
        pairs = found.get(kind, ())
        if not pairs:
            continue
        top = max(pairs, key=lambda pair: pair.how_much)
        message = (
            f"{rows(len(pairs), right)} ({percent(len(pairs), n_right)}) also in {left}, {how}, "
            f"as {top.right} beside {top.left} ({top.how_much:.2f} {unit})"
        )
        ids = tuple(dict.fromkeys(pair.left for pair in pairs)) + tuple(pair.right for pair in pairs)
        is_warning = len(pairs) > worrying * n_right
        suggestion = "look at the pairs in prepare/evidence.json; if they belong together, data.group_column=COLUMN"
        findings.append(Finding(NAME, "warning" if is_warning else "info", message, ids, suggestion))
    return tuple(findings)


def near_evidence(found: Mapping[Kind, Sequence[NearPair]]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(NAME, kind, (pair.left, pair.right), pair.how_much, pair.words)
        for kind, pairs in found.items()
        for pair in pairs
    )


def _is_formula(span: Span, n_saying: Mapping[tuple[str, ...], int]) -> bool:
    """Short, and most of its runs stand in several left texts: do you have any history of ..."""
    numbers = sorted(n_saying[run] for run in _runs(span.words.split()))
    return span.n_words < SURE_WORDS and numbers[len(numbers) // 2] > RARE_TEXTS


def _n_saying(wanted: set[tuple[str, ...]], texts: Sequence[str]) -> Counter[tuple[str, ...]]:
    """How many different texts have each of the runs that are wanted."""
    if not wanted:
        return Counter()
    return Counter(run for text in dict.fromkeys(texts) for run in wanted.intersection(_runs(words_in(text))))


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + RUN_WORDS]) for i in range(len(words) - RUN_WORDS + 1)]


def _repeated(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(text for text, n in Counter(texts).items() if n > FORMULA_ROWS)

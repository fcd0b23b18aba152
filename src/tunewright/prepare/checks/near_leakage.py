"""Rows of two splits that are nearly the same, answer a reworded question alike, or share a long stretch of words.

In: the rows of two splits. Out: which pairs, and the findings. Its own file because such rows are no proof of a leak,
only a reason to look: in data about one subject, near copies are normal. They are told and never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tunewright.core.values import Finding, Split
from tunewright.prepare.checks.check import Evidence
from tunewright.prepare.checks.ends import is_long, joined_ends, partly
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
    """What a right row asks and what a left row does that gives it away, with every row that asks it."""

    lefts: tuple[str, ...]
    rights: tuple[str, ...]
    how_much: float
    """Jaccard similarity, or the shared stretch's share of the right row."""
    words: str = ""
    """The shared stretch."""


def close_leaks(
    left: Sequence[Keyed], right: Sequence[Keyed], *, exact: frozenset[str]
) -> dict[Kind, tuple[NearPair, ...]]:
    """Every left row that gives a right one away, by how; a pair that is named in one way is not in the next.

    Rows that leaked in another way are looked at too: that twin may leave train, and this one stay. Of answers only the
    best, for rows that nothing else is known of.
    exact: right row ids that ask the same as a left one.
    """
    asking = {k.row.row_id: asked_words(k) for k in (*left, *right)}
    named: set[tuple[str, str]] = set()
    found: dict[Kind, tuple[NearPair, ...]] = {}
    ways: tuple[tuple[Kind, Callable[[], tuple[NearPair, ...]]], ...] = (
        ("near", lambda: near_leaks(left, right)),
        ("reworded", lambda: reworded_leaks(left, right)),
        ("span", lambda: span_leaks(left, right, words_of=asked_words)),
    )
    for kind, look in ways:
        pairs = _without_exact(look(), asking, exact=exact)
        keys = [(asking[pair.lefts[0]], asking[pair.rights[0]]) for pair in pairs]
        found[kind] = tuple(pair for pair, key in zip(pairs, keys, strict=True) if key not in named)
        named.update(keys)
    known = exact.union(*(pair.rights for pairs in found.values() for pair in pairs))
    others = [k for k in right if k.row.row_id not in known]
    return {**found, "answer": span_leaks(left, others, words_of=answer_words)}


def near_leaks(left: Sequence[Keyed], right: Sequence[Keyed]) -> tuple[NearPair, ...]:
    """What right rows and left rows ask that is nearly, and not exactly, the same; the most similar first."""
    of_left, of_right = _by_words(left, asked_words), _by_words(right, asked_words)
    texts = [*of_left, *of_right]
    sides = [0] * len(of_left) + [1] * len(of_right)
    return tuple(
        NearPair(of_left[texts[pair.left]], of_right[texts[pair.right]], pair.jaccard)
        for pair in similar_pairs(list(map(joined_ends, texts)), sides=sides)
        if texts[pair.left] != texts[pair.right]
    )


def reworded_leaks(left: Sequence[Keyed], right: Sequence[Keyed]) -> tuple[NearPair, ...]:
    """Each right row whose answer a left row gives too, word for word, to a question with some of the same words.

    As a translation there and back leaves them. The answer must be rare; the most similar such left row first.
    """
    giving: dict[str, list[Keyed]] = {}
    for k in left:
        giving.setdefault(answer_words(k), []).append(k)
    asked = [k for k in right if answer_words(k)]
    couples = [(one, k) for k in asked if len(of := giving.get(answer_words(k), [])) <= FORMULA_ROWS for one in of]
    if not couples:
        return ()
    sets = shingles([joined_ends(asked_words(k)) for couple in couples for k in couple])
    similarity = jaccard(sets, np.arange(2 * len(couples)).reshape(-1, 2)).tolist()
    pairs = [
        NearPair((one.row.row_id,), (k.row.row_id,), alike)
        for (one, k), alike in zip(couples, similarity, strict=True)
        if alike >= LEAST_REWORDED
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.how_much))


def span_leaks(
    left: Sequence[Keyed], right: Sequence[Keyed], *, words_of: Callable[[Keyed], str]
) -> tuple[NearPair, ...]:
    """Right rows of which half or more of what words_of reads stands in a left row in one stretch.

    Stretches that are made of formulas are none. Of answers with the longest one only.
    """
    of_left, of_right = _by_words(left, words_of), _by_words(right, words_of)
    is_answer = words_of is answer_words
    texts_left, texts_right = list(of_left), list(of_right)
    seen_left, seen_right = (
        [joined_ends(text, seam=f"\x1e{side}{i}") for i, text in enumerate(some)]
        for side, some in enumerate((texts_left, texts_right))
    )
    spans = shared_spans(seen_left, seen_right, every=not is_answer)
    n_saying = _n_saying({run for span in spans for run in _runs(span.words.split())}, seen_left)
    return tuple(
        NearPair(of_left[texts_left[span.left]], of_right[texts_right[span.right]], span.share, span.words)
        for span in spans
        if not (is_answer and len(of_left[texts_left[span.left]]) > FORMULA_ROWS) and not _is_formula(span, n_saying)
    )


def looked_in_part(some: Iterable[Keyed]) -> tuple[Finding, ...]:
    """Rows so long that only their ends were compared with the other side's."""
    long = [k for k in some if is_long(k.whole) and (is_long(asked_words(k)) or is_long(answer_words(k)))]
    return partly(
        NAME,
        tuple(dict.fromkeys(k.row.row_id for k in long)),
        what="near copies and shared stretches (equal rows are found whole)",
        suggestion="to compare all of it, make several rows of such a text",
    )


_HOW: Mapping[Kind, tuple[str, str, float]] = {
    "near": (f"nearly the same (at least {LEAST:g} of their 5-letter pieces are equal)", "similar", WORRYING),
    "reworded": ("the same answer, word for word, to a reworded question", "similar", WORRYING),
    "span": (f"half of it or more, at least {LEAST_WORDS} words in a row, word for word", "of it", WORRYING_SPANS),
    "answer": ("half of the answer or more, word for word, to another question", "of it", 1.0),
}


def near_findings(
    sides: tuple[Split, Split],
    found: Mapping[Kind, Sequence[NearPair]],
    *,
    n_right: int,
    exact: frozenset[str] = frozenset(),
    is_own: bool = True,
) -> tuple[Finding, ...]:
    """One for each kind that was found; right rows that were told of before are not counted again.

    What else on the left gives those away is named, once it is the only thing that is found too. is_own: our own split
    divided these rows, so that a group column would keep them together; files that a person gave stay as they are.
    """
    told, findings = set(exact), []
    for kind in _HOW:
        pairs = found.get(kind, ())
        if pairs:
            found_so = _finding(sides, kind, pairs, n_right=n_right, told=told)
            findings.append(replace(found_so, suggestion=_TOGETHER if is_own else _APART))
            told.update(row_id for pair in pairs for row_id in pair.rights)
    return tuple(findings)


def _finding(
    sides: tuple[Split, Split], kind: Kind, pairs: Sequence[NearPair], *, n_right: int, told: Collection[str]
) -> Finding:
    (left, right), (how, unit, worrying) = sides, _HOW[kind]
    new = [pair for pair in pairs if any(row_id not in told for row_id in pair.rights)]
    rights = dict.fromkeys(row_id for pair in new for row_id in pair.rights if row_id not in told)
    lefts = dict.fromkeys(row_id for pair in (*new, *pairs) for row_id in pair.lefts)
    n_more = len(lefts) - len({row_id for pair in new for row_id in pair.lefts})
    top = max(new or pairs, key=lambda pair: pair.how_much)
    told_of = next((row_id for row_id in top.rights if row_id not in told), top.rights[0])
    example = f"as {told_of} beside {top.lefts[0]} ({top.how_much:.2f} {unit})"
    more = f"{rows(n_more, left)}{' more' if new else ''} beside {right} rows that were found in another way"
    if new:
        message = f"{rows(len(rights), right)} ({percent(len(rights), n_right)}) also in {left}, {how}, {example}"
        message += f"; {more}" if n_more else ""
    else:
        message = f"{more}: {how}, {example}"
    ids = (*lefts, *(rights or dict.fromkeys(row_id for pair in pairs for row_id in pair.rights)))
    is_warning = len(rights) > worrying * n_right
    return Finding(NAME, "warning" if is_warning else "info", message, ids)


_TOGETHER = "look at the pairs in prepare/evidence.json; if they belong together, data.group_column=COLUMN"
_APART = "look at the pairs in prepare/evidence.json and take them out of one file: only equal rows are ever dropped"


def near_evidence(found: Mapping[Kind, Sequence[NearPair]]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(NAME, kind, (*pair.lefts, *pair.rights), pair.how_much, pair.words)
        for kind, pairs in found.items()
        for pair in pairs
    )


def _without_exact(
    pairs: Iterable[NearPair], asking: Mapping[str, str], *, exact: frozenset[str]
) -> tuple[NearPair, ...]:
    """Without what asks the same word for word: that is told of as equal, unless other things tell the rows apart."""
    made = []
    for pair in pairs:
        is_same = asking[pair.lefts[0]] == asking[pair.rights[0]]
        rights = tuple(row_id for row_id in pair.rights if row_id not in exact) if is_same else pair.rights
        made += [replace(pair, rights=rights)] if rights else []
    return tuple(made)


def _by_words(some: Iterable[Keyed], words_of: Callable[[Keyed], str]) -> dict[str, tuple[str, ...]]:
    """Row ids by what they say."""
    found: dict[str, list[str]] = {}
    for k in some:
        found.setdefault(words_of(k), []).append(k.row.row_id)
    return {words: tuple(ids) for words, ids in found.items()}


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

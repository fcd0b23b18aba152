"""Rows of two splits that are nearly the same, or share a long stretch of words.

In: the rows of two splits. Out: which pairs, and the findings. Its own file because such rows are no proof of a leak,
only a reason to look: in data about one subject, near copies are normal. They are told and never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Finding, Split
from tunewright.prepare.checks.check import Evidence
from tunewright.prepare.keys import Keyed, answer_words, asked_words
from tunewright.prepare.similar import LEAST, similar_pairs
from tunewright.prepare.spans import LEAST_WORDS, shared_spans
from tunewright.tables.words import percent, rows

NAME = "leakage"
WORRYING = 0.01
"""Share of the right side's rows from which it is a warning. Source: DESIGN 5's limit for exact matches."""
FORMULA_ROWS = 3
"""An answer that more rows of one side give is a formula (no known allergies), not a leak."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """A row of the right split and the row of the left one that gives it away."""

    left: str
    right: str
    how_much: float
    """Jaccard similarity, or the shared stretch's share of the right row."""
    words: str = ""
    """The shared stretch."""


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


def span_leaks(left: Sequence[Keyed], right: Sequence[Keyed], *, known: frozenset[str]) -> tuple[NearPair, ...]:
    """Each right row of which half or more, of the question or of the answer, stands in a left row in one stretch.

    known: right row ids that were already told of.
    """
    found: dict[str, NearPair] = {}
    for words_of in (asked_words, answer_words):
        texts_left, texts_right = [words_of(k) for k in left], [words_of(k) for k in right]
        common = _formulas(texts_left) if words_of is answer_words else frozenset()
        for span in shared_spans(texts_left, texts_right):
            right_id = right[span.right].row.row_id
            if right_id not in known and texts_left[span.left] not in common:
                found.setdefault(right_id, NearPair(left[span.left].row.row_id, right_id, span.share, span.words))
    order = {k.row.row_id: i for i, k in enumerate(right)}
    return tuple(sorted(found.values(), key=lambda pair: order[pair.right]))


def near_findings(
    sides: tuple[Split, Split], near: Sequence[NearPair], spans: Sequence[NearPair], *, n_right: int
) -> tuple[Finding, ...]:
    """One for each kind that was found, naming every row on both sides."""
    left, right = sides
    told = (
        (near, f"nearly the same (at least {LEAST:g} of their 5-letter pieces are equal)", "similar"),
        (spans, f"half of it or more, at least {LEAST_WORDS} words in a row, word for word", "of it"),
    )
    findings = []
    for pairs, how, unit in told:
        if not pairs:
            continue
        top = max(pairs, key=lambda pair: pair.how_much)
        message = (
            f"{rows(len(pairs), right)} ({percent(len(pairs), n_right)}) also in {left}, {how}, "
            f"as {top.right} beside {top.left} ({top.how_much:.2f} {unit})"
        )
        ids = tuple(dict.fromkeys(pair.left for pair in pairs)) + tuple(pair.right for pair in pairs)
        is_warning = len(pairs) > WORRYING * n_right
        suggestion = "look at the pairs in prepare/evidence.json; if they belong together, data.group_column=COLUMN"
        findings.append(Finding(NAME, "warning" if is_warning else "info", message, ids, suggestion))
    return tuple(findings)


def near_evidence(pairs: Sequence[NearPair], *, kind: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(NAME, kind, (pair.left, pair.right), pair.how_much, pair.words) for pair in pairs)


def _formulas(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(text for text, n in Counter(texts).items() if n > FORMULA_ROWS)

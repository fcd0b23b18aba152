"""How long the rows are in tokens, in the few numbers that decisions need.

In: Encoded rows. Out: LengthFacts. Its own file because what is decided and what is counted must see the same lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Encoded


@dataclass(frozen=True, slots=True)
class LengthFacts:
    """Token lengths of the kept rows, by the chosen model's tokenizer, before any cut."""

    n_rows: int
    mean: float
    p95: int
    p995: int
    longest: int
    answer_p95: int
    """Trained tokens of a row (generate); 0 when classifying."""
    lengths: tuple[int, ...] = ()
    """Of every train row."""


def length_facts(encoded: Sequence[Encoded]) -> LengthFacts:
    """Percentiles by rank: the p-th is the smallest length that at least p percent of the rows do not exceed."""
    lengths = sorted(len(e) for e in encoded)
    answers = sorted(sum(e.trained) for e in encoded)
    if not lengths:
        return LengthFacts(0, math.nan, 0, 0, 0, 0)

    def at(values: list[int], share: float) -> int:
        return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)]

    return LengthFacts(
        n_rows=len(lengths),
        mean=sum(lengths) / len(lengths),
        p95=at(lengths, 0.95),
        p995=at(lengths, 0.995),
        longest=lengths[-1],
        lengths=tuple(lengths),
        answer_p95=at(answers, 0.95),
    )

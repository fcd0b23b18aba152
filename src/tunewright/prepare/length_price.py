"""What each choice of prepare.max_length would cost: rows and answers cut on one side, padding on the other.

In: the train rows as tokens. Out: LengthPrice for each length worth naming. Its own file because one number of the plan
decides both how much is lost and how long a step takes, and nobody should have to try to find out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.core.values import Encoded
from tunewright.text.batch import epoch_order

SHORTEST = 64
SAMPLED_ROWS = 300
"""Long rows whose answers are looked at for each length; each is rendered anew, in about half a millisecond."""
LEAST_OF_MEDIAN = 0.5
"""A length below half of the median row cuts nearly every row: nobody chooses it."""
CutAt = Callable[[Sequence[int], Sequence[int]], Sequence[Sequence[Encoded]]]
"""(positions of rows, lengths) -> each of these rows, cut at each of these lengths."""


@dataclass(frozen=True, slots=True)
class LengthPrice:
    """One choice of prepare.max_length."""

    max_length: int
    is_chosen: bool
    rows_cut: int
    tokens_cut: int
    answers_cut: int | None
    """Rows that lose trained tokens: exact at the chosen length and for few cut rows, else estimated from SAMPLED_ROWS.
    None: rows of this task have no trained tokens."""
    trained_tokens_lost: int | None
    padded_tokens: int
    """Of an epoch, padding included: what a step costs, but for attention over long rows."""
    cost: float
    """padded_tokens, relative to the chosen length."""


def length_prices(
    whole: Sequence[Encoded],
    cut: Sequence[Encoded],
    *,
    chosen: int,
    most: int,
    batch_size: int,
    cut_at: CutAt | None,
) -> tuple[LengthPrice, ...]:
    """In order of length: powers of two around the rows' lengths, and the chosen one.

    whole, cut: train rows before any cut, and cut at the chosen length. most: the model's context.
    cut_at: None where rows have no trained tokens.
    """
    lengths = [len(e) for e in whole]
    if not lengths:
        return ()
    named = named_lengths(lengths, chosen=chosen, most=most)
    lost = _trained_lost(whole, cut, named, chosen=chosen, cut_at=cut_at) if cut_at else {}
    padded = {n: padded_tokens([min(n, length) for length in lengths], batch_size=batch_size) for n in named}
    return tuple(
        LengthPrice(
            max_length=n,
            is_chosen=n == chosen,
            rows_cut=sum(length > n for length in lengths),
            tokens_cut=sum(max(0, length - n) for length in lengths),
            answers_cut=lost[n][0] if cut_at else None,
            trained_tokens_lost=lost[n][1] if cut_at else None,
            padded_tokens=padded[n],
            cost=padded[n] / padded[chosen],
        )
        for n in named
    )


def named_lengths(lengths: Sequence[int], *, chosen: int, most: int) -> tuple[int, ...]:
    """Powers of two from half of the median to the first that cuts nothing, and the chosen one.

    >>> named_lengths([90, 100, 300], chosen=320, most=8192)
    (64, 128, 256, 320, 512)
    """
    longest, median = max(lengths), statistics.median(lengths)
    powers, n = [], SHORTEST
    while n < 2 * max(longest, SHORTEST) and n <= most:
        if n >= LEAST_OF_MEDIAN * median:
            powers.append(n)
        if n >= longest:
            break
        n *= 2
    return tuple(sorted({*powers, chosen}))


def padded_tokens(lengths: Sequence[int], *, batch_size: int) -> int:
    """Rows times the longest of each batch, over an epoch in training's own order.

    >>> padded_tokens([4, 10, 3, 9], batch_size=2)
    28
    """
    batches = epoch_order(lengths, batch_size=batch_size, seed=0, epoch=0)
    return sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)


def _trained_lost(
    whole: Sequence[Encoded], cut: Sequence[Encoded], named: Sequence[int], *, chosen: int, cut_at: CutAt
) -> dict[int, tuple[int, int]]:
    """Length -> rows that lose trained tokens, and how many tokens they lose; exact at the chosen length."""
    lost = {}
    for n in named:
        long = [i for i, e in enumerate(whole) if len(e) > n]
        looked = long if n == chosen else long[:: max(1, -(-len(long) // SAMPLED_ROWS))]
        after = [cut[i] for i in looked] if n == chosen else [row for (row,) in cut_at(looked, (n,))]
        gone = [sum(whole[i].trained) - sum(row.trained) for i, row in zip(looked, after, strict=True)]
        scale = len(long) / len(looked) if looked else 0.0
        lost[n] = (round(scale * sum(k > 0 for k in gone)), round(scale * sum(gone)))
    return lost

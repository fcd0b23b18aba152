"""How often would chance alone make a difference this large? The answers of each row are swapped by coin.

In: a function that makes differences of swapped rows, the observed one. Out: a p-value. Its own file because metrics of
every kind are compared by it, each swapping in its own way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.intervals import chunks

Floats = NDArray[np.float64]

N_PERMUTATIONS = 4999
"""With the observed one 5,000: the p-value's own error at .05 is .003. Source: Phipson & Smyth 2010 for the +1."""
TIE_TOLERANCE = 1e-12
"""Sums of the same numbers in another order differ in the last digits; they count as equal."""


def permutation_p(permuted: Callable[[int], Floats], *, observed: float, width: int) -> float:
    """Share of permutations, the observed one included, whose difference is at least as large in size.

    permuted: that many permutations -> their differences.
    """
    bar = abs(observed) - TIE_TOLERANCE * max(1.0, abs(observed))
    n_extreme = sum(
        int((np.abs(permuted(chunk.stop - chunk.start)) >= bar).sum()) for chunk in chunks(N_PERMUTATIONS, width=width)
    )
    return (1 + n_extreme) / (1 + N_PERMUTATIONS)

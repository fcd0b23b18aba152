"""How often would chance alone make a difference this large? The answers of each row are swapped by coin.

In: a function that makes differences of swapped rows, the observed one. Out: a p-value. Its own file because metrics of
every kind are compared by it, each swapping in its own way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.statistics.intervals import chunks

Floats = NDArray[np.float64]

N_PERMUTATIONS = 4999
"""With the observed one 5,000: the p-value's own error at .05 is .003. Source: Phipson & Smyth 2010 for the +1."""
TIE_TOLERANCE = 1e-12
"""Sums of the same numbers in another order differ in the last digits; they count as equal."""


def permutation_p(permuted: Callable[[int], Floats], *, observed: float, width: int) -> float:
    """Share of permutations, the observed one included, whose difference is at least as large in size.

    permuted: that many permutations -> their differences.
    """
    return float(permutation_ps(lambda n: permuted(n)[:, None], observed_S=np.array([observed]), width=width)[0])


def permutation_ps(permuted: Callable[[int], Floats], *, observed_S: Floats, width: int) -> Floats:
    """The same for S differences at once, each with its own p-value: permuted gives permutations x S."""
    bar_S = np.abs(observed_S) - TIE_TOLERANCE * np.maximum(1.0, np.abs(observed_S))
    n_extreme_S = np.zeros(len(observed_S))
    for chunk in chunks(N_PERMUTATIONS, width=width):
        n_extreme_S += (np.abs(permuted(chunk.stop - chunk.start)) >= bar_S).sum(axis=0)
    return np.asarray((1 + n_extreme_S) / (1 + N_PERMUTATIONS))

"""95 % intervals: where the true value may lie, given these rows.

In: counts or sums for each row, a seed. Out: (low, high), nan where nothing can be said.
Its own file because every number and every comparison gets its interval from here, and each method has its oracle.
Axes: U units that are drawn (rows, or groups of them), R resamples, P columns, C cells (kinds of row), K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Interval = tuple[float, float]

UNKNOWN: Interval = (math.nan, math.nan)
LEVEL = 0.95
Z = float(ndtri(0.5 + LEVEL / 2))
"""1.96: normal quantile of a two-sided 95 % interval."""
N_RESAMPLES = 2000
"""Monte Carlo error of a 2.5 % tail is then 0.35 points. Source: Efron & Tibshirani 1993, ch. 14: 1,000 or more."""
CHUNK_NUMBERS = 2_000_000
"""Random numbers held at once: 16 MB, so that 100,000 rows need no more memory than 1,000."""


def wilson(n_right: float, n: float) -> Interval:
    """Score interval of a share; nan when n is 0.

    Source: Wilson 1927; equal to statsmodels proportion_confint(method="wilson"). Covers 93 to 97 % on average over
    p from n = 50 on, where the textbook interval does not.

    >>> low, high = wilson(5, 10)
    >>> round(low, 4), round(high, 4)
    (0.2366, 0.7634)
    """
    if n == 0:
        return UNKNOWN
    share = n_right / n
    centre = share + Z**2 / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def paired_difference(*, both: int, only_a: int, only_b: int, neither: int) -> Interval:
    """Interval of share(a) minus share(b) over the same rows; nan without rows.

    Source: Newcombe 1998 (paired), method 10: Wilson intervals of both shares joined with their correlation phi.
    """
    n = both + only_a + only_b + neither
    if n == 0:
        return UNKNOWN
    right_a, right_b = both + only_a, both + only_b
    share_a, share_b = right_a / n, right_b / n
    low_a, high_a = wilson(right_a, n)
    low_b, high_b = wilson(right_b, n)
    phi = _phi(both=both, only_a=only_a, only_b=only_b, neither=neither)
    down = _joined(share_a - low_a, high_b - share_b, phi)
    up = _joined(high_a - share_a, share_b - low_b, phi)
    difference = (only_a - only_b) / n
    return max(-1.0, difference - down), min(1.0, difference + up)


def bca(draws_R: Floats, *, value: float, left_out_C: Floats, counts_C: Floats) -> Interval:
    """Bias-corrected and accelerated bootstrap interval.

    draws_R: the statistic on each resample. left_out_C: the statistic without one row of each kind, counts_C: how many
    rows are of that kind. Undefined draws are left out. All draws equal: that value twice.
    Source: Efron 1987; scipy.stats.bootstrap(method="BCa").
    """
    draws_R = draws_R[np.isfinite(draws_R)]
    if len(draws_R) == 0 or not math.isfinite(value):
        return UNKNOWN
    below = (np.mean(draws_R < value) + np.mean(draws_R <= value)) / 2
    edge = 1 / (2 * len(draws_R))
    bias = float(ndtri(np.clip(below, edge, 1 - edge)))
    shift = _acceleration(left_out_C, counts_C)
    tails = []
    for z in (-Z, Z):
        moved = bias + z
        tails.append(float(ndtr(bias + moved / max(1e-9, 1 - shift * moved))))
    low, high = np.quantile(draws_R, tails)
    return float(low), float(high)


def sum_draws(parts_UP: Floats, *, seed: int, n_resamples: int = N_RESAMPLES) -> Floats:
    """Sums of each column over resampled units (rows, or groups of them), resamples x columns.

    Cost: n_resamples x U random numbers, about 0.1 s for 3,000.
    """
    n = len(parts_UP)
    random = np.random.default_rng(seed)
    sums_RP = np.empty((n_resamples, parts_UP.shape[1]))
    for chunk in chunks(n_resamples, width=n):
        lines = chunk.stop - chunk.start
        drawn_RU = random.integers(0, n, size=(lines, n), dtype=np.int32)
        places = (drawn_RU + n * np.arange(lines)[:, None]).ravel()
        times_RU = np.bincount(places, minlength=lines * n).reshape(lines, n)
        sums_RP[chunk] = times_RU @ parts_UP
    return sums_RP


def sums_interval(statistic: Callable[[Floats], Floats], parts_UP: Floats, *, seed: int) -> Interval:
    """BCa interval of a statistic of summed columns, units resampled; nan for fewer than two.

    statistic: sums, any number x columns -> one value each.
    """
    if len(parts_UP) < 2:
        return UNKNOWN
    total_P = parts_UP.sum(axis=0)
    return bca(
        statistic(sum_draws(parts_UP, seed=seed)),
        value=float(statistic(total_P[None, :])[0]),
        left_out_C=statistic(total_P - parts_UP),
        counts_C=np.ones(len(parts_UP)),
    )


def ratio_of(sums_RP: Floats) -> Floats:
    """First column over the second."""
    return ratio(sums_RP[:, 0], sums_RP[:, 1])


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, nan where whole is 0: a resample may have none of what is counted."""
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0))


def cell_draws(
    statistic: Callable[[Floats], Floats], counts_C: NDArray[np.int64], *, seed: int, n_resamples: int = N_RESAMPLES
) -> Floats:
    """The statistic of resampled counts of each kind of row: drawing rows with replacement, without the rows."""
    n, random, found = int(counts_C.sum()), np.random.default_rng(seed), []
    for chunk in chunks(n_resamples, width=len(counts_C)):
        drawn_BC = random.multinomial(n, counts_C / n, size=chunk.stop - chunk.start)
        found.append(statistic(drawn_BC.astype(np.float64)))
    return np.concatenate(found)


def cell_interval(statistic: Callable[[Floats], Floats], *, counts_C: NDArray[np.int64], seed: int) -> Interval:
    """BCa interval of a statistic of counts, rows resampled; nan for fewer than two rows.

    statistic: counts, any number x cells -> one value each; asked for few lines at once, because kinds grow with rows.
    """
    if counts_C.sum() < 2:
        return UNKNOWN
    counts, left_out = counts_C.astype(np.float64), []
    for chunk in chunks(len(counts), width=len(counts)):
        lines_BC = np.tile(counts, (chunk.stop - chunk.start, 1))
        lines_BC[np.arange(len(lines_BC)), np.arange(chunk.start, chunk.stop)] -= 1
        left_out.append(statistic(lines_BC))
    return bca(
        cell_draws(statistic, counts_C, seed=seed),
        value=float(statistic(counts[None, :])[0]),
        left_out_C=np.concatenate(left_out),
        counts_C=counts,
    )


def chunks(n: int, *, width: int) -> Iterator[slice]:
    """Slices of range(n) so that slice x width stays within CHUNK_NUMBERS."""
    step = max(1, CHUNK_NUMBERS // max(1, width))
    return (slice(start, min(n, start + step)) for start in range(0, n, step))


def _acceleration(left_out_C: Floats, counts_C: Floats) -> float:
    is_known = np.isfinite(left_out_C)
    left, counts = left_out_C[is_known], counts_C[is_known]
    if not len(left):
        return 0.0
    pull = np.average(left, weights=counts) - left
    spread = float((counts * pull**2).sum())
    return float((counts * pull**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def _phi(*, both: int, only_a: int, only_b: int, neither: int) -> float:
    """Correlation of two right/wrong columns with Newcombe's correction; 0 when a margin is empty."""
    n = both + only_a + only_b + neither
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if margins == 0:
        return 0.0
    product: float = both * neither - only_a * only_b
    if product > 0:
        product = max(0.0, product - n / 2)  # continuity correction of method 10, for positive correlation only
    return float(product / math.sqrt(margins))


def _joined(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))

"""Metrics made from all the rows' numbers together: root mean square error, R squared, rank correlation.

In: numbers and the answers to them. Out: the metric for any number of resamples at once. Its own file because no row
has a value of its own: an interval resamples rows, a test swaps answers, and both need the whole made anew.
Axes: R lines (resamples or permutations), N rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tunewright.core.scale import number_of
from tunewright.core.values import Prediction
from tunewright.evaluate.statistics.intervals import N_RESAMPLES, UNKNOWN, Interval, bca, chunks
from tunewright.evaluate.statistics.units import Units

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Statistic = Callable[[Floats, Floats], Floats]
"""(numbers_RN, answers_RN) -> one value a line; nan where it is not defined."""

MOST_LEFT_OUT = 500
"""Parts that are left out in turn for the interval's acceleration: rows, or blocks of rows where there are more.
Source: delete-a-group jackknife, Kott 2001."""


def numbers_of(predictions: Sequence[Prediction]) -> tuple[Floats, Floats]:
    """(numbers, answers) of each row, nan where there is none."""
    pairs = [(_number(p.reference), _number(p.answer)) for p in predictions]
    both_N2 = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return both_N2[:, 0], both_N2[:, 1]


def rmse(numbers_RN: Floats, answers_RN: Floats) -> Floats:
    return np.asarray(np.sqrt(np.mean((answers_RN - numbers_RN) ** 2, axis=1)))


def r2(numbers_RN: Floats, answers_RN: Floats) -> Floats:
    """Below 0 for answers that are worse than the mean. Source: sklearn.metrics.r2_score."""
    around_RN = numbers_RN - numbers_RN.mean(axis=1, keepdims=True)
    spread_R, error_R = (around_RN**2).sum(axis=1), ((answers_RN - numbers_RN) ** 2).sum(axis=1)
    is_spread_R = np.ptp(numbers_RN, axis=1) > 0
    return np.asarray(1 - np.divide(error_R, spread_R, out=np.full(len(error_R), np.nan), where=is_spread_R))


def spearman(numbers_RN: Floats, answers_RN: Floats) -> Floats:
    """Source: scipy.stats.spearmanr."""
    ranks = [rankdata(side_RN, axis=1) for side_RN in (numbers_RN, answers_RN)]
    a_RN, b_RN = (side_RN - side_RN.mean(axis=1, keepdims=True) for side_RN in ranks)
    length_R = np.sqrt((a_RN**2).sum(axis=1) * (b_RN**2).sum(axis=1))
    product_R = (a_RN * b_RN).sum(axis=1)
    return np.asarray(np.divide(product_R, length_R, out=np.full(len(length_R), np.nan), where=length_R > 0))


STATISTICS: dict[str, Statistic] = {"rmse": rmse, "r2": r2, "spearman": spearman}


def value_of(statistic: Statistic, *columns_N: Floats) -> float:
    """Of the rows as they are; nan without rows."""
    return float(statistic(columns_N[0][None], columns_N[1][None])[0]) if len(columns_N[0]) else math.nan


def interval(statistic: Callable[..., Floats], *columns_N: Floats, seed: int, units: Units | None = None) -> Interval:
    """BCa interval of a statistic of several columns, rows resampled jointly; nan for fewer than two rows.

    units: what is drawn instead of single rows.
    """
    is_grouped = units is not None and units.is_grouped
    members = units.members() if units is not None and is_grouped else []
    n = len(members) if is_grouped else len(columns_N[0])
    if n < 2:
        return UNKNOWN
    random = np.random.default_rng(seed)
    draws_R = np.empty(N_RESAMPLES)
    for chunk in chunks(N_RESAMPLES, width=n):
        drawn_RU = random.integers(0, n, size=(chunk.stop - chunk.start, n), dtype=np.int32)
        if is_grouped:  # groups differ in size, so each draw has a length of its own
            picked = (np.concatenate([members[unit] for unit in line]) for line in drawn_RU)
            draws_R[chunk] = [statistic(*(column_N[None, rows] for column_N in columns_N))[0] for rows in picked]
        else:
            draws_R[chunk] = statistic(*(column_N[drawn_RU] for column_N in columns_N))
    parts = np.array_split(np.arange(n), min(n, MOST_LEFT_OUT))
    if is_grouped:
        parts = [np.concatenate([members[unit] for unit in part]) for part in parts]
    value = float(statistic(*(column_N[None] for column_N in columns_N))[0])
    left_out_C = _left_out(statistic, columns_N, parts)
    return bca(draws_R, value=value, left_out_C=left_out_C, counts_C=np.ones(len(parts)))


def _left_out(statistic: Callable[..., Floats], columns_N: Sequence[Floats], parts: Sequence[Ints]) -> Floats:
    """The statistic without one part after the other; parts of one size at once."""
    n, found_C = len(columns_N[0]), np.empty(len(parts))
    for size in {len(part) for part in parts}:
        alike = np.array([c for c, part in enumerate(parts) if len(part) == size])
        for chunk in chunks(len(alike), width=n):
            is_left_RN = np.ones((chunk.stop - chunk.start, n), dtype=bool)
            for line, c in enumerate(alike[chunk]):
                is_left_RN[line, parts[c]] = False
            left_RN = np.nonzero(is_left_RN)[1].reshape(len(is_left_RN), n - size)
            found_C[alike[chunk]] = statistic(*(column_N[left_RN] for column_N in columns_N))
    return found_C


def _number(text: str) -> float:
    number = number_of(text)
    return math.nan if number is None else number

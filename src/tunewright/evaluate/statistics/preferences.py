"""What people prefer: a sign test over rows, the share with its interval, how far raters agree.

In: for each row, what its raters said. Out: Preference, Agreement. Its own file because a preference has no metric
behind it: a row says this one, that one, or neither.
Axes: N rows, U units (rows, or groups of them), P columns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from tunewright.core.values import Verdict
from tunewright.evaluate.statistics import intervals
from tunewright.evaluate.statistics.compare import ALPHA, mid_p_mcnemar
from tunewright.evaluate.statistics.intervals import UNKNOWN, Interval, ratio_of, wilson
from tunewright.evaluate.statistics.permutation import N_PERMUTATIONS, permutation_p
from tunewright.evaluate.statistics.units import Units

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Preference:
    """Of a over b."""

    wins: int
    """Rows on which a is preferred."""
    losses: int
    ties: int
    share: float
    """Of the rows with a preference, those that prefer a; nan without one."""
    ci95: Interval
    p_value: float
    """That a and b are preferred equally often, exact; 1 without a preference."""
    mid_p: float
    """The same with half of the observed point; of rows in groups, p_value."""
    test: str
    verdict: Verdict
    """Of a: p below .05 and an interval without one half."""

    @property
    def decided(self) -> int:
        return self.wins + self.losses


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of raters who saw the same rows."""

    rows: int
    """Rows with a vote of two raters or more."""
    share: float
    """Of the pairs of votes on one row, those that are equal; nan without a shared row."""
    ci95: Interval
    """Rows resampled."""
    alpha: float
    """Krippendorff's alpha, nominal: 1 all agree, 0 as by chance; nan where every vote is the same."""


def preference(signs: Sequence[int], units: Units, *, seed: int) -> Preference:
    """signs: of each row, 1 prefers a, -1 prefers b, 0 neither.

    Ties are left out of test and share (Dixon & Mood 1946). Rows of their own: the exact binomial sign test, Wilson's
    interval. Rows in groups: the two answers are swapped by group (permutation test), groups are resampled (BCa
    bootstrap). The verdict takes the exact p: the number of rows with a preference hardly varies, other than that of
    McNemar's test, and then mid-p calls equal systems different in up to 7.7 of 100 samples (16 rows).
    """
    wins, losses = sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)
    decided = wins + losses
    if units.is_grouped and decided:
        ci95, p_value, test = _over_groups(signs, units, seed=seed)
        mid_p = p_value
    else:
        ci95 = wilson(wins, decided)
        p_value, mid_p = sign_p(wins, losses), mid_p_mcnemar(only_a=wins, only_b=losses)
        test = f"exact sign test, Wilson interval; {decided} rows with a preference"
    is_clear = p_value < ALPHA and (ci95[0] > 0.5 or ci95[1] < 0.5)
    verdict: Verdict = "not distinguishable" if not is_clear else "better" if wins > losses else "worse"
    share = wins / decided if decided else math.nan
    return Preference(wins, losses, len(signs) - decided, share, ci95, p_value, mid_p, test, verdict)


def sign_p(wins: int, losses: int) -> float:
    """Two-sided exact binomial p-value of a fair coin; 1 without a throw. Equal to scipy's binomtest.

    >>> sign_p(0, 5)  # 2 * (1/32)
    0.0625
    """
    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def row_sign(signs: Sequence[int]) -> int:
    """One vote for a row that several people have judged: the side with more votes, 0 where they are even.

    >>> row_sign([1, 1, -1]), row_sign([1, -1]), row_sign([0, 0, -1])
    (1, 0, -1)
    """
    return (sum(signs) > 0) - (sum(signs) < 0)


def agreement(votes: Sequence[Sequence[int]], *, seed: int) -> Agreement:
    """votes: of each row, what its raters said; rows with one vote or none do not count.

    Source of alpha: Krippendorff 2011, Computing Krippendorff's alpha-reliability, section C (nominal data).
    """
    shared = [row for row in votes if len(row) > 1]
    if not shared:
        return Agreement(0, math.nan, UNKNOWN, math.nan)
    parts_NP = np.array([[_equal_pairs(row), len(row) * (len(row) - 1) / 2] for row in shared])
    equal, pairs = parts_NP.sum(axis=0)
    return Agreement(
        rows=len(shared),
        share=float(equal / pairs),
        ci95=intervals.sums_interval(ratio_of, parts_NP, seed=seed),
        alpha=_alpha(shared),
    )


def _equal_pairs(row: Sequence[int]) -> int:
    return sum(first == second for first, second in combinations(row, 2))


def _alpha(shared: Sequence[Sequence[int]]) -> float:
    """1 minus observed over expected disagreement; a row of m votes counts each of its pairs 1 / (m - 1) times."""
    counts = Counter(vote for row in shared for vote in row)
    n = sum(counts.values())
    observed = sum(2 * (math.comb(len(row), 2) - _equal_pairs(row)) / (len(row) - 1) for row in shared)
    expected = (n * n - sum(count * count for count in counts.values())) / (n - 1)
    return 1 - observed / expected if expected else math.nan


def _over_groups(signs: Sequence[int], units: Units, *, seed: int) -> tuple[Interval, float, str]:
    sign_N = np.array(signs, dtype=np.float64)
    parts_UP = units.sums(np.column_stack([sign_N > 0, sign_N < 0]).astype(np.float64))
    lead_U = parts_UP[:, 0] - parts_UP[:, 1]
    random = np.random.default_rng([seed, 1])

    def swapped(n_lines: int) -> Floats:
        return np.asarray(np.where(random.random((n_lines, units.n)) < 0.5, -1.0, 1.0) @ lead_U)

    def share(sums_RP: Floats) -> Floats:
        return intervals.ratio(sums_RP[:, 0], sums_RP.sum(axis=1))

    p_value = permutation_p(swapped, observed=float(lead_U.sum()), width=units.n)
    test = (
        f"paired permutation test, {N_PERMUTATIONS + 1} swaps; BCa bootstrap interval, {intervals.N_RESAMPLES} "
        f"resamples; {len(signs)} rows in {units.n} groups, each drawn and swapped as a whole"
    )
    ci95 = intervals.sums_interval(share, parts_UP, seed=seed)
    if ci95[0] == ci95[1]:  # every group says the same: resampling them knows no doubt
        said = int((parts_UP.sum(axis=1) > 0).sum())
        ci95 = wilson(said * ci95[0], said)
    return ci95, p_value, test

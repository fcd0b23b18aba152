"""Which differences a test set will probably show: known before anything is trained.

In: how many test rows. Out: Resolution. Its own file because it is arithmetic with its own sources.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DETECTABLE_SE = 2.8
"""A difference of this many standard errors is found in 8 of 10 experiments at the 5 % level.
Source: Miller 2024, "Adding Error Bars to Evals", eq. 9 (1.96 + .84)."""
DISAGREEMENT = 0.2
"""Share of test rows on which exactly one of two systems is right, until it is measured. Ours: a tuned model and its
keyword rival on the shipped example differ on a fifth."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the test rows can tell apart."""

    n_test: int
    in_deviations: float
    """Smallest difference found in 8 of 10 experiments, in standard deviations of the rows' differences."""
    in_points: float
    """classify: the same in points of accuracy, if DISAGREEMENT holds; else nan."""


def resolution(n_test: int, *, is_classify: bool) -> Resolution:
    """The smallest difference that n test rows are likely to show.

    >>> round(resolution(100, is_classify=True).in_points, 1)
    12.5
    """
    if not n_test:
        return Resolution(0, math.nan, math.nan)
    in_deviations = DETECTABLE_SE / math.sqrt(n_test)
    points = 100 * in_deviations * math.sqrt(DISAGREEMENT) if is_classify else math.nan
    return Resolution(n_test, in_deviations, points)

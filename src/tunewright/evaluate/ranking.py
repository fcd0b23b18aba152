"""Does the right label's probability rank high? Area under the ROC curve, one label against all others, averaged.

In: Predictions with probabilities. Out: the area, each row's influence on it, an interval, a paired test. Its own file
because an area is made of pairs of rows: its variance has a closed form, and no row has a value of its own.
Axes: N rows, K labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from tunewright.core.values import Prediction
from tunewright.evaluate.intervals import UNKNOWN, Interval, Z

Floats = NDArray[np.float64]

LEAST_ROWS = 2
"""Of a label and of the others: one row alone has no variance."""


@dataclass(frozen=True, slots=True)
class Area:
    """Mean over labels."""

    value: float
    """How often a row of the label gets a higher probability of it than a row without; ties count half. nan: no label
    has enough rows."""
    influence_N: Floats
    """How much each row moves it: the variance is the sum of their squares."""

    @property
    def standard_error(self) -> float:
        return math.sqrt(float((self.influence_N**2).sum()))


def area_of(predictions: Sequence[Prediction], labels: Sequence[str]) -> Area:
    """Of rows with probabilities and a label seen in train, over labels with LEAST_ROWS of each kind.

    Source: DeLong, DeLong & Clarke-Pearson 1988, by midranks as Sun & Xu 2014; the mean over labels is linear in their
    placements, so its variance is too. Equal to sklearn.metrics.roc_auc_score(multi_class="ovr", average="macro").
    """
    chosen_N = np.array([labels.index(p.reference) for p in predictions], dtype=np.int64)
    p_NK = np.array([p.probabilities for p in predictions], dtype=np.float64).reshape(len(predictions), len(labels))
    areas, influences = [], []
    for k in range(p_NK.shape[1]):
        is_of_N = chosen_N == k
        if min(int(is_of_N.sum()), int((~is_of_N).sum())) >= LEAST_ROWS:
            area, influence_N = _one_label(p_NK[:, k], is_of_N)
            areas.append(area)
            influences.append(influence_N)
    if not areas:
        return Area(math.nan, np.zeros(len(predictions)))
    return Area(float(np.mean(areas)), np.mean(influences, axis=0))


def ranked_rows(predictions: Sequence[Prediction], labels: Sequence[str]) -> list[Prediction]:
    """Those that count."""
    return [p for p in predictions if p.probabilities and p.reference in labels]


def area_interval(area: Area) -> Interval:
    """Normal on the logit scale, so that it stays between 0 and 1; the value twice where no row moves it."""
    value, error = area.value, area.standard_error
    if not math.isfinite(value):
        return UNKNOWN
    if not 0 < value < 1 or error == 0:
        return value, value
    centre, half = math.log(value / (1 - value)), Z * error / (value * (1 - value))
    return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def area_difference(a: Area, b: Area) -> tuple[float, Interval, float]:
    """(a minus b, its interval, p) over the same rows: DeLong's paired test."""
    difference = a.value - b.value
    error = math.sqrt(float(((a.influence_N - b.influence_N) ** 2).sum()))
    if not math.isfinite(difference):
        return difference, UNKNOWN, math.nan
    if error == 0:
        return difference, (difference, difference), 1.0 if difference == 0 else 0.0
    return (
        difference,
        (difference - Z * error, difference + Z * error),
        float(2 * ndtr(-abs(difference) / error)),
    )


def _one_label(score_N: Floats, is_of_N: NDArray[np.bool_]) -> tuple[float, Floats]:
    """The area and each row's influence on it."""
    of, others = score_N[is_of_N], score_N[~is_of_N]
    n, m = len(of), len(others)
    ranks_N = rankdata(score_N)
    placed_of = (ranks_N[is_of_N] - rankdata(of)) / m
    placed_others = 1 - (ranks_N[~is_of_N] - rankdata(others)) / n
    area = float(placed_of.mean())
    influence_N = np.empty(len(score_N))
    influence_N[is_of_N] = (placed_of - area) / math.sqrt(n * (n - 1))
    influence_N[~is_of_N] = (placed_others - area) / math.sqrt(m * (m - 1))
    return area, influence_N

"""Does the right label's probability rank high? Areas under the ROC and the precision-recall curve, one label against
all others, averaged.

In: Predictions with probabilities. Out: the area, each row's influence on it, an interval, a paired test. Its own file
because an area is made of ranks: its variance has a closed form, and no row has a value of its own.
Axes: N rows, G groups of rows with equal scores, K labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from tunewright.core.values import Prediction
from tunewright.evaluate.statistics.intervals import UNKNOWN, Interval, Z
from tunewright.evaluate.statistics.units import Units

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
    """How much each row (or group of rows) moves it: the variance is the sum of their squares."""

    @property
    def standard_error(self) -> float:
        return math.sqrt(float((self.influence_N**2).sum()))


def area_of(predictions: Sequence[Prediction], labels: Sequence[str], *, metric: str = "roc_auc") -> Area:
    """Of rows with probabilities and a label seen in train, over labels with LEAST_ROWS of each kind.

    metric: roc_auc or pr_auc. The mean over labels is linear in what the rows do to each, so its variance is too.
    Equal to sklearn.metrics.roc_auc_score(multi_class="ovr", average="macro") and average_precision_score.
    """
    chosen_N = np.array([labels.index(p.reference) for p in predictions], dtype=np.int64)
    p_NK = np.array([p.probabilities for p in predictions], dtype=np.float64).reshape(len(predictions), len(labels))
    areas, influences = [], []
    for k in range(p_NK.shape[1]):
        is_of_N = chosen_N == k
        if min(int(is_of_N.sum()), int((~is_of_N).sum())) >= LEAST_ROWS:
            area, influence_N = _AREAS[metric](p_NK[:, k], is_of_N)
            areas.append(area)
            influences.append(influence_N)
    if not areas:
        return Area(math.nan, np.zeros(len(predictions)))
    return Area(float(np.mean(areas)), np.mean(influences, axis=0))


def ranked_rows(predictions: Sequence[Prediction], labels: Sequence[str]) -> list[Prediction]:
    """Those that count."""
    return [p for p in predictions if p.probabilities and p.reference in labels]


def of_units(area: Area, units: Units) -> Area:
    """The same area, moved by whole groups of rows. Source: Obuchowski 1997, clustered DeLong."""
    if not units.is_grouped:
        return area
    moved_U = units.sums(area.influence_N[:, None])[:, 0]
    return replace(area, influence_N=moved_U * math.sqrt(units.n / (units.n - 1)) if units.n > 1 else moved_U)


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
    """(a minus b, its interval, p) over the same rows: DeLong's paired test, and the same for pr_auc."""
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


def _under_roc(score_N: Floats, is_of_N: NDArray[np.bool_]) -> tuple[float, Floats]:
    """How often a row of the label gets a higher score than one of the others, and each row's influence on it.

    Source: DeLong, DeLong & Clarke-Pearson 1988, by midranks as Sun & Xu 2014.
    """
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


def _under_precision_recall(score_N: Floats, is_of_N: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Average precision: the mean, over rows of the label, of the share of its rows among those scored as high.

    A row's influence is the mean of all areas with one row left out, less the area without this row (jackknife, Efron
    1982), from running sums instead of N areas: only rows scored as high or lower see that it is gone.
    """
    values_G, group_N, counts_G = np.unique(-score_N, return_inverse=True, return_counts=True)  # the highest first
    of_G = np.bincount(group_N, weights=is_of_N, minlength=len(values_G))
    found_G, above_G, n_of, n = np.cumsum(of_G), np.cumsum(counts_G), float(of_G.sum()), len(score_N)
    share_G = of_G * found_G / above_G
    less_G = np.maximum(1, above_G - 1)  # a row alone at the top sees nothing but itself
    before_G = np.cumsum(share_G) - share_G
    without_of_G = (found_G - 1) / less_G
    after_of_G, after_other_G = (np.cumsum(x_G[::-1])[::-1] for x_G in (of_G * without_of_G, of_G * found_G / less_G))
    left_of_G = (before_G + after_of_G - without_of_G) / (n_of - 1)
    left_N = np.where(is_of_N, left_of_G[group_N], (before_G + after_other_G)[group_N] / n_of)
    return float(share_G.sum() / n_of), math.sqrt((n - 1) / n) * (left_N.mean() - left_N)


_AREAS: dict[str, Callable[[Floats, NDArray[np.bool_]], tuple[float, Floats]]] = {
    "roc_auc": _under_roc,
    "pr_auc": _under_precision_recall,
}

"""Can the confidence be believed? Said probability against how often it is right, and what is left when the unsure
answers are put aside.

In: Predictions with probabilities. Out: Confidence, the rows' columns in one order; the calibration error, its
interval, bins, and coverage against accuracy. Its own file because all of them read the same ranking of rows.
Axes: N rows, from unsure to sure. G groups of rows with equal confidence. K bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Prediction
from tunewright.evaluate.measures.definition import MOST_BINS, ROWS_A_BIN
from tunewright.evaluate.statistics.intervals import Interval, wilson

Floats = NDArray[np.float64]

N_CALIBRATED = 500
"""Simulated models whose confidence is true: what error they show is chance. Its mean is known to 2 %."""
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)


@dataclass(frozen=True, slots=True)
class Confidence:
    """Rows with a probability and a known label, the unsure first."""

    confidence_N: Floats
    """Largest probability."""
    right_N: Floats
    """1.0 where that label is the row's."""
    ends_G: NDArray[np.int64]
    """Last row of each group of equal confidence: their order means nothing, so a bin takes a share of each."""

    @property
    def n_bins(self) -> int:
        return max(1, min(MOST_BINS, len(self.right_N) // ROWS_A_BIN))


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows that are about equally sure."""

    confidence: float
    """Mean of what the model says."""
    accuracy: float
    """How often it is right."""
    ci95: Interval
    """Wilson."""
    n: float
    """Rows; a group of equals that lies across a border counts in parts."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is left when the unsure rows are left to a person."""

    coverage: float
    """Share of rows that are answered."""
    threshold: float
    """The least sure of them."""
    accuracy: float
    ci95: Interval
    """Wilson."""
    n: int


def confidence_of(predictions: Sequence[Prediction]) -> Confidence:
    """Of the rows that have probabilities and a reference label."""
    return ranked(*confidence_columns(confident(predictions)))


def confident(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Those that count."""
    return [p for p in predictions if p.probabilities and p.reference]


def confidence_columns(predictions: Sequence[Prediction]) -> tuple[Floats, Floats]:
    """(largest probability, 1.0 where its label is the row's), in the order of the rows, all of which have both."""
    return (
        np.array([max(p.probabilities) for p in predictions], dtype=np.float64),
        np.array([float(p.answer == p.reference) for p in predictions], dtype=np.float64),
    )


def ranked(confidence_N: Floats, right_N: Floats) -> Confidence:
    """The columns, the unsure first."""
    order_N = np.argsort(confidence_N, kind="stable")
    confidence_N, right_N = confidence_N[order_N], right_N[order_N]
    is_end_N = np.append(np.diff(confidence_N) > 0, True)[: len(confidence_N)]
    return Confidence(confidence_N, right_N, np.flatnonzero(is_end_N))


def calibration_error(rows: Confidence) -> float:
    """Mean distance between said and found, over bins of equally many rows; nan without rows. 0 is best.

    Source: Naeini et al. 2015, with bins of equal mass.
    """
    if not len(rows.right_N):
        return math.nan
    said_K, found_K, mass_K = _bins(rows)
    return float(np.abs(said_K - found_K).sum() / mass_K.sum())


def errors_of(said_RN: Floats, right_RN: Floats) -> Floats:
    """The calibration error of each line."""
    return np.array([calibration_error(ranked(*line)) for line in zip(said_RN, right_RN, strict=True)])


def error_by_chance(rows: Confidence, *, seed: int) -> float:
    """The mean error of models that are right exactly as often as they say, on rows as sure as these.

    Never 0: a bin of 20 rows that says .8 finds 14 or 18 of them. nan without rows.
    """
    if not len(rows.right_N):
        return math.nan
    random = np.random.default_rng(seed)
    found = []
    for _ in range(N_CALIBRATED):
        right_N = (random.random(len(rows.right_N)) < rows.confidence_N).astype(np.float64)
        found.append(calibration_error(Confidence(rows.confidence_N, right_N, rows.ends_G)))
    return float(np.mean(found))


def bins(rows: Confidence) -> tuple[Bin, ...]:
    """From unsure to sure; empty without rows."""
    if not len(rows.right_N):
        return ()
    said_K, found_K, mass_K = _bins(rows)
    return tuple(
        Bin(said / n, found / n, wilson(found, n), n)
        for said, found, n in zip(said_K.tolist(), found_K.tolist(), mass_K.tolist(), strict=True)
    )


def coverages(rows: Confidence) -> tuple[Coverage, ...]:
    """Accuracy on the surest share of the rows, for each of COVERAGES; rows as sure as the last one come with it.

    Source: El-Yaniv & Wiener 2010 (risk-coverage curve).
    """
    n, made = len(rows.right_N), []
    for share in COVERAGES if n else ():
        threshold = rows.confidence_N[n - max(1, round(share * n))]
        is_kept_N = rows.confidence_N >= threshold
        kept = int(is_kept_N.sum())
        right = float(rows.right_N[is_kept_N].sum())
        made.append(Coverage(kept / n, float(threshold), right / kept, wilson(right, kept), kept))
    return tuple(dict.fromkeys(made))


def _bins(rows: Confidence) -> tuple[Floats, Floats, Floats]:
    """Sums of confidence, of right answers and of rows for each bin."""

    def up_to(values_N: Floats) -> Floats:
        return np.concatenate([[0.0], np.cumsum(values_N)[rows.ends_G]])

    mass_G = up_to(np.ones(len(rows.right_N)))
    edges = np.linspace(0.0, mass_G[-1], rows.n_bins + 1)
    sums = (up_to(rows.confidence_N), up_to(rows.right_N), mass_G)
    said_K, found_K, mass_K = (np.diff(np.interp(edges, mass_G, some)) for some in sums)
    return said_K, found_K, mass_K

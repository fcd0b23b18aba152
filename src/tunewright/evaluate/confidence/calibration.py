"""Can the confidence be believed? Said probability against how often it is right, and what is left when the unsure
answers are put aside.

In: Predictions with probabilities. Out: Confidence, the rows' columns in one order; the calibration error, its
interval, bins, and coverage against accuracy. Its own file because all of them read the same ranking of rows.
Axes: N rows, from unsure to sure. G groups of rows with equal confidence. K bins, E their edges. R lines, each a
draw of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Prediction
from tunewright.evaluate.measures.definition import MOST_BINS, ROWS_A_BIN
from tunewright.evaluate.statistics.intervals import Interval, chunks, wilson

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
    """Last row of each group of equal confidence: their order means nothing."""


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
    return float(_errors(rows.confidence_N[None], rows.right_N[None])[0])


def errors_of(said_RN: Floats, right_RN: Floats) -> Floats:
    """The calibration error of each line."""
    order_RN = np.argsort(said_RN, axis=1, kind="stable")
    return _errors(*(np.take_along_axis(some_RN, order_RN, axis=1) for some_RN in (said_RN, right_RN)))


def error_by_chance(rows: Confidence, *, seed: int) -> float:
    """The mean error of models that are right exactly as often as they say, on rows as sure as these.

    Never 0: a bin of 20 rows that says .8 finds 14 or 18 of them. nan without rows.
    """
    n = len(rows.right_N)
    random, found_R = np.random.default_rng(seed), np.empty(N_CALIBRATED)
    for chunk in chunks(N_CALIBRATED, width=n):
        said_RN = np.broadcast_to(rows.confidence_N, (chunk.stop - chunk.start, n))
        found_R[chunk] = _errors(said_RN, (random.random(said_RN.shape) < said_RN).astype(np.float64))
    return float(np.mean(found_R))


def bins(rows: Confidence) -> tuple[Bin, ...]:
    """From unsure to sure; empty without rows."""
    if not len(rows.right_N):
        return ()
    (said_K,), (found_K,), mass_K = _bins(rows.confidence_N[None], rows.right_N[None])
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


def _errors(said_RN: Floats, right_RN: Floats) -> Floats:
    """Of lines that go from unsure to sure."""
    if not said_RN.shape[1]:
        return np.full(len(said_RN), math.nan)
    said_RK, found_RK, mass_K = _bins(said_RN, right_RN)
    return np.asarray(np.abs(said_RK - found_RK).sum(axis=1) / mass_K.sum())


def _bins(said_RN: Floats, right_RN: Floats) -> tuple[Floats, Floats, Floats]:
    """Sums of confidence and of right answers for each line and bin, and how many rows a bin has.

    The order of equals means nothing: a bin takes a share of each group of them.
    """
    n = said_RN.shape[1]
    edges_E = np.linspace(0.0, n, max(1, min(MOST_BINS, n // ROWS_A_BIN)) + 1)
    rows_E = np.minimum(edges_E.astype(np.int64), n - 1)  # in which an edge lies
    is_new_RN = said_RN[:, 1:] > said_RN[:, :-1]
    numbers_N = np.arange(1, n, dtype=np.int32)
    first_RN = np.maximum.accumulate(np.where(is_new_RN, numbers_N, 0), axis=1)
    after_RN = np.minimum.accumulate(np.where(is_new_RN, numbers_N, n)[:, ::-1], axis=1)[:, ::-1]
    first_RE = np.pad(first_RN, ((0, 0), (1, 0)))[:, rows_E]
    after_RE = np.pad(after_RN, ((0, 0), (0, 1)), constant_values=n)[:, rows_E]
    share_RE = (edges_E - first_RE) / (after_RE - first_RE)

    def sums(values_RN: Floats) -> Floats:
        up_to_RN = np.cumsum(np.pad(values_RN, ((0, 0), (1, 0))), axis=1)
        low_RE, high_RE = (np.take_along_axis(up_to_RN, some_RE, axis=1) for some_RE in (first_RE, after_RE))
        return np.diff(low_RE + share_RE * (high_RE - low_RE), axis=1)

    return sums(said_RN), sums(right_RN), np.diff(edges_E)

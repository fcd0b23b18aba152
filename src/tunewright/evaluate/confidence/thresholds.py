"""How sure must an answer be to go out without a person? Chosen on validation, measured on test.

In: Confidence of validation rows and of test rows. Out: for each wished accuracy the threshold that promises it, and
what it gives on rows that had no part in choosing it. Its own file because a threshold read off the test rows
promises too much.
Axes: N rows, from unsure to sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunewright.evaluate.confidence.calibration import Confidence
from tunewright.evaluate.statistics.intervals import UNKNOWN, Interval, wilson

WISHED = (0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True, slots=True)
class Threshold:
    """For one wished accuracy."""

    wished: float
    threshold: float | None
    """The least sure answer that may go out; None: validation has too few rows or right answers to promise it."""
    coverage: float
    """Share of test rows that go out."""
    accuracy: float
    """Of those; nan where none does."""
    ci95: Interval
    """Wilson."""
    n: int


def thresholds(validation: Confidence, test: Confidence) -> tuple[Threshold, ...]:
    """One for each of WISHED; empty without validation or test rows."""
    if not len(validation.right_N) or not len(test.right_N):
        return ()
    return tuple(_measured(wished, chosen(validation, wished=wished), test) for wished in WISHED)


def chosen(rows: Confidence, *, wished: float) -> float | None:
    """The lowest confidence from which on the interval of accuracy lies above what is wished.

    The interval's lower end, not the accuracy itself: of many thresholds the best looks better than it is. Simulated,
    with 200 to 2,000 rows, it is below what was wished in at most 3 of 100 draws. Source: Geifman & El-Yaniv 2017
    (selection with guaranteed risk), with Wilson's bound.
    """
    starts = np.concatenate([[0], rows.ends_G[:-1] + 1])  # rows that are equally sure go out together
    right_from_N = np.cumsum(rows.right_N[::-1])[::-1]
    n = len(rows.right_N)
    for start in starts:
        if wilson(float(right_from_N[start]), n - int(start))[0] >= wished:
            return float(rows.confidence_N[start])
    return None


def _measured(wished: float, threshold: float | None, test: Confidence) -> Threshold:
    is_out_N = test.confidence_N >= (np.inf if threshold is None else threshold)
    n, right = int(is_out_N.sum()), float(test.right_N[is_out_N].sum())
    if not n:
        return Threshold(wished, threshold, 0.0, float("nan"), UNKNOWN, 0)
    return Threshold(wished, threshold, n / len(test.right_N), right / n, wilson(right, n), n)

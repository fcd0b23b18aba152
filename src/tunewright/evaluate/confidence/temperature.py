"""One number that mends over-confidence: all log-probabilities divided by it, answers unchanged.

In: Predictions with probabilities, on validation to fit and on test to measure. Out: the temperature, and what it does.
Its own file because it is fitted on other rows than everything else is measured on.
Axes: N rows, K labels.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import chdtri, log_softmax, softmax

from tunewright.core.values import Prediction
from tunewright.evaluate.confidence.calibration import calibration_error, confidence_of
from tunewright.evaluate.score import SMALLEST_PROBABILITY, of_sums, row_parts

Floats = NDArray[np.float64]

LEAST_ROWS = 50
"""Below this the fitted number says more about the rows than about the model: for a true 1 its standard deviation is
.22 with 50 rows, .11 with 200, .05 with 1,000 (simulated, three labels)."""
CLEAR = float(chdtri(1, 0.05))
"""Twice the gain in log-likelihood that chance stays below in 95 of 100 draws. Source: Wilks 1938."""
_BOUNDS = (-3.0, 3.0)
"""Of its logarithm: .05 to 20."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """Above 1: the model is too sure; below 1: not sure enough."""

    value: float
    n: int
    """Validation rows it was fitted on."""
    is_clear: bool
    """These rows tell it from 1."""
    log_loss: tuple[float, float]
    """On test, before and after, nats."""
    ece: tuple[float, float]
    """Calibration error on test, before and after."""


def fitted(
    validation: Sequence[Prediction], test: Sequence[Prediction], *, labels: Sequence[str]
) -> Temperature | None:
    """The temperature under which validation's labels are likeliest; None with fewer than LEAST_ROWS of them.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.
    """
    known = [p for p in validation if p.probabilities and p.reference in labels]
    if len(known) < LEAST_ROWS or not any(p.probabilities for p in test):
        return None
    log_p_NK = _log(np.array([p.probabilities for p in known]))
    chosen_N = np.array([list(labels).index(p.reference) for p in known])

    def nats(log_temperature: float) -> float:
        cooled_NK = log_softmax(log_p_NK / np.exp(log_temperature), axis=1)
        return -float(cooled_NK[np.arange(len(chosen_N)), chosen_N].mean())

    value = float(np.exp(minimize_scalar(nats, bounds=_BOUNDS, method="bounded").x))
    after = cooled(test, value)
    return Temperature(
        value,
        len(known),
        is_clear=bool(2 * len(known) * (nats(0.0) - nats(float(np.log(value)))) > CLEAR),
        log_loss=(_log_loss(test, labels), _log_loss(after, labels)),
        ece=(calibration_error(confidence_of(test)), calibration_error(confidence_of(after))),
    )


def cooled(predictions: Sequence[Prediction], temperature: float) -> tuple[Prediction, ...]:
    """The same answers, as sure as they would be at this temperature."""
    return tuple(
        replace(p, probabilities=array("d", softmax(_log(np.array(p.probabilities)) / temperature)))
        if p.probabilities
        else p
        for p in predictions
    )


def _log(p: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(p, SMALLEST_PROBABILITY)))


def _log_loss(predictions: Sequence[Prediction], labels: Sequence[str]) -> float:
    parts_NP = row_parts(predictions, metric="log_loss", labels=tuple(labels))
    return float(of_sums("log_loss")(np.nansum(parts_NP, axis=0)[None])[0])

"""All that is known about a classifier's confidence, as it stands in metrics.json.

In: its Predictions on test, and on validation where it was asked. Out: values for `calibration`. Its own file because
it joins what is read off the test rows with what is chosen on validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tunewright.core.values import Prediction
from tunewright.evaluate.confidence.calibration import bins, confidence_of, coverages, error_by_chance
from tunewright.evaluate.confidence.temperature import fitted
from tunewright.evaluate.confidence.thresholds import thresholds


def calibration_of(
    test: Sequence[Prediction], validation: Sequence[Prediction], *, labels: Sequence[str], seed: int
) -> dict[str, Any] | None:
    """None for a system without probabilities. temperature, thresholds: nothing where validation has too few rows."""
    rows = confidence_of(test)
    if not len(rows.right_N):
        return None
    temperature = fitted(validation, test, labels=labels)
    return {
        "error_by_chance": error_by_chance(rows, seed=seed),
        "bins": [asdict(one) for one in bins(rows)],
        "coverages": [asdict(one) for one in coverages(rows)],
        "temperature": asdict(temperature) if temperature else None,
        "thresholds": [asdict(one) for one in thresholds(confidence_of(validation), rows)],
    }

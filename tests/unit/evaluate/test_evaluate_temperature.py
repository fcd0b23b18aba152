"""The fitted temperature is the one that made the model over-confident, and mends it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from tests.unit.evaluate.test_evaluate_calibration import LABELS, predictions
from tunewright.core.values import Prediction
from tunewright.evaluate.confidence.temperature import LEAST_ROWS, cooled, fitted


def said_too_surely(n: int, *, temperature: float, seed: int) -> list[Prediction]:
    """Labels drawn from probabilities p; the model says p sharpened: log p times the temperature."""
    random = np.random.default_rng(seed)
    p = softmax(random.normal(0, 1.5, size=(n, 3)), axis=1)
    truth = [LABELS[random.choice(3, p=row)] for row in p]
    return predictions(softmax(np.log(p) * temperature, axis=1), truth)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_found_again_and_mends_the_confidence(temperature: float) -> None:
    validation, test = (said_too_surely(n, temperature=temperature, seed=n) for n in (4000, 3000))
    found = fitted(validation, test, labels=LABELS)
    assert found is not None
    assert found.value == pytest.approx(temperature, rel=0.08)
    assert found.n == 4000
    assert found.is_clear == (temperature != 1.0)
    if temperature != 1.0:
        assert found.log_loss[1] < found.log_loss[0] - 0.01
        assert found.ece[1] < found.ece[0] / 2


def test_standard_error_at_the_fewest_rows_is_what_the_docstring_says() -> None:
    found = []
    for seed in range(200):
        rows = said_too_surely(LEAST_ROWS, temperature=1.0, seed=seed)
        found.append(fitted(rows, rows, labels=LABELS))
    assert 0.18 < np.std([one.value for one in found]) < 0.27
    assert np.mean([one.is_clear for one in found]) < 0.1  # 5 %, and three standard errors


def test_answers_and_rows_without_probabilities_stay() -> None:
    rows = [*said_too_surely(5, temperature=1.0, seed=0), Prediction("r:x", "tuned", "a", "a")]
    after = cooled(rows, 3.0)
    assert [p.answer for p in after] == [p.answer for p in rows]
    assert after[-1] == rows[-1]
    assert [np.argmax(p.probabilities) for p in after[:5]] == [np.argmax(p.probabilities) for p in rows[:5]]
    assert all(max(a.probabilities) < max(b.probabilities) for a, b in zip(after[:5], rows[:5], strict=True))
    assert fitted(rows[:5], rows, labels=LABELS) is None

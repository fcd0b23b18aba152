"""Can the confidence be believed: calibration error, Brier score, bins, coverage against accuracy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from tunewright.core.values import Prediction
from tunewright.evaluate.confidence.believed import calibration_of
from tunewright.evaluate.confidence.calibration import (
    bins,
    calibration_error,
    confidence_of,
    coverages,
    error_by_chance,
    errors_of,
    ranked,
)
from tunewright.evaluate.measures.numbers import interval
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.compare import compare

LABELS = ("a", "b", "c")


def predictions(probabilities: np.ndarray, references: list[str], *, system: str = "tuned") -> list[Prediction]:
    return [
        Prediction(f"r:{i}", system, LABELS[int(p.argmax())], reference, probabilities=tuple(p.tolist()))
        for i, (p, reference) in enumerate(zip(probabilities, references, strict=True))
    ]


def drawn(n: int, *, seed: int = 0, sharpness: float = 1.0) -> list[Prediction]:
    """Rows whose labels are drawn from the probabilities; sharpness 1 says them, above 1 says more than is true."""
    random = np.random.default_rng(seed)
    true = random.dirichlet((1, 1, 1), size=n)
    references = [LABELS[random.choice(3, p=p)] for p in true]
    said = true**sharpness
    return predictions(said / said.sum(axis=1, keepdims=True), references)


def naive_error(confidence: np.ndarray, right: np.ndarray, *, n_bins: int) -> float:
    """Rows that divide evenly into bins, no ties."""
    order = np.argsort(confidence)
    parts = np.split(order, n_bins)
    return float(sum(abs(confidence[p].mean() - right[p].mean()) * len(p) for p in parts) / len(order))


def test_error_equals_the_textbook_loop_where_rows_divide_evenly() -> None:
    random = np.random.default_rng(3)
    confidence, right = random.random(300), (random.random(300) < 0.6).astype(float)
    assert calibration_error(ranked(confidence, right)) == pytest.approx(naive_error(confidence, right, n_bins=15))


def test_error_does_not_depend_on_the_order_of_rows_with_equal_confidence() -> None:
    random = np.random.default_rng(1)
    confidence = random.choice([0.4, 0.6, 0.9], size=200)
    right = (random.random(200) < confidence).astype(float)
    order = random.permutation(200)
    first, second = ranked(confidence, right), ranked(confidence[order], right[order])
    assert calibration_error(first) == pytest.approx(calibration_error(second), abs=1e-12)
    assert [one.accuracy for one in bins(first)] == pytest.approx([one.accuracy for one in bins(second)])


def test_error_of_one_confidence_is_its_distance_from_the_accuracy() -> None:
    rows = ranked(np.full(100, 0.9), np.r_[np.ones(70), np.zeros(30)])
    assert calibration_error(rows) == pytest.approx(0.2)
    assert all(one.accuracy == pytest.approx(0.7) for one in bins(rows))


def test_brier_equals_sklearn() -> None:
    rows = drawn(200, seed=2, sharpness=2.0)
    found = metrics(rows, task="classify", labels=LABELS, wanted=("brier",))["brier"]
    p = np.array([row.probabilities for row in rows])
    truth = [row.reference for row in rows]
    assert found.value == pytest.approx(brier_score_loss(truth, p, labels=list(LABELS), scale_by_half=False), abs=1e-12)
    assert found.is_higher_better is False
    assert found.ci95[0] < found.value < found.ci95[1]


def test_a_true_confidence_is_as_far_off_as_chance_and_a_boast_is_farther() -> None:
    true, boast = confidence_of(drawn(2000, seed=5)), confidence_of(drawn(2000, seed=5, sharpness=3.0))
    by_chance = error_by_chance(true, seed=0)
    assert 0 < by_chance < 0.05
    assert calibration_error(true) < 2 * by_chance
    assert calibration_error(boast) > 3 * error_by_chance(boast, seed=0)


def test_error_by_chance_is_the_mean_error_of_true_models() -> None:
    """Oracle: labels drawn anew from the probabilities, 200 times."""
    rows = confidence_of(drawn(400, seed=7))
    random = np.random.default_rng(9)
    found = [
        calibration_error(ranked(rows.confidence_N, (random.random(400) < rows.confidence_N).astype(float)))
        for _ in range(200)
    ]
    assert error_by_chance(rows, seed=0) == pytest.approx(float(np.mean(found)), rel=0.05)


def test_interval_of_the_error_holds_it_and_narrows_with_rows() -> None:
    few, many = (confidence_of(drawn(n, seed=4, sharpness=3.0)) for n in (150, 2400))
    for rows in (few, many):
        low, high = interval(errors_of, rows.confidence_N, rows.right_N, seed=0)
        assert low <= calibration_error(rows) <= high
    widths = [
        high - low for low, high in (interval(errors_of, of.confidence_N, of.right_N, seed=0) for of in (few, many))
    ]
    assert widths[1] < widths[0] / 2
    assert all(math.isnan(end) for end in interval(errors_of, np.array([0.5]), np.array([1.0]), seed=0))


def test_coverage_falls_and_the_surest_rows_are_right_more_often() -> None:
    found = coverages(confidence_of(drawn(2000, seed=6)))
    assert [one.coverage for one in found] == pytest.approx([1.0, 0.95, 0.9, 0.8, 0.7, 0.5], abs=0.001)
    accuracies = [one.accuracy for one in found]
    assert accuracies == sorted(accuracies)
    assert all(one.ci95[0] <= one.accuracy <= one.ci95[1] for one in found)


def test_rows_as_sure_as_the_threshold_come_with_it() -> None:
    found = coverages(ranked(np.full(40, 0.8), np.ones(40)))
    assert [(one.coverage, one.n) for one in found] == [(1.0, 40)], "nothing tells these rows apart"


def test_nothing_is_said_of_a_system_without_probabilities() -> None:
    rows = [Prediction("r:1", "base", "a", "a")]
    assert calibration_of(rows, (), labels=LABELS, seed=0) is None
    found = metrics(rows, task="classify", labels=LABELS, wanted=("ece", "brier"))
    assert (found["ece"].n, found["brier"].n) == (0, 0)
    assert math.isnan(found["ece"].value)
    assert found["ece"].reason


def test_a_boasting_system_is_worse_and_equals_are_not_distinguishable() -> None:
    true, boast = (
        drawn(600, seed=8),
        [
            Prediction(p.row_id, "base", p.answer, p.reference, probabilities=p.probabilities)
            for p in drawn(600, seed=8, sharpness=4.0)
        ],
    )
    found = compare(true, boast, metric="ece", task="classify", labels=LABELS)
    assert found.verdict == "better"
    assert found.ci95[0] <= found.difference <= found.ci95[1] < 0
    same = compare(true, true, metric="ece", task="classify", labels=LABELS)
    assert (same.difference, same.verdict) == (0.0, "not distinguishable")

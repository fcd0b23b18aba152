"""Area under the ROC curve: sklearn's value, DeLong's variance, its coverage and its false alarms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.unit.evaluate.test_evaluate_calibration import LABELS, drawn, predictions
from tunewright.core.values import Prediction
from tunewright.evaluate.measures.ranking import Area, _under_precision_recall, area_difference, area_interval, area_of
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.compare import compare


def binary(scores: np.ndarray, is_of: np.ndarray, *, system: str = "tuned") -> list[Prediction]:
    return [
        Prediction(f"r:{i}", system, "ba"[int(s < 0.5)], "ba"[int(not of)], probabilities=(1 - s, s))
        for i, (s, of) in enumerate(zip(scores.tolist(), is_of.tolist(), strict=True))
    ]


def test_area_equals_sklearn_for_two_and_for_three_labels() -> None:
    rows = drawn(300, seed=2)
    p, truth = np.array([row.probabilities for row in rows]), [row.reference for row in rows]
    oracle = roc_auc_score(truth, p, multi_class="ovr", average="macro", labels=list(LABELS))
    assert area_of(rows, LABELS).value == pytest.approx(oracle, abs=1e-12)

    random = np.random.default_rng(0)
    is_of = random.random(80) < 0.3
    scores = np.round(np.clip(random.normal(0.4 + 0.2 * is_of, 0.2), 0, 1), 1)  # with ties
    found = area_of(binary(scores, is_of), ("a", "b"))
    assert found.value == pytest.approx(roc_auc_score(is_of, scores), abs=1e-12)


def test_standard_error_is_delongs() -> None:
    """The textbook's double loop over pairs of rows."""
    random = np.random.default_rng(4)
    is_of = np.arange(40) < 15
    scores = random.random(40) * 0.5 + 0.3 * is_of
    of, others = scores[is_of], scores[~is_of]
    wins = (of[:, None] > others[None, :]) + 0.5 * (of[:, None] == others[None, :])
    variance = wins.mean(axis=1).var(ddof=1) / len(of) + wins.mean(axis=0).var(ddof=1) / len(others)
    assert area_of(binary(scores, is_of), ("a", "b")).standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_interval_covers_the_true_area_about_95_times_in_100() -> None:
    """Normal scores one deviation apart: the true area is Phi(1 / sqrt 2) = .7602."""
    random, n_draws, n_covered = np.random.default_rng(1), 1500, 0
    is_of = np.arange(120) < 60
    for _ in range(n_draws):
        scores = 1 / (1 + np.exp(-random.normal(is_of.astype(float), 1.0)))
        low, high = area_interval(area_of(binary(scores, is_of), ("a", "b")))
        n_covered += low < 0.76025 < high
    assert 0.935 < n_covered / n_draws < 0.965


def test_systems_that_are_equally_good_are_told_apart_in_5_of_100_draws_at_most() -> None:
    random, n_draws, n_alarms = np.random.default_rng(3), 2000, 0
    is_of = np.arange(150) < 50
    for _ in range(n_draws):
        shared = random.normal(is_of.astype(float), 1.0)
        sides = [1 / (1 + np.exp(-(shared + random.normal(0, 0.7, 150)))) for _ in "ab"]
        _, _, p = area_difference(*(area_of(binary(side, is_of), ("a", "b")) for side in sides))
        n_alarms += p < 0.05
    assert 0.035 < n_alarms / n_draws < 0.06


def test_metric_has_an_interval_and_says_which_rows_count() -> None:
    rows = [*drawn(300, seed=2), Prediction("r:x", "tuned", "a", "unseen", probabilities=(0.5, 0.3, 0.2))]
    found = metrics(rows, task="classify", labels=LABELS, wanted=("roc_auc",))["roc_auc"]
    assert found.n == 300
    assert found.ci95[0] < found.value < found.ci95[1] < 1
    assert "label seen in train" in found.signature


def test_a_perfect_ranking_does_not_prove_perfection() -> None:
    p = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]] * 5)
    found = metrics(predictions(p, list("abc") * 5), task="classify", labels=LABELS, wanted=("roc_auc",))["roc_auc"]
    assert found.value == 1.0
    assert found.ci95[0] < 0.9


def test_a_label_with_one_row_is_left_out_and_none_left_is_nan() -> None:
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    rows = predictions(p, list("ababc"))
    assert area_of(rows, LABELS).value == 1.0
    assert math.isnan(area_of(rows[:1], LABELS).value)
    assert math.isnan(area_of([], LABELS).value)
    assert all(math.isnan(end) for end in area_interval(Area(math.nan, np.zeros(1))))
    found = metrics(rows[:1], task="classify", labels=LABELS, wanted=("roc_auc",))["roc_auc"]
    assert (found.n, math.isnan(found.value)) == (0, True)


def test_compare_by_area_is_paired() -> None:
    random = np.random.default_rng(6)
    is_of = random.random(400) < 0.4
    good = 1 / (1 + np.exp(-random.normal(2.0 * is_of, 1.0)))
    worse = 1 / (1 + np.exp(-(np.log(good / (1 - good)) + random.normal(0, 1.5, 400))))
    found = compare(
        binary(good, is_of), binary(worse, is_of, system="base"), metric="roc_auc", task="classify", labels=("a", "b")
    )
    assert found.verdict == "better"
    assert "DeLong" in found.test
    assert found.ci95[0] < found.difference < found.ci95[1]


def test_average_precision_equals_sklearn_with_ties() -> None:
    rows = drawn(300, seed=2)
    p, truth = np.array([row.probabilities for row in rows]), np.array([row.reference for row in rows])
    oracle = np.mean([average_precision_score(truth == label, p[:, k]) for k, label in enumerate(LABELS)])
    assert area_of(rows, LABELS, metric="pr_auc").value == pytest.approx(oracle, abs=1e-12)

    random = np.random.default_rng(0)
    is_of = random.random(80) < 0.3
    scores = np.round(np.clip(random.normal(0.4 + 0.2 * is_of, 0.2), 0, 1), 1)  # with ties
    found = _under_precision_recall(scores, is_of)[0]
    assert found == pytest.approx(average_precision_score(is_of, scores), abs=1e-12)


def test_influence_on_average_precision_is_the_jackknifes() -> None:
    """Each row left out in turn."""
    random = np.random.default_rng(5)
    is_of = np.arange(50) < 12
    scores = np.round(random.random(50) * 0.6 + 0.2 * is_of, 1)  # with ties
    scores[0] = 2.0  # alone at the top
    left = np.array([average_precision_score(np.delete(is_of, k), np.delete(scores, k)) for k in range(50)])
    assert _under_precision_recall(scores, is_of)[1] == pytest.approx(
        math.sqrt(49 / 50) * (left.mean() - left), abs=1e-12
    )


@pytest.mark.parametrize("n_of", [30, 100])
def test_interval_of_average_precision_covers_about_95_times_in_100(n_of: int) -> None:
    """Normal scores one deviation apart; the true value from 400,000 rows of the same mixture."""
    random, n_draws, n_covered = np.random.default_rng(1), 1500, 0
    n = 3 * n_of
    many = np.arange(400_000) % 3 == 0
    truth = average_precision_score(many, random.normal(many.astype(float), 1.0))
    for _ in range(n_draws):
        is_of = random.random(n) < 1 / 3
        scores = 1 / (1 + np.exp(-random.normal(is_of.astype(float), 1.0)))
        low, high = area_interval(Area(*_under_precision_recall(scores, is_of)))
        n_covered += low < truth < high
    assert 0.93 < n_covered / n_draws < 0.97


def test_equally_good_systems_are_told_apart_by_average_precision_in_6_of_100_draws_at_most() -> None:
    random, n_draws, n_alarms = np.random.default_rng(3), 2000, 0
    is_of = np.arange(150) < 50
    for _ in range(n_draws):
        shared = random.normal(is_of.astype(float), 1.0)
        sides = [Area(*_under_precision_recall(shared + random.normal(0, 0.7, 150), is_of)) for _ in "ab"]
        n_alarms += area_difference(*sides)[2] < 0.05
    assert 0.035 < n_alarms / n_draws < 0.06

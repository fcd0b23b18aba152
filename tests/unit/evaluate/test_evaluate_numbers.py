"""Metrics of numbers against scikit-learn, scipy and hand-made values; comparisons of two systems."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from tunewright.core.scale import number_text
from tunewright.core.values import Metric, Prediction
from tunewright.evaluate.measures import numbers
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.score import row_scores
from tunewright.evaluate.statistics.compare import compare


def answered(references: Sequence[float], answers: Sequence[float | str], *, system: str = "tuned") -> list[Prediction]:
    return [
        Prediction(
            f"test:{i}",
            system,
            answer=answer if isinstance(answer, str) else number_text(float(answer)),
            reference=number_text(float(reference)),
        )
        for i, (reference, answer) in enumerate(zip(references, answers, strict=True))
    ]


def measured(references: Sequence[float], answers: Sequence[float | str]) -> dict[str, Metric]:
    return metrics(answered(references, answers), task="regress")


DRAWN = np.random.default_rng(0)
NUMBERS = DRAWN.normal(50.0, 20.0, 60).round(3)
ANSWERS = (NUMBERS + DRAWN.normal(0.0, 8.0, 60)).round(1)


def test_metrics_of_numbers_are_those_of_scikit_learn_and_scipy() -> None:
    found = measured(NUMBERS, ANSWERS)
    assert list(found) == ["mae", "rmse", "r2", "spearman"]
    assert found["mae"].value == pytest.approx(mean_absolute_error(NUMBERS, ANSWERS))
    assert found["rmse"].value == pytest.approx(root_mean_squared_error(NUMBERS, ANSWERS))
    assert found["r2"].value == pytest.approx(r2_score(NUMBERS, ANSWERS))
    assert found["spearman"].value == pytest.approx(stats.spearmanr(NUMBERS, ANSWERS).statistic)
    assert [found[name].is_higher_better for name in found] == [False, False, True, True]
    assert {metric.n for metric in found.values()} == {60}


def test_metrics_of_numbers_by_hand() -> None:
    """Errors 1, 0, -3 around the mean 4 of 2, 4, 6: squared distances 8, squared errors 10."""
    found = measured([2, 4, 6], [3, 4, 3])
    assert found["mae"].value == pytest.approx(4 / 3)
    assert found["rmse"].value == pytest.approx(math.sqrt(10 / 3))
    assert found["r2"].value == pytest.approx(1 - 10 / 8)
    assert found["spearman"].value == pytest.approx(0.0)  # ranks 1 2 3 against 1.5 3 1.5


@pytest.mark.parametrize("name", ["mae", "rmse", "r2", "spearman"])
def test_interval_of_numbers_is_scipys_bca(name: str) -> None:
    """Both resample by chance: 2,000 and 20,000 draws agree to a tenth of the interval's width."""
    statistic = {"mae": lambda a, b: np.abs(a - b).mean(axis=1), **numbers.STATISTICS}[name]
    theirs = stats.bootstrap(
        (NUMBERS, ANSWERS),
        lambda a, b, axis: statistic(np.atleast_2d(a), np.atleast_2d(b)).reshape(np.shape(a)[:-1]),
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=20_000,
        rng=0,
    ).confidence_interval
    low, high = measured(NUMBERS, ANSWERS)[name].ci95
    width = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=width / 10)
    assert high == pytest.approx(theirs.high, abs=width / 10)


def test_interval_leaves_out_blocks_of_rows_where_there_are_many() -> None:
    """The acceleration of 1,000 rows from 500 blocks of two: as good as from single rows."""
    many = np.random.default_rng(1).normal(size=(2, 1_000))
    low, high = numbers.interval(numbers.rmse, many[0], many[1], seed=0)
    value = numbers.value_of(numbers.rmse, many[0], many[1])
    assert low < value < high
    assert high - low == pytest.approx(4 * value / math.sqrt(2 * 1_000), rel=0.15)  # 2 x 1.96 x sd of a normal's rms


@pytest.mark.parametrize(
    ("references", "answers", "undefined"),
    [
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], {"spearman"}),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], {"r2", "spearman"}),
        ([1.0, 2.0], ["", "a word"], {"mae", "rmse", "r2", "spearman"}),
    ],
)
def test_undefined_metric_of_numbers_says_why(
    references: list[float], answers: list[float | str], undefined: set[str]
) -> None:
    found = measured(references, answers)
    assert {name for name, metric in found.items() if math.isnan(metric.value)} == undefined
    for name in undefined:
        assert found[name].n == 0
        assert found[name].reason


def test_a_row_of_a_number_is_scored_by_its_distance() -> None:
    [score] = row_scores(answered([3.0], [5.5])[0], task="regress")
    assert (score.metric, score.value) == ("mae", 2.5)


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2", "spearman"])
def test_comparison_of_numbers_finds_the_clearly_better_system(metric: str) -> None:
    worse = NUMBERS + np.random.default_rng(2).normal(0.0, 40.0, len(NUMBERS))
    found = compare(
        answered(NUMBERS, ANSWERS), answered(NUMBERS, worse, system="mean"), metric=metric, task="regress", seed=0
    )
    assert found.verdict == "better"
    assert found.p_value == pytest.approx(1 / 5_000)
    low, high = found.ci95
    assert low <= found.difference <= high
    turned = compare(
        answered(NUMBERS, worse, system="mean"), answered(NUMBERS, ANSWERS), metric=metric, task="regress", seed=0
    )
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.verdict == "worse"


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2", "spearman"])
def test_comparison_of_numbers_of_equal_systems_is_not_distinguishable(metric: str) -> None:
    same = answered(NUMBERS, ANSWERS), answered(NUMBERS, ANSWERS, system="other")
    found = compare(*same, metric=metric, task="regress", seed=0)
    assert (found.difference, found.p_value, found.verdict) == (0.0, 1.0, "not distinguishable")


def test_comparison_that_is_not_defined_is_not_made() -> None:
    flat = answered([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], system="mean")
    found = compare(answered([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), flat, metric="spearman", task="regress", seed=0)
    assert math.isnan(found.difference)
    assert found.test.startswith("not run: ")


def test_paired_test_of_absolute_errors_counts_every_swap() -> None:
    """Three rows, a off by 0 and b by 1 in each: of the 8 swaps the observed and its mirror are as extreme: p 1/4."""
    found = compare(
        answered([1, 2, 3], [1, 2, 3]), answered([1, 2, 3], [2, 3, 4], system="mean"), metric="mae", task="regress"
    )
    assert found.difference == -1.0
    assert found.p_value == pytest.approx(0.25, abs=0.02)  # 5,000 drawn swaps: three standard errors

"""A claim of "better" stands on tests that equal their oracles and that rarely claim it when nothing is there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, permutation_test
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar

from tunewright.core.errors import EvalError
from tunewright.core.values import Comparison, Prediction
from tunewright.evaluate.statistics.compare import compare, mid_p_mcnemar

PAIRED = st.lists(st.tuples(*[st.sampled_from("abc")] * 3), min_size=2, max_size=40)


def labelled(system: str, answers: list[str], references: list[str]) -> list[Prediction]:
    pairs = zip(answers, references, strict=True)
    return [Prediction(f"test:{i}", system, answer=a, reference=r) for i, (a, r) in enumerate(pairs)]


def likely(system: str, nats: list[float], n_bytes: int = 10) -> list[Prediction]:
    return [
        Prediction(f"test:{i}", system, reference="x", reference_nats=value, reference_bytes=n_bytes)
        for i, value in enumerate(nats)
    ]


@given(st.integers(0, 60), st.integers(0, 60))
def test_mid_p_mcnemar_is_the_exact_test_less_the_observed_point(only_a: int, only_b: int) -> None:
    exact = mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue if only_a + only_b else 1.0
    point = binom.pmf(min(only_a, only_b), only_a + only_b, 0.5) if only_a != only_b else 0.0
    assert mid_p_mcnemar(only_a=only_a, only_b=only_b) == pytest.approx(exact - point)


@settings(max_examples=25, deadline=None)
@given(PAIRED, st.sampled_from(["accuracy", "f1_macro"]))
def test_compare_mirrors_when_the_systems_swap(rows: list[tuple[str, str, str]], metric: str) -> None:
    references, first, second = (list(column) for column in zip(*rows, strict=True))
    one, two = labelled("tuned", first, references), labelled("base", second, references)
    there, back = (compare(a, b, metric=metric, task="classify") for a, b in ((one, two), (two, one)))
    assert there.difference == pytest.approx(-back.difference)
    assert there.p_value == pytest.approx(back.p_value, abs=0.04)  # five Monte Carlo errors at p = .5
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]), abs=0.12)  # few rows: coarse quantiles
    assert compare(one, one, metric=metric, task="classify").verdict == "not distinguishable"


def test_compare_mirrors_exactly_when_rows_are_swapped_by_the_same_coins() -> None:
    random = np.random.default_rng(0)
    one, two = (likely(name, list(random.exponential(20, size=50))) for name in ("tuned", "base"))
    there, back = (compare(a, b, metric="bits_per_byte", task="text") for a, b in ((one, two), (two, one)))
    assert (there.difference, there.p_value) == (pytest.approx(-back.difference), back.p_value)
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]))


def test_permutation_p_agrees_with_scipy_when_lengths_are_equal() -> None:
    random = np.random.default_rng(5)
    first = random.normal(20, 3, size=30)
    second = first + random.normal(0.8, 2, size=30)
    found = compare(likely("tuned", list(first)), likely("base", list(second)), metric="bits_per_byte", task="text")

    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return (x - y).mean(axis=axis)

    expected = permutation_test(
        (first, second),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(6),
    )
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.015)  # two Monte Carlo errors, added


def test_permutation_p_over_classes_agrees_with_swapping_rows_one_by_one() -> None:
    """Oracle: swap each row's two answers by coin, ask scikit-learn for macro F1, count."""
    random = np.random.default_rng(2)
    references, first, second = random.integers(0, 3, size=(3, 14))
    first[:8] = references[:8]

    def difference(is_swapped: np.ndarray) -> float:
        a, b = np.where(is_swapped, second, first), np.where(is_swapped, first, second)
        return float(f1_score(references, a, average="macro") - f1_score(references, b, average="macro"))

    observed = abs(difference(np.zeros(14, dtype=bool)))
    expected = np.mean([abs(difference(random.random(14) < 0.5)) >= observed - 1e-12 for _ in range(400)])
    sides = [
        labelled(name, list(map(str, side)), list(map(str, references)))
        for name, side in (("tuned", first), ("base", second))
    ]
    found = compare(*sides, metric="f1_macro", task="classify")
    assert 0.01 < expected < 0.9
    assert found.p_value == pytest.approx(expected, abs=0.08)  # three Monte Carlo errors of 400 coins


def test_permutation_p_is_exact_when_one_row_decides() -> None:
    """One row differs: swapping it or not gives the same size of difference, so p = 1."""
    one = labelled("tuned", ["a", "b", "b"], ["a", "b", "b"])
    two = labelled("base", ["b", "b", "b"], ["a", "b", "b"])
    assert compare(one, two, metric="f1_macro", task="classify").p_value == 1.0


@pytest.mark.parametrize(("metric", "n_trials"), [("accuracy", 4000), ("f1_macro", 100)])
def test_verdict_is_rarely_better_or_worse_when_both_systems_are_alike(metric: str, n_trials: int) -> None:
    """Law: at most 5.5 % false alarms of either kind; 100 slow trials get three standard errors on top."""
    n_false = sum(_null_verdict(seed, metric=metric) != "not distinguishable" for seed in range(n_trials))
    allowed = 0.055 + (0.0 if n_trials > 1000 else 3 * math.sqrt(0.05 * 0.95 / n_trials))
    assert n_false / n_trials <= allowed


def test_verdict_is_better_when_a_real_difference_is_there() -> None:
    found = _compared(n=300, right_a=0.9, right_b=0.7, seed=0, metric="accuracy")
    assert (found.verdict, found.difference > 0, found.p_value < 0.001) == ("better", True, True)
    assert _compared(n=300, right_a=0.7, right_b=0.9, seed=0, metric="f1_macro").verdict == "worse"
    found = compare(likely("tuned", [9.0] * 40), likely("base", [10.0] * 40), metric="bits_per_byte", task="text")
    assert (found.verdict, found.difference) == ("better", pytest.approx(-0.1 / math.log(2)))


def test_verdict_needs_the_p_value_too_when_the_interval_leaves_out_zero() -> None:
    """3 rows only a right, 10 only b, 7 neither: Newcombe's interval ends at -.004, mid-p is .057."""
    references = ["a"] * 20
    one = labelled("tuned", ["a"] * 3 + ["b"] * 17, references)
    two = labelled("base", ["b"] * 3 + ["a"] * 10 + ["b"] * 7, references)
    found = compare(one, two, metric="accuracy", task="classify")
    assert found.ci95[1] < 0
    assert found.p_value == pytest.approx(0.0574, abs=1e-4)
    assert found.verdict == "not distinguishable"


def test_compare_leaves_out_rows_that_only_one_system_has() -> None:
    one, two = likely("tuned", [9.0, math.nan, 8.0]), likely("base", [10.0, 5.0, math.nan])
    found = compare(one, two, metric="bits_per_byte", task="text")
    assert found.difference == pytest.approx(-0.1 / math.log(2))


def test_compare_says_not_run_when_no_row_is_common() -> None:
    found = compare(likely("tuned", [math.nan]), likely("base", [1.0]), metric="bits_per_byte", task="text")
    assert math.isnan(found.difference)
    assert (found.verdict, found.test.startswith("not run")) == ("not distinguishable", True)


def test_compare_names_the_rows_when_the_systems_answered_different_ones() -> None:
    one, two = labelled("tuned", ["a", "b"], ["a", "b"]), labelled("base", ["a"], ["a"])
    with pytest.raises(EvalError, match="only in the first: test:1"):
        compare(one, two, metric="accuracy", task="classify")


def test_compare_suggests_a_metric_when_the_task_has_no_such() -> None:
    one = labelled("tuned", ["a"], ["a"])
    with pytest.raises(EvalError, match="primary_metric=f1_macro"):
        compare(one, one, metric="f1_makro", task="classify")


def _null_verdict(seed: int, *, metric: str) -> str:
    return _compared(n=100, right_a=0.8, right_b=0.8, seed=seed, metric=metric).verdict


def _compared(*, n: int, right_a: float, right_b: float, seed: int, metric: str) -> Comparison:
    random = np.random.default_rng(seed)
    references = random.integers(0, 3, size=n)
    sides = []
    for system, share in (("tuned", right_a), ("base", right_b)):
        answers = np.where(random.random(n) < share, references, (references + random.integers(1, 3, size=n)) % 3)
        sides.append(labelled(system, ["abc"[i] for i in answers], ["abc"[i] for i in references]))
    return compare(*sides, metric=metric, task="classify", seed=seed)

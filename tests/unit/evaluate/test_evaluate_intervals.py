"""Intervals equal their published forms and cover what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from statsmodels.stats.proportion import proportion_confint

from tunewright.evaluate.statistics import intervals


def mean_interval(values: np.ndarray, *, seed: int) -> intervals.Interval:
    return intervals.sums_interval(intervals.ratio_of, np.column_stack([values, np.ones(len(values))]), seed=seed)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilson_equals_statsmodels(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    expected = proportion_confint(right, n, method="wilson")
    assert intervals.wilson(right, n) == pytest.approx(expected, abs=1e-12)


def test_wilson_covers_95_percent_on_average_over_shares() -> None:
    for n in (50, 500):
        p = np.linspace(0.02, 0.98, 49)
        found = np.array([intervals.wilson(k, n) for k in range(n + 1)])
        k = np.random.default_rng(0).binomial(n, p, size=(2000, len(p)))
        covered = ((found[k, 0] <= p) & (p <= found[k, 1])).mean()
        assert 0.94 < covered < 0.96  # Monte Carlo error with 98,000 draws: .0007


def test_paired_difference_gives_newcombes_published_interval() -> None:
    """Newcombe 1998 (Stat. Med. 17:2635), table II, method 10."""
    found = intervals.paired_difference(both=36, only_a=12, only_b=2, neither=0)
    assert found == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(*[st.integers(0, 30)] * 4)
def test_paired_difference_mirrors_when_the_systems_swap(both: int, only_a: int, only_b: int, neither: int) -> None:
    one = intervals.paired_difference(both=both, only_a=only_a, only_b=only_b, neither=neither)
    two = intervals.paired_difference(both=both, only_a=only_b, only_b=only_a, neither=neither)
    assert one == pytest.approx((-two[1], -two[0]), nan_ok=True)


def test_interval_of_sums_agrees_with_scipys_bca_when_rows_are_skewed() -> None:
    values = np.random.default_rng(1).exponential(size=80)
    found = mean_interval(values, seed=0)
    expected = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2))
    low, high = expected.confidence_interval
    assert found == pytest.approx((low, high), abs=0.03)  # Monte Carlo error of a 2.5 % quantile of 2,000: about .01


def test_interval_of_sums_covers_95_percent_when_rows_are_normal() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for trial in range(300):
        low, high = mean_interval(random.normal(0.5, 0.2, size=100), seed=trial)
        covered += low <= 0.5 <= high
    assert 0.91 <= covered / 300 <= 0.98  # three standard errors of .0126 around .95, rounded up


def test_cell_interval_equals_the_row_bootstrap_when_the_statistic_is_a_mean() -> None:
    counts = np.array([30, 70])
    found = intervals.cell_interval(lambda w: w[:, 0] / w.sum(axis=1), counts_C=counts, seed=0)
    by_rows = mean_interval(np.repeat([1.0, 0.0], counts), seed=0)
    assert found == pytest.approx(by_rows, abs=0.011)  # one row is .01


def test_intervals_are_nan_when_there_is_nothing_to_resample() -> None:
    assert all(map(math.isnan, intervals.wilson(0, 0)))
    assert all(map(math.isnan, mean_interval(np.ones(1), seed=0)))
    assert all(map(math.isnan, intervals.paired_difference(both=0, only_a=0, only_b=0, neither=0)))


def test_an_interval_of_kinds_of_rows_is_the_same_however_few_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds of rows grow with the rows; a matrix of kinds x kinds would take 800 MB for 10,000."""
    counts_C = np.array([5, 1, 7, 2, 9])
    asked: list[int] = []

    def share_of_first(counts_BC: intervals.Floats) -> intervals.Floats:
        asked.append(len(counts_BC))
        return np.asarray(counts_BC[:, 0] / counts_BC.sum(axis=1))

    whole = intervals.cell_interval(share_of_first, counts_C=counts_C, seed=3)
    assert max(asked) == intervals.N_RESAMPLES
    asked.clear()
    monkeypatch.setattr(intervals, "CHUNK_NUMBERS", 10)
    assert intervals.cell_interval(share_of_first, counts_C=counts_C, seed=3) == whole
    assert max(asked) == 2

"""Rows of one patient or conversation are no independent evidence: they are drawn and swapped together."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from tunewright.core.values import Prediction
from tunewright.evaluate.metrics import TASK_METRICS, metrics
from tunewright.evaluate.statistics.compare import compare
from tunewright.evaluate.statistics.units import units_of

LABELS = ("a", "b", "c")


def drawn(n_groups: int, size: int, *, seed: int, share: float, alike: float) -> np.ndarray:
    """Right or wrong, groups x rows: right with probability `share`, latent correlation `alike` within a group."""
    random = np.random.default_rng(seed)
    latent = math.sqrt(alike) * random.normal(size=(n_groups, 1)) + math.sqrt(1 - alike) * random.normal(
        size=(n_groups, size)
    )
    return np.asarray(latent < norm.ppf(share))


def answered(right: np.ndarray, *, system: str = "tuned", with_groups: bool = True) -> list[Prediction]:
    n_groups, size = right.shape
    return [
        Prediction(
            f"r:{g}:{i}", system, "a" if right[g, i] else "b", "a", group=f"patient {g}" if with_groups else "",
            probabilities=(0.6, 0.3, 0.1) if right[g, i] else (0.2, 0.7, 0.1),
        )
        for g in range(n_groups)
        for i in range(size)
    ]  # fmt: skip


def test_units_are_groups_and_single_rows() -> None:
    rows = [Prediction(f"r:{i}", "tuned", group=group) for i, group in enumerate(["x", "", "x", "y", ""])]
    found = units_of(rows)
    assert (found.of_N.tolist(), found.n, found.is_grouped) == ([0, 1, 0, 2, 3], 4, True)
    assert found.sums(np.arange(10.0).reshape(5, 2)).tolist() == [[4, 6], [2, 3], [6, 7], [8, 9]]
    assert [rows.tolist() for rows in found.members()] == [[0, 2], [1], [3], [4]]
    assert not units_of([replace(row, group="") for row in rows]).is_grouped
    assert not units_of([replace(row, group=row.row_id) for row in rows]).is_grouped


def test_interval_of_grouped_rows_covers_where_the_one_over_rows_does_not() -> None:
    n_draws, covered, covered_rows = 300, 0, 0
    for trial in range(n_draws):
        right = drawn(60, 8, seed=trial, share=0.7, alike=0.6)
        for with_groups in (True, False):
            rows = answered(right, with_groups=with_groups)
            low, high = metrics(rows, task="classify", labels=LABELS, wanted=("accuracy",), seed=trial)["accuracy"].ci95
            covered, covered_rows = (
                covered + (with_groups and low < 0.7 < high),
                covered_rows + (not with_groups and low < 0.7 < high),
            )
    assert 0.91 < covered / n_draws < 0.98
    assert covered_rows / n_draws < 0.75


@pytest.mark.parametrize("metric", ["accuracy", "f1_macro"])
def test_false_alarms_of_grouped_rows_stay_below_the_level(metric: str) -> None:
    n_draws, alarms = 80, {True: 0, False: 0}
    for trial in range(n_draws):
        sides = [drawn(40, 8, seed=2 * trial + side, share=0.7, alike=0.6) for side in (0, 1)]
        for with_groups in alarms:
            pair = [answered(right, system=s, with_groups=with_groups) for right, s in zip(sides, "ab", strict=True)]
            verdict = compare(*pair, metric=metric, task="classify", labels=LABELS, seed=trial).verdict
            alarms[with_groups] += verdict != "not distinguishable"
    assert alarms[True] / n_draws < 0.12  # 5 % and 2.9 standard errors
    assert alarms[False] / n_draws > 0.15


@pytest.mark.parametrize("metric", [name for name in TASK_METRICS["classify"] if name != "roc_auc"])
def test_groups_of_one_row_change_nothing(metric: str) -> None:
    random = np.random.default_rng(0)
    rows = answered(random.random((30, 1)) < 0.7)
    rows += [replace(row, row_id=f"b{row.row_id}", reference="b", group=f"b{row.group}") for row in rows[:12]]
    alone = [replace(row, group="") for row in rows]
    grouped, single = (metrics(of, task="classify", labels=LABELS, wanted=(metric,))[metric] for of in (rows, alone))
    assert grouped == single


@pytest.mark.parametrize("metric", TASK_METRICS["classify"])
def test_every_metric_of_grouped_rows_has_a_wider_interval_and_says_so(metric: str) -> None:
    right = drawn(40, 6, seed=3, share=0.7, alike=0.8)
    rows = [replace(row, reference="b") if (i // 6) % 3 == 0 else row for i, row in enumerate(answered(right))]
    grouped, alone = (
        metrics(of, task="classify", labels=LABELS, wanted=(metric,))[metric]
        for of in (rows, [replace(row, group="") for row in rows])
    )
    assert grouped.value == alone.value
    assert grouped.ci95[1] - grouped.ci95[0] > alone.ci95[1] - alone.ci95[0]
    assert "40 groups" in grouped.signature
    assert "groups" not in alone.signature


@pytest.mark.parametrize("metric", ["rmse", "spearman", "mae"])
def test_numbers_of_grouped_rows_are_drawn_by_group(metric: str) -> None:
    random = np.random.default_rng(1)
    truth, shift = random.normal(size=(30, 5)), random.normal(size=(30, 1))

    def rows(system: str, noise: float) -> list[Prediction]:
        said = truth + noise * shift + 0.1 * random.normal(size=truth.shape)
        return [
            Prediction(f"r:{g}:{i}", system, str(said[g, i]), str(truth[g, i]), group=str(g))
            for g in range(30)
            for i in range(5)
        ]

    good, bad = rows("tuned", 0.3), rows("base", 0.9)
    grouped, alone = (
        metrics(of, task="regress", wanted=(metric,))[metric] for of in (good, [replace(r, group="") for r in good])
    )
    assert grouped.value == pytest.approx(alone.value)
    assert grouped.ci95[1] - grouped.ci95[0] > alone.ci95[1] - alone.ci95[0]
    found = compare(good, bad, metric=metric, task="regress")
    assert found.verdict == "better"
    assert "150 rows in 30 groups" in found.test

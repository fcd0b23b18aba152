"""Losses told from few rows: the published table, a law that is recovered, and what one, two or no size say."""

from __future__ import annotations

import csv
import math
from itertools import pairwise

import numpy as np
import pytest

from tests.shared_data import published
from tunewright.select.laws import accept_then_stop, rectified_law


def losses(task: str) -> tuple[list[dict[int, float]], int]:
    """Of each model, by number of rows; and the largest number."""
    with published(f"finetune_losses/{task}.csv").open(encoding="utf-8", newline="") as file:
        found = [{int(k): float(v) for k, v in row.items() if k.isdigit()} for row in csv.DictReader(file)]
    return found, max(found[0])


def table() -> list[dict[str, str]]:
    with published("finetune_losses/ats_table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_accept_then_stop_reproduces_all_42_cells_of_the_published_table() -> None:
    """Pearson correlation and relative accuracy, both x100, printed with one digit: so +-0.1."""
    n_cells = 0
    for cell in table():
        models, full = losses(cell["task"])
        most = full // int(cell["budget_fraction"].partition("/")[2])
        told = np.array(
            [accept_then_stop({n: v for n, v in one.items() if n <= most}, size=full).loss for one in models]
        )
        true = np.array([one[full] for one in models])
        relative = (true.max() - true[told.argmin()]) / (true.max() - true.min())
        assert 100 * np.corrcoef(told, true)[0, 1] == pytest.approx(float(cell["pearson_x100"]), abs=0.1), cell
        assert 100 * relative == pytest.approx(float(cell["relative_accuracy_x100"]), abs=0.1), cell
        n_cells += 2
    assert n_cells == 42


def test_accept_then_stop_tells_the_loss_at_full_data_from_an_eighth_within_5_percent() -> None:
    errors = []
    for task in ("flan", "wmt19", "gigaword"):
        models, full = losses(task)
        for one in models:
            told = accept_then_stop({n: v for n, v in one.items() if n <= full // 8}, size=full)
            errors.append(abs(told.loss - one[full]) / one[full])
    assert len(errors) == 90
    assert float(np.median(errors)) < 0.05


def test_accept_then_stop_takes_a_power_law_for_what_it_is() -> None:
    told = accept_then_stop({n: 3.0 * n**-0.25 for n in (16, 81, 256, 625)}, size=10_000)
    assert told.loss == pytest.approx(0.3)
    assert told.slope == pytest.approx(-0.25)
    assert told.sizes == (81, 256, 625)  # the smallest only tells where the line ends


def test_accept_then_stop_leaves_out_the_flat_part_before_the_power_law() -> None:
    bent = {2: 0.5, 4: 0.5, 8: 0.5, 16: 1.01 * 0.5, 32: 0.99 * 0.25, 64: 1.01 * 0.125, 128: 1 / 16}
    assert accept_then_stop(bent, size=256).sizes == (16, 32, 64, 128)


def test_accept_then_stop_says_little_from_little() -> None:
    assert math.isnan(accept_then_stop({}, size=100).loss)
    assert math.isnan(accept_then_stop({0: 2.0, 10: math.nan}, size=100).loss)
    one = accept_then_stop({10: 2.0}, size=100)
    assert (one.loss, one.sizes, math.isnan(one.slope), math.isnan(one.error)) == (2.0, (10,), True, True)
    two = accept_then_stop({10: 4.0, 20: 2.0}, size=40)
    assert two.loss == pytest.approx(1.0)
    assert math.isnan(two.error)


def test_accept_then_stop_is_less_sure_the_further_it_tells() -> None:
    measured = {10: 4.0, 20: 2.1, 40: 0.98}
    errors = [
        accept_then_stop(measured, size=size).error / accept_then_stop(measured, size=size).loss
        for size in (80, 160, 320)
    ]
    assert all(0 < near < far for near, far in pairwise(errors))


def test_rectified_law_recovers_the_law_that_made_the_losses() -> None:
    def law(n: int) -> float:
        return 120 / (60 + n**0.7) + 0.5

    found = rectified_law({0: law(0), **{2**i: law(2**i) for i in range(4, 14)}})
    assert found.loss(10**6) == pytest.approx(law(10**6), rel=0.02)
    assert found.floor == pytest.approx(0.5, rel=0.05)
    assert found.beta == pytest.approx(0.7, rel=0.05)


def test_rectified_law_needs_four_sizes() -> None:
    with pytest.raises(ValueError, match="there are 3"):
        rectified_law({1: 3.0, 2: 2.0, 4: 1.5, 8: math.nan})

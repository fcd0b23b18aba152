"""Who is trained next, and how sure the choice is."""

from __future__ import annotations

import math

import pytest

from tunewright.select.halving import Round, crossing_rows, expected_regret, loss_error, rounds, standing
from tunewright.select.laws import Extrapolation


def told(
    loss: float, *, error: float = math.nan, slope: float = -0.1, sizes: tuple[int, ...] = (100,)
) -> Extrapolation:
    return Extrapolation(loss, sizes, slope, error)


@pytest.mark.parametrize("n", [5, 7, 12])
def test_rounds_cost_at_most_15_percent_of_tuning_all(n: int) -> None:
    cost = sum(one.size * one.n_candidates for one in rounds(n, n_rows=3200))
    assert cost <= 0.15 * n * 3200


def test_rounds_start_with_a_batch_and_end_before_all_rows() -> None:
    assert rounds(3, n_rows=60) == (Round(16, 3), Round(32, 3))  # 64 would be more than there is
    assert rounds(1, n_rows=16) == ()


def test_standing_orders_by_the_loss_with_all_rows_not_by_the_measured_one() -> None:
    slow = {100: 1.0, 200: 0.95}
    fast = {100: 1.2, 200: 1.0}
    found = standing({"slow": slow, "fast": fast, "failed": {}}, n_rows=800)
    assert list(found) == ["fast", "slow"]
    assert found["fast"].loss == pytest.approx(1.2 * (1 / 1.2) ** 3)


def test_loss_error_is_at_least_one_percent_a_doubling() -> None:
    assert loss_error(told(2.0), n_rows=800) == pytest.approx(0.06)
    assert loss_error(told(2.0, error=0.5), n_rows=800) == 0.5


def test_expected_regret_of_two_equals_is_what_the_normal_distribution_says() -> None:
    """E max(0, X) of X = L1 - L2, normal around 0 with deviation root 2: root 2 / root (2 pi)."""
    equal = [told(10.0, error=1.0), told(10.0, error=1.0)]
    assert expected_regret(equal, n_rows=100) == pytest.approx(1 / math.sqrt(math.pi), rel=0.05)
    assert expected_regret([told(1.0, error=0.01), told(2.0, error=0.01)], n_rows=100) == 0.0
    assert expected_regret(equal[:1], n_rows=100) == 0.0


def test_crossing_rows_is_where_the_lines_meet() -> None:
    """1.0 and 1.1 at 100 rows; the second falls by .1 more in the log a doubling: ln 1.1 / .1 e-folds."""
    first, second = told(1.0, slope=-0.1), told(1.1, slope=-0.2)
    n = crossing_rows(first, second, n_rows=100)
    assert (n / 100) ** -0.1 * 1.0 == pytest.approx((n / 100) ** -0.2 * 1.1)
    assert crossing_rows(second, first, n_rows=100) == math.inf

"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.report import numbers


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "text", True])
def test_every_number_says_not_measured_when_there_is_none(value: object) -> None:
    texts = (
        numbers.count_text(value),
        numbers.bytes_text(value),
        numbers.seconds_text(value),
        numbers.percent_text(value),
        numbers.metric_text(value, metric="accuracy"),
        numbers.difference_text(value, metric="f1_macro"),
        numbers.p_text(value),
    )

    assert set(texts) == {numbers.NOT_MEASURED}


def test_metric_text_uses_the_digits_of_the_metric() -> None:
    assert numbers.metric_text(0.9364, metric="accuracy") == "93.6 %"
    assert numbers.metric_text(0.9364, metric="f1_macro") == "0.936"
    assert numbers.metric_text(1.2, metric="bits_per_byte") == "1.200"
    assert numbers.metric_text(56.74, metric="chrf") == "56.7"


def test_difference_of_shares_is_in_points_and_always_signed() -> None:
    assert numbers.difference_text(0.063, metric="accuracy") == "+6.3 points"
    assert numbers.difference_text(-0.0421, metric="f1_macro") == "−0.042"
    assert numbers.difference_interval_text([-0.01, 0.02], metric="accuracy") == "−1.0 to +2.0"


@pytest.mark.parametrize("ci95", [None, [None, None], [0.1], [0.1, math.nan], "0.1"])
def test_interval_is_left_out_when_it_is_not_whole(ci95: object) -> None:
    assert numbers.interval_text(ci95, metric="accuracy") == ""


@given(st.floats(min_value=1, max_value=1e15))
def test_bytes_text_is_within_half_a_percent_of_the_truth(size: float) -> None:
    scale = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
    value, unit = numbers.bytes_text(size).split()

    assert float(value) * scale[unit] == pytest.approx(size, rel=0.006, abs=0.5)  # three digits: half of .01 in 1.00

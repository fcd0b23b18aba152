"""Numbers: read the same everywhere, brought to mean 0 and deviation 1 and back."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.scale import Scale, answer_text, number_of, number_text, scale_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("3", 3.0),
        (" -3.25 ", -3.25),
        ("+1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("3,5", 3.5),
        ("0,125", 0.125),
        ("\N{MINUS SIGN}2", -2.0),
    ],
)
def test_number_of_reads_what_people_write(cell: str, number: float) -> None:
    assert number_of(cell) == number


@pytest.mark.parametrize(
    "cell", ["", "abc", "nan", "inf", "-inf", "1e999", "1,234", "1,234.5", "12 €", "45%", "1_000", "0x10", ".", "e5"]
)
def test_number_of_refuses_what_is_no_number_or_two(cell: str) -> None:
    assert number_of(cell) is None


@given(FINITE)
def test_number_text_is_read_back_as_the_same_number(number: float) -> None:
    assert number_of(number_text(number)) == number


@given(st.floats(-1e6, 1e6))
def test_answer_text_keeps_what_a_float32_knows(number: float) -> None:
    read = number_of(answer_text(number))
    assert read is not None
    assert math.isclose(read, number, rel_tol=1e-8, abs_tol=0.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_scale_brings_numbers_to_mean_0_and_deviation_1(numbers: list[float]) -> None:
    scale = scale_of(numbers)
    if scale is None or scale.deviation < 1e-3:
        return  # equal numbers, or hardly different: rounding is all that is left
    standard = [scale.standard(number) for number in numbers]
    assert statistics.fmean(standard) == pytest.approx(0, abs=1e-6)
    assert statistics.pstdev(standard) == pytest.approx(1, abs=1e-6)
    assert [scale.number(one) for one in standard] == pytest.approx(numbers, rel=1e-9, abs=1e-6)


def test_scale_is_none_where_nothing_can_be_learned() -> None:
    assert scale_of([]) is None
    assert scale_of([3.0, 3.0]) is None
    assert scale_of([1.0]) is None
    assert Scale(0.0, 1.0).standard(2.0) == 2.0

"""Drawings: every mark stands where its number says."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.report import charts

numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


@given(st.lists(numbers, max_size=8))
def test_axis_covers_every_value_with_equal_steps(values: list[float]) -> None:
    on = charts.axis(values)

    span = on.high - on.low
    assert span > 0
    assert all(on.low - 1e-6 * span <= value <= on.high + 1e-6 * span for value in values)
    steps = [b - a for a, b in zip(on.ticks, on.ticks[1:], strict=False)]
    assert max(steps) - min(steps) <= 1e-6 * span
    assert 2 <= len(on.ticks) <= 9


def test_axis_of_shares_stays_between_zero_and_one() -> None:
    on = charts.axis([0.01, 0.999], floor=0, top=1)

    assert (on.low, on.high) == (0, 1)


def test_axis_is_not_empty_when_all_values_are_equal_to_the_top() -> None:
    on = charts.axis([1.0, 1.0], floor=0, top=1)

    assert on.low < 1.0
    assert on.high == 1.0


@pytest.mark.parametrize("values", [[-15.3, -15.3], [-0.4, 0.2], [1.5, 0.2], [-2.0]])
def test_axis_goes_beyond_its_ends_where_values_do(values: list[float]) -> None:
    on = charts.axis(values, floor=0, top=1)

    assert on.low <= min(values)
    assert on.high >= max(values)
    assert on.low < on.high


@given(st.lists(st.floats(min_value=0, max_value=10), min_size=1, max_size=900))
def test_averaged_keeps_the_mean_and_the_last_step(ys: list[float]) -> None:
    points = [(float(i), y) for i, y in enumerate(ys, start=1)]
    size = math.ceil(len(ys) / 7)

    found = charts.averaged(points, limit=7)

    weights = [min(size, len(ys) - i * size) for i in range(len(found))]
    assert len(found) <= 7
    assert found[-1][0] == len(ys)
    assert sum(w * y for w, (_, y) in zip(weights, found, strict=True)) == pytest.approx(sum(ys), abs=1e-6)


def test_dot_and_whisker_places_dot_and_ends_by_percent() -> None:
    drawing = _xml(charts.dot_and_whisker(0.5, (0.25, 0.75), on=charts.Axis(0, 1, (0.0, 1.0)), title="a"))

    assert drawing.find("circle").get("cx") == "50.0%"  # type: ignore[union-attr]
    whisker = drawing.findall("line[@class='whisker']")[0]
    assert (whisker.get("x1"), whisker.get("x2")) == ("25.0%", "75.0%")


def test_dot_and_whisker_draws_no_whisker_when_the_interval_is_unknown() -> None:
    drawing = charts.dot_and_whisker(0.5, (math.nan, math.nan), on=charts.axis([0.5]), title="a")

    assert "whisker" not in drawing
    assert "nan" not in drawing


def test_line_chart_leaves_a_gap_where_a_value_is_missing() -> None:
    line = charts.Series("a", ((0, 1.0), (1, 2.0), (2, math.nan), (3, 1.5)), "ours", "a")
    drawing = charts.line_chart([line], title="t", description="d", x_label="x")

    path = re.search(r'd="([^"]+)"', drawing)
    assert path is not None
    assert path[1].count("M") == 2
    assert "nan" not in drawing


def test_line_chart_is_empty_when_nothing_was_measured() -> None:
    assert (
        charts.line_chart([charts.Series("a", ((0, math.nan),), "ours", "a")], title="t", description="", x_label="")
        == ""
    )


def test_histogram_bars_are_as_high_as_their_counts() -> None:
    drawing = _xml(charts.histogram([0, 10, 20], [50, 100], marker=15, marker_label="cut", title="t", description="d"))

    low, high = (float(bar.get("height", "nan")) for bar in drawing.findall("rect[@class='bar']"))
    assert low == pytest.approx(high / 2)
    assert drawing.find("line[@class='marker']").get("x1") == "75.0%"  # type: ignore[union-attr]


def test_every_drawing_has_a_title_and_escapes_it() -> None:
    drawing = _xml(charts.dot_and_whisker(1, (0, 2), on=charts.axis([0, 2]), title='<b> & "q"'))

    assert drawing.find("title").text == '<b> & "q"'  # type: ignore[union-attr]


def test_matrix_picture_draws_only_cells_that_hold_something() -> None:
    drawing = _xml(charts.matrix_picture([[3, 0], [1, 2]], title="t", description="d"))

    cells = [r for r in drawing.findall("rect") if r.get("class") != "paper"]
    assert [(c.get("class"), c.get("x"), c.get("y")) for c in cells] == [
        ("right", "0", "0"),
        ("wrong", "0", "1"),
        ("right", "1", "1"),
    ]


def _xml(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)

"""The table of lengths says what is lost and what is paid."""

from __future__ import annotations

from tunewright.cli.length_prices import price_table
from tunewright.prepare.length_price import LengthPrice


def test_price_table_marks_the_chosen_length() -> None:
    prices = (LengthPrice(64, False, 12, 3400, 5, 210, 5000, 0.5), LengthPrice(128, True, 0, 0, 0, 0, 10_000, 1.0))
    assert price_table(prices).split("\n") == [
        "max_length  rows cut  tokens cut  answers cut  their tokens  cost",
        "64          12        3,400       5            210           0.50",
        "128 *       0         0           0            0             1.00",
        "(* = chosen; cost: tokens with padding, 1 = as chosen; answers: about)",
    ]


def test_price_table_names_no_answers_where_rows_have_none() -> None:
    table = price_table((LengthPrice(64, True, 1, 10, None, None, 50, 1.0),))
    assert "answers" not in table
    assert price_table(()) == ""

"""Numbers and JSON in answers: what counts as right, and which rows are of that kind."""

from __future__ import annotations

import math

import pytest

from tunewright.core.errors import EvalError
from tunewright.core.values import Prediction
from tunewright.evaluate.measures.structured import json_f1, json_valid, number_match
from tunewright.evaluate.metrics import metrics, of_these_rows
from tunewright.evaluate.statistics.compare import compare


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("She has 18.", "9 + 9 = <<9+9=18>>18\n#### 18", 1.0),
        ("18 eggs for 2 dollars", "#### 18", 0.0),  # the last number counts
        ("#### 18 (that is 9 + 9)", "#### 18", 0.0),
        ("so 9 + 9\n#### 18", "#### 18", 1.0),
        ("1,018", "1018.00", 1.0),
        ("\u22125 degrees", "-5", 1.0),
        ("5", "-5", 0.0),
        ("", "7", 0.0),
        ("seven", "7", 0.0),
        ("7", "seven", None),
        ("7", "", None),
        ("1,2,3", "3", 1.0),
        ("version 1.2.3", "3", 1.0),
        ("10-15", "15", 0.0),  # read as 10 and minus 15
    ],
)
def test_last_numbers_are_compared(answer: str, reference: str, expected: float | None) -> None:
    assert number_match(answer, reference=reference) == expected


@pytest.mark.parametrize(
    ("answer", "reference", "valid", "f1"),
    [
        ('{"a": 1, "b": "x"}', '{"b": "x", "a": 1.0}', 1.0, 1.0),
        ('{"a": 1}', '{"a": 1, "b": "x"}', 1.0, 2 / 3),  # 1 of 1 and 1 of 2
        ('{"a": true}', '{"a": 1}', 1.0, 0.0),
        ('{"a": "1"}', '{"a": 1}', 1.0, 0.0),
        ('{"a": {"b": [1, 2]}}', '{"a": {"b": [2, 1]}}', 1.0, 1.0),
        ('{"a": {"b": 1}}', '{"a": 1}', 1.0, 0.0),
        ('[{"a": 1}, {"a": 1}]', '[{"a": 1}]', 1.0, 2 / 3),  # one field too many
        ("{}", "{}", 1.0, 1.0),
        ("[]", "{}", 1.0, 0.0),
        ('{"a": null}', "{}", 1.0, 0.0),
        ('Here: {"a": 1}', '{"a": 1}', 0.0, 0.0),
        ("", '{"a": 1}', 0.0, 0.0),
        ("3", '{"a": 1}', 0.0, 0.0),
        ("[" * 5000, '{"a": 1}', 0.0, 0.0),  # deeper than the parser goes
        ('{"a": 1}', "no JSON", None, None),
        ("3", "3", None, None),
    ],
)
def test_json_is_read_as_it_stands(answer: str, reference: str, valid: float | None, f1: float | None) -> None:
    assert json_valid(answer, reference=reference) == valid
    found = json_f1(answer, reference=reference)
    assert found is None if f1 is None else found == pytest.approx(f1)


def test_metrics_count_only_rows_of_that_kind() -> None:
    pairs = [('{"a": 1}', '{"a": 1}'), ("{", '{"a": 1}'), ("some words", "other words")]
    rows = [Prediction(f"r:{i}", "tuned", a, r, is_stopped=True) for i, (a, r) in enumerate(pairs)]
    found = metrics(rows, task="generate", wanted=("json_valid", "json_f1", "number_match", "length_ratio"))
    assert (found["json_valid"].value, found["json_valid"].n) == (0.5, 2)
    assert (found["json_f1"].value, found["json_f1"].n) == (0.5, 2)
    assert (found["number_match"].value, found["number_match"].n) == (0.5, 2)
    assert found["length_ratio"].value == pytest.approx((2 + 0 + 2) / (2 + 2 + 2))
    assert math.isnan(metrics(rows[2:], task="generate", wanted=("json_f1",))["json_f1"].value)


def test_what_no_row_has_is_left_out_and_nothing_is_better_by_length() -> None:
    rows = [Prediction("r:0", "tuned", "some words", "other words", is_stopped=True)]
    found = metrics(rows, task="generate")
    assert {name for name in found if found[name].n == 0} >= {"json_f1", "json_valid", "number_match", "repetition"}
    names = of_these_rows(tuple(found), [found])
    assert set(found) - set(names) == {"json_f1", "json_valid", "number_match", "scorer"}, (
        "too few words is a fact of the answers"
    )
    with pytest.raises(EvalError, match="nothing is better or worse by length_ratio"):
        compare(rows, rows, metric="length_ratio", task="generate")

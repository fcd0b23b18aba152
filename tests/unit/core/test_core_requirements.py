"""evaluate.require: what may be asked, and how what was measured is held beside it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tunewright.core.errors import PlanError
from tunewright.core.requirements import Condition, checked, conditions

METRICS: dict[str, Any] = {
    "subject": "tuned",
    "primary_metric": "accuracy",
    "systems": {
        "tuned": {
            "accuracy": {"value": 0.9, "ci95": [0.85, 0.94], "reason": ""},
            "log_loss": {"value": None, "ci95": [None, None], "reason": "no row has probabilities"},
            "mae": {"value": 12.0, "ci95": [math.nan, math.nan], "reason": ""},
        },
        "tfidf": {"accuracy": {"value": 0.8, "ci95": [0.7, 0.9], "reason": ""}},
    },
    "comparisons": [
        {"a": "tuned", "b": rival, "metric": "accuracy", "difference": d, "ci95": ci95, "verdict": verdict, "test": "t"}
        for rival, d, ci95, verdict in (
            ("tfidf", 0.1, [0.04, 0.16], "better"),
            ("majority", 0.02, [-0.03, 0.07], "not distinguishable"),
            ("base", None, [None, None], "not distinguishable"),
        )
    ],
    "not_run": {"linear_probe": "it needs vectors"},
}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (">= 0.9", Condition("accuracy", ">=", 0.9)),
        (">=.9", Condition("accuracy", ">=", 0.9)),
        ("  > 85 % ", Condition("accuracy", ">", 0.85)),
        ("<= 1e-1", Condition("accuracy", "<=", 0.1)),
        ("< -2", Condition("accuracy", "<", -2.0)),
    ],
)
def test_a_bound_is_a_sign_and_a_number(asked: str, found: Condition) -> None:
    assert conditions({"accuracy": asked}) == (found,)


def test_each_rival_is_a_condition_of_its_own() -> None:
    found = conditions({"better_than": ("base", "tfidf"), "accuracy": "> 0.5"})
    assert [str(one) for one in found] == ["better than base", "better than tfidf", "accuracy > 0.5"]
    assert conditions({"better_than": "base"}) == (Condition("better_than", rival="base"),)
    assert conditions(None) == conditions({}) == ()


@pytest.mark.parametrize("asked", ["0.9", "good", ">= ", "=> 0.9", "== 1", ">= 1 point", ">= nan", 0.9, ("> 1",), ""])
def test_a_bound_that_cannot_be_read_is_refused_with_one_that_can(asked: Any) -> None:
    with pytest.raises(PlanError, match="cannot be read") as caught:
        conditions({"accuracy": asked})
    assert caught.value.where == "evaluate.require.accuracy"
    assert ">= 0.9" in caught.value.fix


@pytest.mark.parametrize("asked", [(), 1.0])
def test_better_than_nothing_is_refused(asked: Any) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        conditions({"better_than": asked})


@pytest.mark.parametrize(
    ("require", "is_met", "words"),
    [
        ({"accuracy": ">= 0.9"}, True, "0.9, 95 % interval 0.85 to 0.94"),
        ({"accuracy": "> 0.9"}, False, "0.9, 95 % interval 0.85 to 0.94"),
        ({"accuracy": "<= 0.9"}, True, "0.9,"),
        ({"accuracy": "< 0.9"}, False, "0.9,"),
        ({"mae": "< 12.5"}, True, "12"),
        ({"log_loss": "< 99"}, False, "not measured: no row has probabilities"),
        ({"f1_macro": ">= 0"}, False, "not measured: the evaluation has no such number"),
        ({"better_than": "tfidf"}, True, "better: accuracy differs by +0.1, 95 % interval +0.04 to +0.16"),
        ({"better_than": "majority"}, False, "not distinguishable: accuracy differs by +0.02"),
        ({"better_than": "base"}, False, "not compared: t"),
        ({"better_than": "linear_probe"}, False, "not compared: it needs vectors"),
        ({"better_than": "scratch"}, False, "not compared: it was not evaluated"),
    ],
)
def test_what_was_measured_stands_beside_what_is_asked(require: Any, is_met: bool, words: str) -> None:
    (found,) = checked(conditions(require), METRICS)
    assert found.is_met is is_met
    assert words in found.found


def test_a_number_without_an_interval_is_said_without_one() -> None:
    (found,) = checked(conditions({"mae": "< 12.5"}), METRICS)
    assert found.found == "12"


def test_nothing_is_met_before_the_evaluation() -> None:
    found = checked(conditions({"accuracy": "> 0", "better_than": "base"}), {})
    assert [one.is_met for one in found] == [False, False]

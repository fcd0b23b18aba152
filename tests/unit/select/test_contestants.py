"""Who takes part in a race, and whether there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_card
from tunewright.core.errors import PlanError
from tunewright.core.plan import Plan
from tunewright.core.values import ModelCard
from tunewright.select.budget import race_choices, race_seconds
from tunewright.select.contestants import contestants

ENCODER = replace(tiny_card(Path("e"), "encoder"), name="e")
DECODER = replace(tiny_card(Path("d"), "decoder"), name="d")
LARGE = replace(DECODER, name="large", n_parameters=10**9)


def names(task: str, *cards: ModelCard, **sections: Any) -> list[str]:
    plan = Plan.model_validate({"task": task, **sections})
    found = contestants(plan, cards, default_rate=lambda _card, method: 1e-2 if method == "head" else 1e-4)
    return [one.name for one in found]


def test_contestants_of_a_classifier_are_the_whole_model_at_two_rates_and_its_head() -> None:
    assert names("classify", ENCODER) == ["e, full, rate 0.0001", "e, full, rate 0.0003", "e, head, rate 0.01"]
    assert names("classify", LARGE)[0] == "large, lora, rate 0.0001"


def test_contestants_that_write_are_adapted_and_small_ones_also_whole() -> None:
    assert names("generate", DECODER) == [f"d, {m}, rate {r}" for m in ("lora", "full") for r in ("0.0001", "0.0003")]
    assert names("generate", LARGE) == ["large, lora, rate 0.0001", "large, lora, rate 0.0003"]


def test_contestants_vary_only_what_the_plan_leaves_open() -> None:
    assert names("classify", ENCODER, train={"learning_rate": 1e-3}) == ["e, full", "e, head"]
    assert names("classify", ENCODER, train={"method": "head"}) == ["e, rate 0.01"]
    assert names("classify", ENCODER, DECODER, train={"method": "full", "learning_rate": 1e-3}) == ["e", "d"]
    assert names("classify", DECODER, model={"quantization": "nf4"})[0] == "d, lora, rate 0.0001"


@pytest.mark.parametrize(
    ("select", "seconds"),
    [
        ({}, 0.0),
        ({"race": True}, 1200.0),
        ({"budget": "90s"}, 90.0),
        ({"race": False, "budget": "90s"}, 0.0),
        ({"race": True, "budget": "1.5h"}, 5400.0),
        ({"budget": "0min"}, 0.0),
    ],
)
def test_race_seconds_are_those_of_the_budget_where_a_race_is_asked_for(select: dict[str, Any], seconds: float) -> None:
    plan = Plan.model_validate({"select": select})
    assert race_seconds(plan) == seconds
    assert {one.field: one.value for one in race_choices(plan)}["select.race"] is bool(seconds)


def test_race_seconds_of_a_plan_that_trains_nothing_are_none() -> None:
    plan = Plan.model_validate({"select": {"race": True}, "evaluate": {"systems": ["path:/models/theirs"]}})
    assert race_seconds(plan) == 0.0


def test_race_seconds_refuse_a_budget_that_is_no_time() -> None:
    with pytest.raises(PlanError, match="'soon' is not a time") as caught:
        race_seconds(Plan.model_validate({"select": {"budget": "soon"}}))
    assert "select.budget=20min" in caught.value.fix

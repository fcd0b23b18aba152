"""The published schema says of a plan what reading it says, and the file in docs/ is the one that is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tunewright.core.aliases import ALIASES, SPELLED_VALUES
from tunewright.core.errors import PlanError
from tunewright.core.fields import Field, plan_fields
from tunewright.core.files import json_text
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.planfile import plan_from
from tunewright.core.schema import plan_schema

ROOT = Path(__file__).parents[3]
SCHEMA = plan_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


class _Yaml12(yaml.SafeLoader):
    """As editors read it: 2e-4 is a number."""


_Yaml12.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?\d+(\.\d+)?e-?\d+$"), list("-0123456789"))


def is_valid(plan: Any) -> bool:
    return bool(VALIDATOR.is_valid(plan))


def is_read(plan: dict[str, Any]) -> bool:
    try:
        plan_from(plan, folder=Path(), name="x")
    except PlanError:
        return False
    return True


def value(field: Field) -> Any:
    return yaml.load(field.example, Loader=_Yaml12)


def nested(name: str, given: Any) -> dict[str, Any]:
    section, dot, short = name.partition(".")
    return {section: {short: given}} if dot else {section: given}


def test_schema_is_a_schema_and_the_published_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    published = (ROOT / "docs/plan.schema.json").read_text(encoding="utf-8")
    assert published == json_text(SCHEMA) + "\n", "write it anew: make docs"


def test_schema_takes_what_a_plan_writes_of_itself() -> None:
    assert is_valid(plan_dict(Plan()))
    assert is_valid(plan_dict(Plan(), with_auto=True))


@pytest.mark.parametrize("field", plan_fields().values(), ids=lambda field: field.name)
def test_schema_takes_a_field_wherever_a_plan_may_say_it(field: Field) -> None:
    assert is_valid(nested(field.name, value(field)))
    assert is_valid(nested(field.name, "auto"))
    assert is_valid({field.name: value(field)})
    for alias in field.aliases:
        if alias in ALIASES:
            given = next(iter(SPELLED_VALUES[alias])) if alias in SPELLED_VALUES else value(field)
            assert is_valid({alias: given})
            assert is_valid({field.name.partition(".")[0]: {alias: given}})


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("docs/howto/*.yaml")]), ids=lambda p: p.name
)
def test_schema_takes_the_shipped_plans(path: Path) -> None:
    assert is_valid(yaml.load(path.read_text(encoding="utf-8"), Loader=_Yaml12))


def test_schema_takes_the_plan_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert is_valid(yaml.load(text, Loader=_Yaml12))


@pytest.mark.parametrize(
    "plan",
    [
        {"data": "tickets.csv"},
        {"data": ["a.csv", "b.csv"]},
        {"model": "starter:minilm-l6", "data": None},
        {"epochs": 3, "lr": 1e-4},
        {"train": {"patience": None, "layers": [3, 4]}},
        {"prepare": {"actions": {"leakage": "drop"}}},
        {"model": {"dtype": "bf16"}},
        {"bath_size": 3},
        {"train": {"epoch": 3}},
        {"train": {"epochs": 0}},
        {"train": {"epochs": "many"}},
        {"train": {"epochs": True}},
        {"train": {"method": "qlora"}},
        {"train": {"lora_r": 2.5}},
        {"train": "fast"},
        {"limit": 5},
        {"data": {"train": 3}},
        {"prepare": {"actions": {"leakage": "ignore"}}},
        {"task": "translate"},
        {"run": {"seed": -1}},
        {"output_dir": "x"},
    ],
    ids=json.dumps,
)
def test_schema_says_yes_exactly_when_a_plan_can_be_read(plan: dict[str, Any]) -> None:
    assert is_valid(plan) == is_read(plan)


def test_schema_marks_other_tools_spellings_as_deprecated_and_names_them() -> None:
    train = SCHEMA["$defs"]["train"]["properties"]
    assert train["lr"]["deprecated"] is True
    assert "Also written lr" in train["learning_rate"]["description"]
    assert SCHEMA["properties"]["num_train_epochs"]["deprecated"] is True
    assert "deprecated" not in SCHEMA["properties"]["epochs"]

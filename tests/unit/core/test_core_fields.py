"""What is said of the plan's fields is true: examples are plans, ranges are checked, rules are those of resolve."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tunewright.core.errors import PlanError
from tunewright.core.fields import EXAMPLES, Field, override, plan_fields, plan_line
from tunewright.core.plan import Plan, open_fields
from tunewright.core.planfile import plan_from
from tunewright.core.section import is_auto

FIELDS = plan_fields()
GOLDEN = Path(__file__).parents[2] / "golden"


def value_of(plan: Plan, name: str) -> Any:
    section, dot, short = name.partition(".")
    return getattr(getattr(plan, section), short) if dot else getattr(plan, section)


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_field_example_can_be_typed_and_written(field: Field) -> None:
    [word] = shlex.split(override(field))
    typed = plan_from({}, folder=Path(), name="x", overrides=[word]).plan
    written = plan_from(yaml.safe_load(plan_line(field)), folder=Path(), name="x").plan
    assert typed == written
    assert not is_auto(value_of(typed, field.name))


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_field_says_what_it_is_and_what_happens_without_it(field: Field) -> None:
    assert len(field.what) > 8
    assert field.what != "None"
    assert field.takes
    assert field.left_out
    assert not field.left_out.endswith(".")


def test_fields_are_those_of_the_plan_and_examples_have_no_stranger() -> None:
    assert open_fields(Plan()) == tuple(name for name in FIELDS if is_auto(value_of(Plan(), name)))
    assert EXAMPLES.keys() <= FIELDS.keys()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("train.lora_r", {"full": ["0", "1025"], "fine": ["1", "1024"]}),
        ("train.warmup_ratio", {"full": ["-0.1", "1"], "fine": ["0", "0.99"]}),
        ("prepare.test_fraction", {"full": ["0", "1"], "fine": ["0.01"]}),
        ("run.seed", {"full": ["-1", "4294967296"], "fine": ["0", "4294967295"]}),
    ],
)
def test_field_takes_what_it_says_when_the_range_ends(name: str, values: dict[str, list[str]]) -> None:
    for text in values["fine"]:
        plan_from({}, folder=Path(), name="x", overrides=[f"{name}={text}"])
    for text in values["full"]:
        with pytest.raises(PlanError):
            plan_from({}, folder=Path(), name="x", overrides=[f"{name}={text}"])
    assert "(" in FIELDS[name].takes


@pytest.mark.parametrize("golden", ["classify", "generate"])
@pytest.mark.parametrize(
    "name",
    [
        *("train.lora_r", "train.lora_dropout", "train.target_modules", "train.epochs", "train.batch_size"),
        *("train.warmup_ratio", "train.weight_decay", "train.patience", "train.method", "train.layers"),
        *("evaluate.primary_metric", "prepare.test_fraction", "prepare.validation_fraction", "model.dtype"),
    ],
)
def test_field_names_the_value_that_resolve_chooses(name: str, golden: str) -> None:
    """The rule in words and the rule in code stand in two files: the golden plans hold them together."""
    section, _, short = name.partition(".")
    chosen = yaml.safe_load((GOLDEN / f"{golden}.yaml").read_text(encoding="utf-8"))["plan"][section][short]
    said = f"{chosen:g}" if isinstance(chosen, float) else str(chosen)
    assert said in FIELDS[name].left_out

"""Plan: every value checked, nothing changed in place, "auto" only where a person left something open."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tunewright.core.plan import SECTIONS, Plan, open_fields, plan_dict
from tunewright.core.section import AUTO, Auto, is_auto
from tunewright.core.train_plan import TrainPlan

OUT_OF_RANGE: list[tuple[str, str, Any]] = [
    ("train", "learning_rate", 0),
    ("train", "learning_rate", 10),
    ("train", "learning_rate", -1e-4),
    ("train", "learning_rate", float("nan")),
    ("train", "epochs", 0),
    ("train", "epochs", 1001),
    ("train", "lora_r", 0),
    ("train", "lora_r", 1025),
    ("train", "lora_r", 1.5),
    ("train", "lora_dropout", 1),
    ("train", "lora_alpha", float("inf")),
    ("train", "warmup_ratio", 1),
    ("train", "weight_decay", -0.1),
    ("train", "weight_decay", float("inf")),
    ("train", "batch_size", 0),
    ("train", "method", "qlora"),
    ("train", "layers", [1.5]),
    ("train", "patience", 0),
    ("prepare", "validation_fraction", 0),
    ("prepare", "test_fraction", 1),
    ("prepare", "max_length", 7),
    ("prepare", "actions", {"leakage": "ignore"}),
    ("data", "limit", 0),
    ("data", "train", 3),
    ("run", "seed", -1),
    ("run", "seed", 2**32),
    ("run", "threads", 0),
    ("evaluate", "seeds", 21),
    ("export", "max_kl_nats", 0),
]


@pytest.mark.parametrize(("section", "name", "value"), OUT_OF_RANGE)
def test_plan_refuses_values_out_of_range(section: str, name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate({section: {name: value}})

    assert caught.value.errors()[0]["loc"][:2] == (section, name)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("train", "epochs", True),
        ("train", "lora_r", True),
        ("train", "layers", [True, False]),
        ("train", "learning_rate", False),
        ("data", "label_column", True),
        ("data", "limit", True),
        ("model", "name", False),
        ("run", "seed", True),
    ],
)
def test_plan_refuses_yes_and_no_for_numbers_and_text(section: str, name: str, value: object) -> None:
    with pytest.raises(ValidationError, match="not yes/no"):
        Plan.model_validate({section: {name: value}})


def test_plan_takes_yes_and_no_where_they_are_meant() -> None:
    plan = Plan.model_validate({"train": {"use_dora": True, "packing": False, "adapter": {"init_lora_weights": True}}})

    assert (plan.train.use_dora, plan.train.packing) == (True, False)


def test_plan_reads_the_number_that_yaml_takes_for_text() -> None:
    assert Plan.model_validate({"train": {"learning_rate": "1e-4"}}).train.learning_rate == 1e-4


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a:b", "what?", " a", "a ", "a\0b", 'a"b', "-a", "CON", "nul.csv", "x" * 61]
)
def test_plan_refuses_run_names_that_are_no_folder_name(name: str) -> None:
    with pytest.raises(ValidationError, match="one short folder name"):
        Plan.model_validate({"run": {"name": name}})


@pytest.mark.parametrize("name", ["tickets", "tickets 2", ".hidden", "über.uns", "con-artists", "票" * 60])
def test_plan_takes_run_names_that_a_folder_can_have(name: str, tmp_path: Path) -> None:
    assert Plan.model_validate({"run": {"name": name}}).run.name == name
    (tmp_path / name).mkdir()


@pytest.mark.parametrize("raw", [{"train": {"lr": 1}}, {"trian": {}}, {"train": 3}])
def test_plan_refuses_unknown_keys_and_sections(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(raw)


@pytest.mark.parametrize("word", ["auto", AUTO])
def test_plan_leaves_open_what_is_said_to_be_auto(word: object) -> None:
    plan = Plan.model_validate({"train": {"epochs": word, "layers": word, "lr_scheduler_type": word}})

    assert is_auto(plan.train.epochs)
    assert is_auto(plan.train.layers)
    assert plan.train.lr_scheduler_type == "cosine"
    assert plan == Plan()


def test_plan_cannot_be_changed_in_place() -> None:
    plan = Plan()

    with pytest.raises(ValidationError, match="frozen"):
        plan.task = "text"
    with pytest.raises(ValidationError, match="frozen"):
        plan.train.epochs = 3


def test_with_gives_a_changed_copy_and_checks_it() -> None:
    train = TrainPlan(epochs=3)

    assert train.with_(epochs=5).epochs == 5
    assert train.epochs == 3
    assert train.with_() == train
    assert Plan().with_(train=train).train == train
    with pytest.raises(ValidationError):
        train.with_(epochs=-1)
    with pytest.raises(ValidationError):
        Plan().with_(no_section=train)


def test_auto_is_one_value_in_every_copy() -> None:
    assert Auto() is AUTO
    assert copy.deepcopy(AUTO) is AUTO
    assert pickle.loads(pickle.dumps(AUTO)) is AUTO
    assert is_auto(copy.deepcopy(Plan()).train.epochs)
    assert not is_auto("auto")


def test_open_fields_are_exactly_those_left_out() -> None:
    everything = open_fields(Plan())
    some = open_fields(Plan.model_validate({"task": "text", "train": {"epochs": 3}, "data": {"test": None}}))

    assert set(everything) - set(some) == {"task", "train.epochs", "data.test"}
    assert "model.revision" not in everything


def test_plan_dict_leaves_open_fields_out_or_says_auto() -> None:
    plan = Plan.model_validate({"train": {"epochs": 3, "layers": [3, 4]}})

    assert plan_dict(plan)["train"]["layers"] == [3, 4]
    assert "learning_rate" not in plan_dict(plan)["train"]
    assert "task" not in plan_dict(plan)
    said = plan_dict(plan, with_auto=True)
    assert said["task"] == said["train"]["learning_rate"] == "auto"
    assert tuple(said) == ("task", *SECTIONS)
    assert Plan.model_validate(said) == plan


@pytest.mark.filterwarnings("ignore::pydantic.json_schema.PydanticJsonSchemaWarning")  # auto is no JSON default
def test_plan_publishes_a_json_schema_for_editors() -> None:
    schema = Plan.model_json_schema()

    assert set(schema["properties"]) == {"task", *SECTIONS}
    assert schema["$defs"]["TrainPlan"]["properties"]["epochs"]["maximum"] == 1000

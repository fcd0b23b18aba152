"""What is trained is what the plan says: whole, some blocks, adapters, the head."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_card
from tunewright.core.errors import PlanError
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Task
from tunewright.model.adapt import adapted, trainable_state
from tunewright.model.load import load_model


def names_of(folder: Path, *, task: Task, **train: Any) -> list[str]:
    """Names of what is trained, for a tiny model of two blocks."""
    card = tiny_card(folder, "decoder" if task == "generate" else "encoder")
    plan = TrainPlan(
        **{"layers": "all", "lora_r": 2, "lora_alpha": 4, "lora_dropout": 0, "target_modules": "all-linear"} | train
    )
    labels = ("a", "b") if task == "classify" else ()
    return list(trainable_state(adapted(load_model(card, task=task, labels=labels), plan, seed=0).model))


def blocks_of(names: list[str]) -> set[str]:
    return {found[1] for name in names if (found := re.search(r"layers?\.(\d+)\.", name))}


@pytest.mark.parametrize(("layers", "blocks"), [("all", {"0", "1"}), ("last:1", {"1"}), ((0,), {"0"})])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_adapted_changes_only_the_named_blocks(
    tiny_decoder: Path, tiny_encoder: Path, method: str, layers: Any, blocks: set[str]
) -> None:
    for folder, task in ((tiny_decoder, "generate"), (tiny_encoder, "classify")):
        names = names_of(folder, task=task, method=method, layers=layers)  # type: ignore[arg-type]
        assert blocks_of(names) == blocks
        if method == "lora":
            assert all("lora_" in name or name.startswith("head.") for name in names)


def test_adapted_adapts_the_named_modules_of_the_named_blocks(tiny_decoder: Path) -> None:
    names = names_of(tiny_decoder, task="generate", method="lora", layers="last:1", target_modules=("q_proj", "v_proj"))
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in names} == {"q_proj", "v_proj"}
    assert blocks_of(names) == {"1"}


def test_adapted_refuses_modules_that_the_blocks_do_not_have(tiny_decoder: Path) -> None:
    with pytest.raises(PlanError, match="fits no part"):
        names_of(tiny_decoder, task="generate", method="lora", layers="last:1", target_modules=("nothing",))


def test_adapted_trains_the_head_alone_when_asked(tiny_encoder: Path) -> None:
    assert names_of(tiny_encoder, task="classify", method="head") == ["head.weight", "head.bias"]


@pytest.mark.parametrize(
    "adapter",
    [
        {"peft_type": "LOHA", "target_modules": "all-linear", "r": 2},
        {"peft_type": "LORA", "target_modules": ["q_proj", "down_proj"], "r": 2},
        {"peft_type": "IA3", "target_modules": ["v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    ],
    ids=lambda adapter: adapter["peft_type"],
)
def test_adapted_looks_the_blocks_up_in_the_adapters_modules(tiny_decoder: Path, adapter: dict[str, Any]) -> None:
    assert blocks_of(names_of(tiny_decoder, task="generate", method="lora", adapter=adapter)) == {"0", "1"}
    names = names_of(tiny_decoder, task="generate", method="lora", adapter=adapter, layers="last:1")
    assert blocks_of(names) == {"1"}


LORA = {"target_modules": "all-linear"}


@pytest.mark.parametrize(
    ("train", "where", "words"),
    [
        ({"adapter": {"peft_type": "IA3"}, "layers": "last:1"}, "train.layers", "has none"),
        ({"adapter": {"peft_type": "IA3"}, "layers": "find"}, "train.layers", "has none"),
        ({"adapter": LORA | {"layers_to_transform": [0]}, "layers": "last:1"}, "train.layers", "too"),
        ({"adapter": LORA | {"init_lora_weights": "pissa"}}, "train.adapter", "train.use_pissa=true"),
        ({"adapter": LORA | {"init_lora_weights": "olora"}}, "train.adapter", "changes the base"),
        ({"adapter": LORA | {"init_lora_weights": "eva"}}, "train.adapter", "pass over data"),
        ({"adapter": LORA | {"r": 0}}, "train.adapter", "positive integer"),
        ({"adapter": LORA | {"r": "eight"}}, "train.adapter", "not supported between"),
        ({"adapter": {"target_modules": ["q_proj", "kueri"]}}, "train.adapter", "no module is called kueri"),
        ({"adapter": {"peft_type": "LORO"}}, "train.adapter", "peft has no method LORO"),
        ({"adapter": LORA | {"rank": 8}}, "train.adapter", "rank"),
        ({"target_modules": ("q_proj", "kueri")}, "train.target_modules", "k_proj, lm_head, o_proj, q_proj"),
        ({"target_modules": "kueri"}, "train.target_modules", "kueri"),
    ],
    ids=str,
)
def test_adapted_refuses_an_adapter_that_does_not_fit(
    tiny_decoder: Path, train: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(PlanError) as caught:
        names_of(tiny_decoder, task="generate", method="lora", **train)
    assert caught.value.where == where
    assert words in str(caught.value)
    assert caught.value.fix

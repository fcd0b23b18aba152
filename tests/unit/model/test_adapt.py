"""What is trained is what the plan says: whole, some blocks, adapters, the head."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_card
from tunewright.core.errors import PlanError
from tunewright.core.plan import TrainPlan
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

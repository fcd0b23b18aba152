"""The laws of every way to adapt: trained = saved and loaded again = merged, resumed = uninterrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests.numerics.training import LABELS, LORA, tiny_adapted, tiny_training
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Task
from tunewright.export.merge import merged
from tunewright.model.adapt import trainable_state
from tunewright.model.load import Loaded
from tunewright.model.trained import load_trained, save_trained
from tunewright.train.checkpoint import Position, load_checkpoint, save_checkpoint
from tunewright.train.loop import Training, adamw, train_steps

PLAIN = LORA.with_(lora_dropout=0.0)
IDS = torch.tensor([[1, 20, 30, 40, 50, 60], [1, 70, 80, 90, 100, 110]])
MASK = torch.ones_like(IDS)
TOLERANCE = 1e-4
"""Of float32 logits of size 1: W + BA in one product rounds unlike Wx + B(Ax)."""

MODULES = {"classify": ("query", "value", "output.dense"), "generate": ("q_proj", "v_proj", "down_proj")}
FEEDFORWARD = {"classify": "output.dense", "generate": "down_proj"}


def plan_of(kind: str, task: Task) -> TrainPlan:
    """The LoRA fields of the plan, or peft's own fields in train.adapter."""
    fields: dict[str, dict[str, Any]] = {
        "IA3": {"target_modules": list(MODULES[task]), "feedforward_modules": [FEEDFORWARD[task]]},
        "VERA": {"target_modules": "all-linear", "r": 8, "d_initial": 1.0},
        "LOHA": {"target_modules": "all-linear", "r": 4, "alpha": 8},
        "LORA": {"target_modules": list(MODULES[task]), "r": 4, "lora_alpha": 8, "bias": "none"},
    }
    if kind in fields:
        return TrainPlan(method="lora", layers="all", adapter={"peft_type": kind, **fields[kind]})
    if kind == "pissa, wider than a matrix":
        return PLAIN.with_(use_pissa=True, lora_r=40, lora_alpha=40)
    switches = {f"use_{word}": True for word in kind.split("+") if word != "lora"}
    return PLAIN.with_(**switches)


KINDS = (
    "lora",
    "rslora",
    "dora",
    "pissa",
    "pissa+rslora",
    "pissa+dora",
    "pissa, wider than a matrix",
    "IA3",
    "VERA",
    "LOHA",
    "LORA",
)


def training_on(loaded: Loaded, folder: Path, *, task: Task) -> Training:
    like = tiny_training(folder, task=task, n_steps=6)
    optimizer = adamw(loaded.model, learning_rate=1e-2, weight_decay=0.01)
    return replace(like, model=loaded.model.train(), optimizer=optimizer)


def answers(loaded: Loaded) -> Tensor:
    loaded.model.eval()
    with torch.inference_mode():
        if loaded.task == "classify":
            return torch.as_tensor(loaded.model(ids_BT=IDS, mask_BT=MASK))
        return torch.as_tensor(loaded.model(input_ids=IDS, attention_mask=MASK).logits)


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.parametrize("task", ["classify", "generate"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_is_the_same_trained_resumed_reloaded_and_merged(
    kind: str, task: Task, tiny_encoder: Path, tiny_decoder: Path, tmp_path: Path
) -> None:
    folder, plan = tiny_encoder if task == "classify" else tiny_decoder, plan_of(kind, task)
    loaded = tiny_adapted(folder, task=task, plan=plan)
    before = answers(loaded)
    whole = training_on(loaded, folder, task=task)
    for event in train_steps(whole):
        if event.step == 3:
            save_checkpoint(tmp_path / "checkpoints", whole, Position(step=3), fingerprint="f")
    trained = answers(loaded)
    assert (trained - before).abs().max() > 10 * TOLERANCE, "nothing was learned, so nothing is shown"

    again = tiny_adapted(folder, task=task, plan=plan)
    second = training_on(again, folder, task=task)
    load_checkpoint(tmp_path / "checkpoints", second, fingerprint="f")
    list(train_steps(second, done=3))
    assert all(torch.equal(p, trainable_state(again.model)[n]) for n, p in trainable_state(loaded.model).items())
    assert torch.equal(answers(again), trained)

    save_trained(tmp_path, loaded, max_length=64)
    labels = LABELS if task == "classify" else ()
    reloaded = load_trained(tmp_path, loaded.card, task=task, labels=labels, device="cpu", dtype="float32")
    if plan.use_pissa:
        torch.testing.assert_close(answers(reloaded), trained, atol=TOLERANCE, rtol=0)
    else:
        assert torch.equal(answers(reloaded), trained)
    torch.testing.assert_close(answers(merged(reloaded)), trained, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(answers(merged(loaded)), trained, atol=TOLERANCE, rtol=0)


@pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
def test_pissa_starts_as_the_base_and_is_saved_as_a_lora_of_twice_the_rank(tiny_decoder: Path, tmp_path: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    loaded = tiny_adapted(tiny_decoder, task="generate", plan=PLAIN.with_(use_pissa=True))
    with torch.inference_mode():
        expected = base(input_ids=IDS, attention_mask=MASK).logits
    torch.testing.assert_close(answers(loaded), expected, atol=TOLERANCE, rtol=0)
    inner = loaded.model.base_model.model.model.layers[0].self_attn.q_proj  # type: ignore[union-attr]
    own = base.model.layers[0].self_attn.q_proj.weight
    assert not torch.allclose(inner.base_layer.weight, own, atol=1e-2), "its largest part was taken out"  # type: ignore[union-attr]

    list(train_steps(training_on(loaded, tiny_decoder, task="generate")))
    save_trained(tmp_path, loaded, max_length=64)
    plain = PeftModel.from_pretrained(base, str(tmp_path / "adapter"))

    config = plain.peft_config["default"]
    assert (config.r, config.lora_alpha, config.init_lora_weights) == (8, 16, True)  # type: ignore[attr-defined]
    with torch.inference_mode(), plain.disable_adapter():
        assert torch.equal(plain(input_ids=IDS, attention_mask=MASK).logits, expected), "the base is whole again"
    size = max(float(p.detach().abs().max()) for n, p in plain.named_parameters() if "lora_" in n)
    assert size < 1, "only what was learned is in the factors"

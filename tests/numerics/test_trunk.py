"""A frozen trunk that ran once gives the training that one which runs each time gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.numerics.training import tiny_adapted, training_on
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Architecture, Task
from tunewright.model.adapt import trainable_state
from tunewright.model.kernels.install import kernels
from tunewright.model.load import Loaded
from tunewright.model.trunk import Place, first_trained_block, trunk
from tunewright.train.checkpoint import Position, load_checkpoint, save_checkpoint
from tunewright.train.loop import Training, train_steps, validation_loss

MEMORY = Place(memory_bytes=10**9, folder=None)
NOTHING = Place(memory_bytes=0, folder=None)
LAST = TrainPlan(method="full", layers="last:1")
HEAD = TrainPlan(method="head", layers="all")
LORA = TrainPlan(method="lora", layers="last:1", lora_r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear")
CASES: list[tuple[Architecture, Task, TrainPlan]] = [
    ("encoder", "classify", LAST),
    ("encoder", "classify", HEAD),
    ("encoder", "classify", LORA),
    ("decoder", "classify", LAST),
    ("decoder", "classify", HEAD),
    ("decoder", "generate", LAST),
    ("decoder", "generate", LORA),
    ("decoder", "text", LAST),
]
every_case = pytest.mark.parametrize(("architecture", "task", "plan"), CASES)


@pytest.fixture
def folders(tiny_encoder: Path, tiny_decoder: Path) -> dict[str, Path]:
    return {"encoder": tiny_encoder, "decoder": tiny_decoder}


def fresh(folder: Path, architecture: Architecture, task: Task, plan: TrainPlan) -> tuple[Loaded, Training]:
    loaded = tiny_adapted(folder, task=task, plan=plan, architecture=architecture)
    with torch.no_grad():  # the head starts at zero, which would hide what it reads
        for name, p in trainable_state(loaded.model).items():
            if "head" in name or "lora_B" in name:
                p.normal_(0.0, 0.1)
    return loaded, training_on(loaded, task=task, n_steps=14, learning_rate=1e-3)


@contextmanager
def running(loaded: Loaded, training: Training, *, place: Place) -> Iterator[Training]:
    with kernels(loaded.model, device="cpu", dtype=torch.float32), trunk(loaded, training.rows, place=place) as below:
        yield replace(training, trunk=below)


def without_draws(model: nn.Module) -> None:
    """Trained blocks draw dropout in both ways, but the kept trunk draws less, so that the draws would differ."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


@every_case
def test_losses_are_those_of_a_trunk_that_runs_each_time(
    architecture: Architecture, task: Task, plan: TrainPlan, folders: dict[str, Path]
) -> None:
    """Over two epochs and a bit, within 1e-5, or a millionth of a large loss: float32 at other widths of padding."""
    losses = {}
    for place in (NOTHING, MEMORY):
        loaded, training = fresh(folders[architecture], architecture, task, plan)
        without_draws(loaded.model)
        with running(loaded, training, place=place) as training:
            assert training.trunk is not None
            assert training.trunk.where.split(":")[0] == ("memory" if place is MEMORY else "nowhere")
            losses[place] = [event.loss_nats for event in train_steps(training)]
            losses[place].append(validation_loss(training, training.rows)[0].nats / 24)
    assert losses[MEMORY] == pytest.approx(losses[NOTHING], rel=1e-6, abs=1e-5)
    assert losses[MEMORY][0] != losses[MEMORY][-2]


@every_case
def test_frozen_blocks_run_once(
    architecture: Architecture, task: Task, plan: TrainPlan, folders: dict[str, Path]
) -> None:
    loaded, training = fresh(folders[architecture], architecture, task, plan)
    first = next(m for m in loaded.model.modules() if isinstance(m, nn.ModuleList) and len(m) == 2)[0]
    ran: list[int] = []
    inner = next(m for m in first.modules() if isinstance(m, nn.Linear))
    inner.register_forward_hook(lambda *_: ran.append(1))
    with running(loaded, training, place=MEMORY) as training:
        filled = len(ran)
        list(train_steps(training))
        validation_loss(training, training.rows)
        assert len(ran) == filled >= 1
        known = training.rows[0]
        other = replace(known, ids=(*known.ids[:1], *known.ids), trained=(False, *known.trained))
        validation_loss(training, [other])  # a row nobody has seen runs whole
        assert len(ran) == filled + 1
    validation_loss(training, training.rows[:1])
    assert len(ran) == filled + 2


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_resumed_training_equals_uninterrupted_bit_for_bit(
    where: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    place = MEMORY if where == "memory" else Place(memory_bytes=0, folder=tmp_path, disk_bytes=10**9)

    def run(until: int | None, resume: bool) -> dict[str, Any]:
        loaded, training = fresh(folders["encoder"], "encoder", "classify", LAST)
        with running(loaded, training, place=place) as training:
            assert training.trunk is not None
            assert training.trunk.where == where
            torch.manual_seed(7)
            done = load_checkpoint(tmp_path / "c", training, fingerprint="f").step if resume else 0
            for event in train_steps(training, done=done):
                if event.step == until:
                    save_checkpoint(tmp_path / "c", training, Position(step=until), fingerprint="f")
                    break
        return {n: p.detach().clone() for n, p in trainable_state(loaded.model).items()}

    whole = run(None, resume=False)
    run(9, resume=False)
    again = run(None, resume=True)
    assert [n for n in whole if not torch.equal(whole[n], again[n])] == []
    assert list(tmp_path.glob(".trunk*")) == []


def test_a_model_that_is_trained_below_its_blocks_has_no_trunk(folders: dict[str, Path]) -> None:
    loaded, training = fresh(folders["encoder"], "encoder", "classify", TrainPlan(method="full", layers="all"))
    assert first_trained_block(loaded.model, n_blocks=2) == 0
    with trunk(loaded, training.rows, place=MEMORY) as below:
        assert below is None


def test_dropout_stays_in_trained_blocks_and_comes_back_below(folders: dict[str, Path]) -> None:
    loaded, training = fresh(folders["encoder"], "encoder", "classify", LAST)
    shares = {name: m.p for name, m in loaded.model.named_modules() if isinstance(m, nn.Dropout)}
    assert set(shares.values()) == {0.1}
    with trunk(loaded, training.rows, place=MEMORY):
        now = {name: m.p for name, m in loaded.model.named_modules() if isinstance(m, nn.Dropout)}
        assert {name for name, p in now.items() if p} == {name for name in shares if ".layer.1." in name}
    assert {name: m.p for name, m in loaded.model.named_modules() if isinstance(m, nn.Dropout)} == shares

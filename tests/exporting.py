"""Tiny models with an adapter or head that changes something, without a training: weights drawn by seed."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.tiny import tiny_card
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Message, Row, Task
from tunewright.export.source import Source
from tunewright.export.whole import write_whole
from tunewright.model.adapt import adapted, trainable_state
from tunewright.model.load import Loaded, load_model
from tunewright.text.rows import write_rows

LABELS = ("delivery", "login", "refund")
LORA = TrainPlan(method="lora", layers="all", lora_r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear")


def changed_model(base: Path, *, task: Task, plan: TrainPlan = LORA, architecture: str = "decoder") -> Loaded:
    """As after a training: every trainable weight is moved by seeded noise, so that nothing changed is zero."""
    torch.manual_seed(0)
    card = tiny_card(base, architecture)
    loaded = adapted(load_model(card, task=task, labels=LABELS if task == "classify" else ()), plan, seed=0)
    with torch.no_grad():
        for parameter in trainable_state(loaded.model).values():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    loaded.model.eval()
    return loaded


def write_prepared(folder: Path, *, task: Task, n: int = 12) -> Path:
    """A prepare folder with n test rows and nothing else."""
    folder.mkdir()
    if task == "classify":
        rows = [Row(f"train:{i + 2}", text=f"text {i} " * (1 + i % 3), label=LABELS[i % 3]) for i in range(n)]
    elif task == "text":
        rows = [Row(f"train:{i + 1}", text=f"note {i}: the river rises") for i in range(n)]
    else:
        turns = [
            (Message("user", f"say {i}"), Message("assistant", f"you said {i}", is_trained=True)) for i in range(n)
        ]
        rows = [Row(f"train:{i + 1}", messages=messages) for i, messages in enumerate(turns)]
    for split in ("train", "validation", "test"):
        write_rows(folder / f"{split}.parquet", rows if split == "test" else [])
    return folder


def source_of(proven: Loaded, folder: Path, *, max_length: int = 64) -> Source:
    """What targets are written from; the whole model lies in folder/whole when one asked for it."""

    def whole() -> Path:
        if not (folder / "whole").exists():
            write_whole(folder / "whole", proven, max_length=max_length)
        return folder / "whole"

    return Source(proven, max_length, whole)

"""A tiny training, ready to run, for the numerics tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tests.tiny import tiny_card
from tunewright.core.tasks import has_head
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Architecture, Encoded, Example, Message, Task
from tunewright.model.adapt import adapted
from tunewright.model.load import Loaded, load_model
from tunewright.text.encode import encode
from tunewright.train.loop import Training, adamw
from tunewright.train.objective import OBJECTIVES

LABELS = ("no", "yes")
LABELS_OF: dict[Task, tuple[str, ...]] = {
    "classify": LABELS,
    "multilabel": ("damaged", "late", "rude"),
    "regress": ("price",),
}
LORA = TrainPlan(method="lora", layers="all", lora_r=4, lora_alpha=8, lora_dropout=0.1, target_modules="all-linear")
FULL = TrainPlan(method="full", layers="all")


def tiny_adapted(
    folder: Path,
    *,
    task: Task,
    plan: TrainPlan,
    architecture: Architecture | None = None,
    quantization: str | None = None,
) -> Loaded:
    """As a training starts with it; left out: an encoder where the task has a head, else a decoder."""
    architecture = architecture or ("encoder" if has_head(task) else "decoder")
    torch.manual_seed(0)
    labels = LABELS_OF.get(task, ())
    loaded = load_model(tiny_card(folder, architecture), task=task, labels=labels, quantization=quantization)
    return adapted(loaded, plan, seed=0)


def tiny_training(
    folder: Path, *, task: Task, plan: TrainPlan = FULL, n_rows: int = 24, n_steps: int = 12, **changes: object
) -> Training:
    """Seeded: two calls with the same arguments train to the same weights."""
    return training_on(tiny_adapted(folder, task=task, plan=plan), task=task, n_rows=n_rows, n_steps=n_steps, **changes)


def training_on(loaded: Loaded, *, task: Task, n_rows: int = 24, n_steps: int = 12, **changes: object) -> Training:
    """The tiny training of a model that is ready for it."""
    torch.manual_seed(0)
    training = Training(
        model=loaded.model.train(),
        optimizer=adamw(loaded.model, learning_rate=1e-2, weight_decay=0.01),
        objective=OBJECTIVES[task],
        rows=tiny_rows(loaded, task=task, n_rows=n_rows),
        pad_id=loaded.pad_id,
        device="cpu",
        dtype=torch.float32,
        batch_size=4,
        gradient_accumulation_steps=1,
        n_steps=n_steps,
        learning_rate=1e-2,
        warmup_ratio=0.1,
        lr_scheduler_type="cosine",
        max_grad_norm=1.0,
        seed=0,
    )
    return replace(training, **changes)  # type: ignore[arg-type]


def tiny_rows(loaded: Loaded, *, task: Task, n_rows: int) -> tuple[Encoded, ...]:
    """Rows of different lengths, so that batches pad."""
    if task == "classify":
        examples = [Example(f"train:{i}", text="ab"[i % 2] * (3 + i), label_index=i % 2) for i in range(n_rows)]
    elif task == "multilabel":
        kinds = ((0,), (1, 2), ())
        examples = [
            Example(f"train:{i}", text="abc"[i % 3] * (3 + i), label_indices=kinds[i % 3]) for i in range(n_rows)
        ]
    elif task == "regress":
        examples = [
            Example(f"train:{i}", text="ab"[i % 2] * (3 + i), number=(-1.0) ** i + i / 50) for i in range(n_rows)
        ]
    else:
        turns = [
            (Message("user", "q" * (1 + i)), Message("assistant", "ab" * (1 + i % 5), True)) for i in range(n_rows)
        ]
        examples = [Example(f"train:{i}", text="word " * (2 + i), messages=m) for i, m in enumerate(turns)]
    return encode(examples, tokenizer=loaded.tokenizer, task=task, max_length=100)

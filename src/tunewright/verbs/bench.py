"""The user's own model and a few of their rows, set up so that promises about training can be looked at.

In: the data's draft and the decisions. Out: Bench, and what came of a training of a few steps. Its own file because
the probes must start from the same fresh model each time, and must not know where it comes from.
Axes: N scored positions, V vocabulary or classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from tunewright.core.events import StepEvent
from tunewright.core.plan import Plan
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, Row
from tunewright.deciding import Decisions, cut_rows
from tunewright.model.adapt import adapted
from tunewright.model.forward import class_logits, precision, trained_logits
from tunewright.model.load import Loaded, load_model
from tunewright.prepare.draft import Draft
from tunewright.text.batch import batch_of
from tunewright.text.mask_probes import Looked
from tunewright.train.loop import Training, train_steps
from tunewright.train.ready import in_training, with_target

N_ROWS = 6
"""Enough for batches that pad, few enough for a minute on two cores."""
N_STEPS = 3


@dataclass(frozen=True, slots=True)
class Bench:
    """What the probes work on."""

    plan: Plan
    """Resolved."""
    labels: tuple[str, ...]
    looked: Looked
    """Rows uncut, for what is asked of ids and masks."""
    rows: tuple[Encoded, ...]
    """The same rows, or some of them, as they are trained on; of different lengths."""
    fresh: Callable[[], Loaded]
    """The model as a training starts with it, the same each time: pre-trained, adapter and head from the seed."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What N_STEPS steps made."""

    loaded: Loaded
    events: tuple[StepEvent, ...]


def bench_of(data: Draft, decided: Decisions) -> Bench:
    """Rows up to the median length, so that the tests take seconds."""
    plan, card, labels = decided.resolved.plan, decided.card, data.facts.labels

    def fresh() -> Loaded:
        torch.manual_seed(plan.run.seed)
        loaded = load_model(
            card,
            task=plan.task,
            labels=labels,
            device=plan.run.device,
            dtype=plan.model.dtype,
            trust_remote_code=plan.model.trust_remote_code,
            quantization=plan.model.quantization,
        )
        return adapted(replace(loaded, scale=data.facts.scale), plan.train, seed=plan.run.seed)

    rows = with_target(cut_rows(decided, data, "train"), task=plan.task)
    encoded = {e.row_id: e for e in decided.encoded["train"]}
    picked = spread(sorted(rows, key=len), n=N_ROWS)
    by_id: dict[str, Row] = {row.row_id: row for row in data.splits["train"]}
    ids = tuple(dict.fromkeys(e.row_id for e in picked))
    looked = Looked(tuple(by_id[i] for i in ids), tuple(encoded[i] for i in ids), plan.task, decided.tokenizer)
    return Bench(plan, labels, looked, picked, fresh)


def spread(ordered: Sequence[Encoded], *, n: int) -> tuple[Encoded, ...]:
    """n of them, from the shortest to the one of median length, evenly."""
    last = (len(ordered) - 1) // 2 if len(ordered) > 2 * n else len(ordered) - 1
    places = sorted({round(i * last / max(1, n - 1)) for i in range(n)})
    return tuple(ordered[i] for i in places)


@contextmanager
def training(bench: Bench, loaded: Loaded, *, batch_size: int, n_steps: int, accumulate: int = 1) -> Iterator[Training]:
    """The plan's training on the bench's rows, with other batches and fewer steps."""
    torch.manual_seed(bench.plan.run.seed)
    with in_training(bench.plan, loaded, bench.rows, restore=True) as made:
        yield replace(made, batch_size=batch_size, gradient_accumulation_steps=accumulate, n_steps=n_steps)


def trained(bench: Bench) -> Trained:
    """A fresh model after N_STEPS steps, ready to answer."""
    loaded = bench.fresh()
    with training(bench, loaded, batch_size=2, n_steps=N_STEPS) as made:
        events = tuple(train_steps(made))
    loaded.model.eval()
    return Trained(loaded, events)


def log_probabilities(loaded: Loaded, rows: Sequence[Encoded], *, dtype: torch.dtype) -> Tensor:
    """log p_NV of every class of every row, or of every token at every trained position, row after row; one batch. Of
    a number, which has no probability, itself in deviations (N, 1)."""
    batch = batch_of(rows, pad_id=loaded.pad_id, device=loaded.device)
    outputs = class_logits if has_head(loaded.task) else trained_logits
    with torch.inference_mode(), precision(loaded.device, dtype):
        logits = outputs(loaded.model, batch).float()
        if loaded.task == "multilabel":
            return F.logsigmoid(logits).cpu()
        return (logits if loaded.task == "regress" else logits.log_softmax(-1)).cpu()

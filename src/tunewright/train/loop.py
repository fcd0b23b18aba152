"""The training loop: a generator that yields what happened and neither saves nor prints.

In: Training (model, optimizer, rows, settings) and the step to start after. Out: a StepEvent for each optimizer step.
Its own file because a reader should follow it in one sitting: order, forward, loss, backward, clip, step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tunewright.core.errors import NonFiniteLoss
from tunewright.core.events import StepEvent
from tunewright.core.values import Encoded, LossSum
from tunewright.model.adapt import is_head, trainable_state
from tunewright.model.forward import precision
from tunewright.model.trunk import Trunk
from tunewright.text.batch import batch_of, by_length, epoch_order
from tunewright.train.objective import Objective
from tunewright.train.schedule import Shape, rate_factor
from tunewright.train.together import ALONE, Group, agreed, share, summed

NO_STEP = 0
"""Rank 0 takes no further step."""
HEAD_RATE_FACTORS = {"full": 40.0, "lora": 8.0, "head": 1.0}
"""By method: a fresh classification head learns this much faster than the weights beside it; adapters already learn
five times as fast as whole weights. Source: docs/decisions/0003-head-rate.md."""
VALIDATION_TOKENS = 8_192
"""Padded tokens of one validation batch, at most; never more than a training batch may have, for memory's sake."""


@dataclass(frozen=True, slots=True)
class Training:
    """Everything one training needs. Only the weights and the optimizer's moments change."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective
    rows: Sequence[Encoded]
    pad_id: int
    device: str
    dtype: torch.dtype
    batch_size: int
    gradient_accumulation_steps: int
    n_steps: int
    learning_rate: float
    warmup_ratio: float
    lr_scheduler_type: Shape
    max_grad_norm: float
    seed: int
    micro_tokens: int | None = None
    """A batch goes through the model in parts of this many padded tokens; None: whole."""
    trunk: Trunk | None = None
    """The frozen part below the first trained block, where there is one."""
    ways: dict[str, Any] = field(default_factory=dict)
    """The fast ways through the model that were put on (model/kernels), by kind, and why some were not."""
    group: Group = ALONE
    """Who else takes a share of every batch."""


def steps_per_epoch(n_rows: int, *, batch_size: int, gradient_accumulation_steps: int) -> int:
    """Optimizer steps that see every row once.

    >>> steps_per_epoch(10, batch_size=2, gradient_accumulation_steps=2)
    3
    """
    return math.ceil(math.ceil(n_rows / batch_size) / gradient_accumulation_steps)


def adamw(
    model: nn.Module, *, learning_rate: float, weight_decay: float, head_rate_factor: float = 1.0
) -> torch.optim.AdamW:
    """AdamW on the trainable weights: no decay for biases and norms, a faster rate for a classification head.

    Source: Loshchilov & Hutter 2019; which weights decay as in transformers' Trainer.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in trainable_state(model).items():
        groups.setdefault((is_head(name), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": learning_rate * (head_rate_factor if is_head_ else 1.0),
                "factor": head_rate_factor if is_head_ else 1.0,
                "weight_decay": weight_decay if decays else 0.0,
            }
            for (is_head_, decays), parameters in groups.items()
        ],
        fused=True,
    )


def train_steps(training: Training, *, done: int = 0) -> Iterator[StepEvent]:
    """Train from step `done` + 1 to n_steps, one event a step, after the weights have changed.

    The order of rows, the rate and (from the generator state that a checkpoint restores) the dropout depend on the
    step alone: stopping and going on gives the same weights, bit for bit, with the same threads. In a group everybody
    takes the steps that rank 0 takes, until it takes none any more.
    Raises NonFiniteLoss before the weights change when a loss or gradient is inf or nan.
    """
    per_epoch = steps_per_epoch(
        len(training.rows),
        batch_size=training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
    )
    lengths = [len(row) for row in training.rows]
    order: tuple[tuple[int, ...], ...] = ()
    order_of = -1
    is_over = False
    try:
        for step in range(done + 1, training.n_steps + 1):
            is_over = agreed(training.group, step) == NO_STEP
            if is_over:
                return
            started = time.perf_counter()
            epoch, index = divmod(step - 1, per_epoch)
            if order_of != epoch:
                order, order_of = (
                    epoch_order(lengths, batch_size=training.batch_size, seed=training.seed, epoch=epoch),
                    epoch,
                )
            first = index * training.gradient_accumulation_steps
            groups = order[first : first + training.gradient_accumulation_steps]
            yield _train_step(training, groups, step=step, epoch=step / per_epoch, started=started)
    finally:
        if not is_over:
            agreed(training.group, NO_STEP)


def validation_loss(training: Training, rows: Sequence[Encoded]) -> tuple[LossSum, int]:
    """Total loss over rows, and how many are classified right (0 unless classifying)."""
    total, n_correct = LossSum(), 0
    was_training = training.model.training
    training.model.eval()
    whole = training.batch_size * max(len(row) for row in training.rows)
    most = min(VALIDATION_TOKENS, whole, training.micro_tokens or whole)
    for group in by_length(rows, max_tokens=most):
        batch = batch_of([rows[i] for i in group], pad_id=training.pad_id, device=training.device)
        with torch.inference_mode(), precision(training.device, training.dtype):
            loss = training.objective(training.model, batch)
        total += LossSum(float(loss.nats), loss.n_targets)
        n_correct += loss.n_correct
    training.model.train(was_training)
    return total, n_correct


def _train_step(
    training: Training, groups: Sequence[Sequence[int]], *, step: int, epoch: float, started: float
) -> StepEvent:
    batches = [
        batch_of([training.rows[i] for i in part], pad_id=training.pad_id, device=training.device)
        for group in groups
        for part in _parts(training, share(group, training.group))
    ]
    if training.group.size > 1:  # a draw for each member, known from the step alone
        torch.manual_seed(abs(hash((training.seed, step, training.group.rank))))
    training.optimizer.zero_grad(set_to_none=True)
    total = LossSum()
    for batch in batches:
        with precision(training.device, training.dtype):
            loss = training.objective(training.model, batch)
        torch.autograd.backward(loss.nats)
        total += LossSum(float(loss.nats.detach()), loss.n_targets)
    counts = (total.nats, total.n_tokens, sum(batch.n_tokens for batch in batches))
    trained = [parameter for group in training.optimizer.param_groups for parameter in group["params"]]
    nats, n_targets, n_tokens = summed(training.group, trained, counts)
    total = LossSum(nats, int(n_targets))
    row_ids = tuple(training.rows[i].row_id for group in groups for i in group)
    grad_norm = _mean_and_clip(training, n_targets=total.n_tokens)
    if not (math.isfinite(total.nats) and math.isfinite(grad_norm)):
        raise NonFiniteLoss(step=step, row_ids=row_ids, broken=_broken(training.model))
    rate = training.learning_rate * rate_factor(
        step, n_steps=training.n_steps, warmup_ratio=training.warmup_ratio, shape=training.lr_scheduler_type
    )
    for group_ in training.optimizer.param_groups:
        group_["lr"] = rate * group_["factor"]
    training.optimizer.step()
    return StepEvent(
        step=step,
        n_steps=training.n_steps,
        epoch=epoch,
        loss_nats=total.mean_nats,
        n_targets=total.n_tokens,
        n_tokens=int(n_tokens),
        learning_rate=rate,
        grad_norm=grad_norm,
        seconds=time.perf_counter() - started,
    )


def _parts(training: Training, group: Sequence[int]) -> list[tuple[int, ...]]:
    """Rows of like length together; sums of parts are the sum of the whole."""
    if training.micro_tokens is None:
        return [tuple(group)] if group else []
    parts = by_length([training.rows[i] for i in group], max_tokens=training.micro_tokens)
    return [tuple(group[i] for i in part) for part in parts]


def _mean_and_clip(training: Training, *, n_targets: int) -> float:
    """Turn summed gradients into the mean over all targets of the step, clip, return the length before clipping.

    One division for the whole accumulated batch: the same gradient as one big batch (transformers#35203).
    """
    gradients = [p.grad for group in training.optimizer.param_groups for p in group["params"] if p.grad is not None]
    length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))) / max(1, n_targets)
    factor = torch.clamp(training.max_grad_norm / (length + 1e-6), max=1.0) / max(1, n_targets)
    torch._foreach_mul_(gradients, factor)
    return float(length)


def _broken(model: nn.Module) -> tuple[str, ...]:
    """Weights that hold inf or nan, by name."""
    return tuple(name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all()))

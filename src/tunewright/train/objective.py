"""The loss of a batch, for each thing a model can be trained to do.

In: a model and a Batch. Out: Loss: a sum with its gradient, and how many targets it covers. Its own file because the
loop does not know tasks: it adds sums up and divides once.
Axes: B rows, T positions, N trained positions, V vocabulary, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tunewright.core.values import IGNORE, Task
from tunewright.model.forward import class_logits, trained_hidden, trained_logits
from tunewright.model.kernels.output import output_nats
from tunewright.text.batch import Batch


@dataclass(frozen=True, slots=True)
class Loss:
    """A sum, because means of micro-batches with unequal counts do not average."""

    nats: Tensor
    """Scalar with gradient: total cross-entropy, natural log."""
    n_targets: int
    """Tokens (generate, text) or rows (classify) it covers."""
    n_correct: int = 0
    """classify: rows whose likeliest class is the right one."""


Objective = Callable[[nn.Module, Batch], Loss]


def classify_loss(model: nn.Module, batch: Batch) -> Loss:
    """Cross-entropy of the class, rows without a class left out."""
    logits_BC = class_logits(model, batch)
    nats = F.cross_entropy(logits_BC, batch.labels_B, ignore_index=IGNORE, reduction="sum")
    n_correct = int((logits_BC.detach().argmax(-1) == batch.labels_B).sum())
    return Loss(nats, n_targets=int((batch.labels_B != IGNORE).sum()), n_correct=n_correct)


def language_loss(model: nn.Module, batch: Batch) -> Loss:
    """Cross-entropy of the trained tokens: answers in conversations (sft), every token in raw text."""
    logits_NV = trained_logits(model, batch)
    targets_N = batch.targets_BT[batch.targets_BT != IGNORE]
    return Loss(F.cross_entropy(logits_NV, targets_N, reduction="sum"), n_targets=len(targets_N))


OBJECTIVES: dict[Task, Objective] = {"classify": classify_loss, "generate": language_loss, "text": language_loss}


def objective_of(task: Task, *, output_weight: Tensor | None = None) -> Objective:
    """output_weight: of a plain output layer (kernels.install); language models' logits then never exist whole."""
    if task == "classify" or output_weight is None:
        return OBJECTIVES[task]

    def in_blocks(model: nn.Module, batch: Batch) -> Loss:
        targets_N = batch.targets_BT[batch.targets_BT != IGNORE]
        hidden_NH = trained_hidden(model, batch)
        if torch.is_autocast_enabled("cpu"):
            hidden_NH = hidden_NH.to(torch.get_autocast_dtype("cpu"))
        return Loss(output_nats(hidden_NH, output_weight, targets_N), n_targets=len(targets_N))

    return in_blocks

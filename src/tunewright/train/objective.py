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

from tunewright.core.tasks import has_head
from tunewright.core.values import IGNORE, Task
from tunewright.model.forward import class_logits, trained_hidden, trained_logits
from tunewright.model.kernels.output import output_nats
from tunewright.text.batch import Batch


@dataclass(frozen=True, slots=True)
class Loss:
    """A sum, because means of micro-batches with unequal counts do not average."""

    nats: Tensor
    """Scalar with gradient: total cross-entropy, natural log; of numbers the sum of squared errors."""
    n_targets: int
    """Tokens (generate, text) or rows (with a head) it covers."""
    n_correct: int = 0
    """classify: rows whose likeliest class is the right one. multilabel: rows whose labels are all right."""


Objective = Callable[[nn.Module, Batch], Loss]


def classify_loss(model: nn.Module, batch: Batch) -> Loss:
    """Cross-entropy of the class, rows without a class left out."""
    logits_BC = class_logits(model, batch)
    nats = F.cross_entropy(logits_BC, batch.labels_B, ignore_index=IGNORE, reduction="sum")
    n_correct = int((logits_BC.detach().argmax(-1) == batch.labels_B).sum())
    return Loss(nats, n_targets=int((batch.labels_B != IGNORE).sum()), n_correct=n_correct)


def multilabel_loss(model: nn.Module, batch: Batch) -> Loss:
    """Binary cross-entropy of every class, summed over the classes of a row; rows of which nothing is said left out.

    Source: transformers' problem_type multi_label_classification (BCEWithLogitsLoss), whose mean is this over rows and
    classes.
    """
    logits_BC = class_logits(model, batch)
    known = [i for i, indices in enumerate(batch.label_sets) if indices is not None]
    is_there_BC = torch.zeros_like(logits_BC)
    for i in known:
        is_there_BC[i, list(batch.label_sets[i] or ())] = 1.0
    nats = F.binary_cross_entropy_with_logits(logits_BC[known], is_there_BC[known], reduction="sum")
    is_right_B = ((logits_BC.detach() >= 0) == (is_there_BC > 0)).all(-1)
    return Loss(nats, n_targets=len(known), n_correct=int(is_right_B[known].sum()))


def regress_loss(model: nn.Module, batch: Batch) -> Loss:
    """Squared error in deviations of the train numbers, rows without a number left out: always answering their mean
    costs 1 a row. Source: transformers' problem_type regression (MSELoss)."""
    answers_B = class_logits(model, batch).squeeze(-1)
    is_known_B = batch.numbers_B.isfinite()
    error = F.mse_loss(answers_B[is_known_B], batch.numbers_B[is_known_B], reduction="sum")
    return Loss(error, n_targets=int(is_known_B.sum()))


def language_loss(model: nn.Module, batch: Batch) -> Loss:
    """Cross-entropy of the trained tokens: answers in conversations (sft), every token in raw text."""
    logits_NV = trained_logits(model, batch)
    targets_N = batch.targets_BT[batch.targets_BT != IGNORE]
    return Loss(F.cross_entropy(logits_NV, targets_N, reduction="sum"), n_targets=len(targets_N))


OBJECTIVES: dict[Task, Objective] = {
    "classify": classify_loss,
    "multilabel": multilabel_loss,
    "regress": regress_loss,
    "generate": language_loss,
    "text": language_loss,
}


def objective_of(task: Task, *, output_weight: Tensor | None = None) -> Objective:
    """output_weight: of a plain output layer (kernels.install); language models' logits then never exist whole."""
    if has_head(task) or output_weight is None:
        return OBJECTIVES[task]

    def in_blocks(model: nn.Module, batch: Batch) -> Loss:
        targets_N = batch.targets_BT[batch.targets_BT != IGNORE]
        hidden_NH = trained_hidden(model, batch)
        if torch.is_autocast_enabled("cpu"):
            hidden_NH = hidden_NH.to(torch.get_autocast_dtype("cpu"))
        return Loss(output_nats(hidden_NH, output_weight, targets_N), n_targets=len(targets_N))

    return in_blocks

"""How much a task wants to change each block: a few rows' gradient, on a model of its own that is thrown away.

In: TrainInputs. Out: LayerSignals, a line a block. Its own file because no weight of a block moves here: for classify
the head alone learns first, since a fresh one hands no gradient down, or a random one.
Sources: gradient norm over weight norm, Lee et al. 2023, "Surgical fine-tuning" (Auto-RGN); the head before the rest,
Kumar et al. 2022, "Fine-tuning can distort pretrained features".
"""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tunewright.core.plan import Plan
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded
from tunewright.model.adapt import adapted, trainable_state
from tunewright.model.classifier import mean_pooled
from tunewright.model.forward import precision
from tunewright.model.layers import BLOCK
from tunewright.model.load import Loaded
from tunewright.model.quantised import whole_weights
from tunewright.model.trunk import Place, body_of
from tunewright.text.batch import batch_of, by_length
from tunewright.train.default_rate import default_rate
from tunewright.train.given import started
from tunewright.train.inputs import TrainInputs
from tunewright.train.layer_choice import centroid_score
from tunewright.train.loop import Training, train_steps
from tunewright.train.ready import in_training

MOST_ROWS, MOST_TOKENS = 256, 8_192
"""Of the gradient, and as many again of the head before it: about what one to eight batches hold."""
HEAD_EPOCHS = 20.0
"""As train.method=head learns by default."""
PART_TOKENS = 2_048


@dataclass(frozen=True, slots=True)
class BlockSignal:
    """One block."""

    gradient: float
    """Length of the mean gradient of what would be trained there: its weights, or an adapter on them."""
    weights: float
    """Length of the block's own weights."""
    pull: float
    """gradient / weights, as a share of all blocks."""
    separation: float | None
    """classify: share of rows nearest to their class's mean, by the mean of what comes out of the block."""


@dataclass(frozen=True, slots=True)
class LayerSignals:
    """What was measured."""

    blocks: tuple[BlockSignal, ...]
    n_rows: int
    """Whose gradient was taken."""
    rows: tuple[Encoded, ...]
    """All train rows, to say what a training costs."""


def layer_signals(inputs: TrainInputs) -> LayerSignals:
    """Measure; the same seed measures the same."""
    plan, n_blocks = inputs.plan, inputs.card.n_layers
    torch.set_num_threads(plan.run.threads)
    is_headed = has_head(plan.task)
    loaded, rows = started(_head_alone(inputs) if is_headed else inputs)
    drawn, others = drawn_rows(rows, seed=plan.run.seed, n_parts=2 if is_headed else 1)
    separations: Sequence[float | None] = [None] * n_blocks
    lengths = _weight_lengths(loaded.model, n_blocks=n_blocks)
    if plan.task == "classify":  # the one task whose rows have a class each, to be told apart by
        separations = _separations(loaded, (*drawn, *others))
    if is_headed:
        _teach_head(_head_alone(inputs).plan, loaded, others or drawn)
        loaded = adapted(loaded, plan.train, seed=plan.run.seed)
    with in_training(plan, loaded, drawn) as training:
        gradients = block_gradients(training, n_blocks=n_blocks)
    del loaded, training
    gc.collect()  # a second model beside the training's own would take its memory
    relative = [g / w if w else 0.0 for g, w in zip(gradients, lengths, strict=True)]
    total = sum(relative)
    blocks = [
        BlockSignal(g, w, r / total if total else math.nan, s)
        for g, w, r, s in zip(gradients, lengths, relative, separations, strict=True)
    ]
    return LayerSignals(tuple(blocks), n_rows=len(drawn), rows=rows)


def drawn_rows(rows: Sequence[Encoded], *, seed: int, n_parts: int) -> tuple[tuple[Encoded, ...], ...]:
    """Two sets without a common row, each within MOST_ROWS and MOST_TOKENS but never empty; the second one may be.

    n_parts: 1: the second set is empty.
    """
    order = list(rows)
    random.Random(f"{seed}:layers").shuffle(order)
    parts = [order[i::n_parts] for i in range(n_parts)]
    taken = []
    for part in parts:
        n, n_tokens = 0, 0
        while n < min(len(part), MOST_ROWS) and (n == 0 or n_tokens + len(part[n]) <= MOST_TOKENS):
            n_tokens += len(part[n])
            n += 1
        taken.append(tuple(part[:n]))
    return taken[0], taken[1] if n_parts == 2 else ()


def block_gradients(training: Training, *, n_blocks: int) -> tuple[float, ...]:
    """Length of the mean gradient over all rows, of each block's trained weights; without dropout, no weight moves."""
    model = training.model.eval()
    training.optimizer.zero_grad(set_to_none=True)
    n_targets = 0
    for group in by_length(training.rows, max_tokens=training.micro_tokens or PART_TOKENS):
        batch = batch_of([training.rows[i] for i in group], pad_id=training.pad_id, device=training.device)
        with precision(training.device, training.dtype):
            loss = training.objective(model, batch)
        torch.autograd.backward(loss.nats)
        n_targets += loss.n_targets
    squares = [0.0] * n_blocks
    for name, weight in trainable_state(model).items():
        match = BLOCK.search(name)
        if match and weight.grad is not None:
            squares[int(match[1])] += float(weight.grad.double().square().sum())
    training.optimizer.zero_grad(set_to_none=True)
    return tuple(math.sqrt(square) / max(1, n_targets) for square in squares)


def _head_alone(inputs: TrainInputs) -> TrainInputs:
    rate = default_rate(inputs.card, method="head").value
    train = inputs.plan.train.with_(
        method="head",
        learning_rate=rate,
        epochs=HEAD_EPOCHS,
        max_steps=None,
        gradient_accumulation_steps=1,
        gradient_checkpointing=False,
    )
    return replace(inputs, plan=inputs.plan.with_(train=train))


def _teach_head(plan: Plan, loaded: Loaded, rows: tuple[Encoded, ...]) -> None:
    """On frozen vectors, which are computed once."""
    n_bytes = 4 * loaded.card.hidden_size * len(rows)
    torch.manual_seed(plan.run.seed)
    with in_training(plan, loaded, rows, place=Place(memory_bytes=n_bytes, folder=None)) as training:
        for _ in train_steps(training):
            pass


def _weight_lengths(model: nn.Module, *, n_blocks: int) -> tuple[float, ...]:
    """Of each block's weights; an adapter's own do not count."""
    squares = [0.0] * n_blocks
    for name, weight in whole_weights(model):
        match = BLOCK.search(name)
        if match and "lora_" not in name:
            squares[int(match[1])] += float(weight.detach().double().square().sum())
    return tuple(math.sqrt(square) for square in squares)


def _separations(loaded: Loaded, rows: tuple[Encoded, ...]) -> list[float | None]:
    """centroid_score of the mean-pooled states behind each block; None where a family does not show them."""
    body, n_blocks = body_of(loaded.model), loaded.card.n_layers
    states: list[npt.NDArray[np.float32]] = [
        np.zeros((len(rows), loaded.card.hidden_size), np.float32) for _ in range(n_blocks)
    ]
    for group in by_length(rows, max_tokens=PART_TOKENS):
        batch = batch_of([rows[i] for i in group], pad_id=loaded.pad_id, device=loaded.device)
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            out = body(input_ids=batch.ids_BT, attention_mask=batch.mask_BT, output_hidden_states=True)
        if len(out.hidden_states) != n_blocks + 1:
            return [None] * n_blocks
        for of_block, hidden_BTH in zip(states, out.hidden_states[1:], strict=True):
            of_block[list(group)] = mean_pooled(hidden_BTH, mask_BT=batch.mask_BT).cpu().numpy()
    labels = [int(row.label_index or 0) for row in rows]
    return [_known(centroid_score(of_block, labels)) for of_block in states]


def _known(score: float) -> float | None:
    return score if math.isfinite(score) else None

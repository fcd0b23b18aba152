"""The blocks that a plan asks to find: measured once, before the training, and kept beside it.

In: TrainInputs and the training's folder. Out: the same inputs with block indices, layers.json. Its own file because a
training that goes on must not measure again.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.plan import Plan
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, ModelCard
from tunewright.model.flops import token_flops, training_flops
from tunewright.model.layers import FIND
from tunewright.model.memory import lora_parameters
from tunewright.train.inputs import TrainInputs
from tunewright.train.kept import found_once
from tunewright.train.layer_choice import chosen_blocks
from tunewright.train.layer_signal import layer_signals

LAYERS = "layers.json"


def with_layers(inputs: TrainInputs, *, work: Path, tell: Tracker) -> TrainInputs:
    """With the blocks that the plan asks to find: of this training's own earlier measurement, else measured now."""
    plan, path = inputs.plan, work / LAYERS
    if plan.train.layers != FIND:
        return inputs
    known = found_once(
        path,
        lambda: measured_layers(inputs),
        fingerprint=inputs.fingerprint,
        words=lambda found: NoteEvent(f"blocks: {found['reason']}"),
        tell=tell,
    )
    layers = "all" if len(known["blocks"]) == inputs.card.n_layers else tuple(known["blocks"])
    return replace(inputs, plan=plan.with_(train=plan.train.with_(layers=layers)), layer_search=known)


def blocks_cost(
    blocks: tuple[int, ...], *, plan: Plan, card: ModelCard, rows: tuple[Encoded, ...], n_classes: int
) -> float:
    """Operations of the plan's training of these blocks; what is frozen below them runs once (model/trunk)."""
    train, n_tokens = plan.train, sum(len(row) for row in rows)
    seen = train.max_steps * train.batch_size * train.gradient_accumulation_steps if train.max_steps else 0
    epochs = max(1.0, seen / len(rows) if seen else train.epochs)
    per_row = [1 if n_classes else sum(row.trained) for row in rows]
    n_lora = lora_parameters(card, r=train.lora_r, n_layers=len(blocks)) if train.method == "lora" else 0
    flops = token_flops(
        card,
        method=train.method,
        blocks=blocks,
        mean_length=sum(len(row) ** 2 for row in rows) / n_tokens,
        n_lora=n_lora,
        outputs=n_classes or card.vocabulary_size,
        is_headed=bool(n_classes),
    )
    n_targets = round(epochs * sum(per_row))
    return training_flops(flops, n_tokens=round(epochs * n_tokens), n_targets=n_targets, n_kept=n_tokens)


def measured_layers(inputs: TrainInputs) -> dict[str, Any]:
    """What layers.json says, without the fingerprint."""
    began = time.perf_counter()
    found = layer_signals(inputs)
    n_classes = len(inputs.facts.labels) if has_head(inputs.plan.task) else 0

    def cost(blocks: tuple[int, ...]) -> float:
        return blocks_cost(blocks, plan=inputs.plan, card=inputs.card, rows=found.rows, n_classes=n_classes)

    choice = chosen_blocks([block.pull for block in found.blocks], cost=cost)
    return {
        **asdict(choice),
        "reason": f"{choice.reason}, measured on {found.n_rows} rows",
        "n_rows": found.n_rows,
        "signals": [asdict(block) for block in found.blocks],
        "seconds": time.perf_counter() - began,
    }

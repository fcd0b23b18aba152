"""What is said of a training when it is over.

In: its inputs, the training, where it ended. Out: summary.json. Its own file because these figures are a contract
(DESIGN, the run folder), and none of them changes what is trained.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunewright.core.energy import Energy
from tunewright.core.events import NoteEvent
from tunewright.core.files import write_json
from tunewright.core.tasks import TASKS, has_head
from tunewright.model.adapt import parameters, trainable_state
from tunewright.model.flops import token_flops, training_flops
from tunewright.model.layers import layer_indices
from tunewright.model.rate import matrix_flops
from tunewright.model.reach import Reach
from tunewright.model.trunk import Trunk
from tunewright.train.checkpoint import Position
from tunewright.train.held import held_memory
from tunewright.train.inputs import TrainInputs
from tunewright.train.loop import Training

STEPS = "steps.jsonl"


def write_summary(
    inputs: TrainInputs,
    training: Training,
    position: Position,
    reached: Reach,
    cost: Energy | None,
    *,
    process: int,
    work: Path,
) -> dict[str, Any]:
    """summary.json in `work`, beside the steps that were logged there; also returned.

    process: its resident bytes before anything was loaded.
    """
    plan, size = inputs.plan, parameters(training.model)
    steps = [json.loads(line) for line in (work / STEPS).read_text(encoding="utf-8").splitlines()]
    losses = [line for line in steps if line["event"] == "StepEvent"]
    rate, trunk = matrix_flops(training.dtype, device=training.device), training.trunk
    flops, full = _needed_flops(inputs, training, position), _full_flops(inputs, training, position)
    seconds = position.seconds + (trunk.seconds if trunk is not None and trunk.n_bytes else 0.0)
    summary = {
        "method": plan.train.method,
        "layers": plan.train.layers,
        "trainable_parameters": size.n_trainable,
        "total_parameters": size.n_total,
        "reached": asdict(reached),
        "steps": position.step,
        "n_steps_planned": training.n_steps,
        "stopped_early": position.step < training.n_steps,
        "epochs": losses[-1]["epoch"] if losses else 0.0,
        "tokens_seen": position.tokens_seen,
        "tokens_trained_on": position.tokens_trained_on,
        "seconds": position.seconds,
        "tokens_per_second": position.tokens_seen / position.seconds if position.seconds else math.nan,
        "peak_memory_bytes": position.peak_memory_bytes,
        "predicted_peak_memory_bytes": inputs.predicted_peak_memory_bytes,
        "predicted_memory": inputs.predicted_memory,
        "held_memory": held_memory(training, process=process, peak=position.peak_memory_bytes),
        "loss_unit": TASKS[plan.task].loss_unit,
        "train_loss_nats": losses[-1]["loss_nats"] if losses else math.nan,
        "validation_loss_nats": math.nan if position.best_loss_nats is None else position.best_loss_nats,
        "validation_score": position.best_score,
        "best_step": position.best_step,
        "kernels": training.ways,
        "frozen_trunk": _trunk_facts(training.trunk),
        **_as_asked(inputs),
        "needed_flops": flops,
        "full_flops": full,
        "matrix_flops": rate,
        "utilisation": flops / seconds / rate if seconds else math.nan,
        "energy": asdict(cost) if cost else None,
    }
    write_json(work / "summary.json", summary)
    return summary


def _as_asked(inputs: TrainInputs) -> dict[str, Any]:
    plan = inputs.plan
    return {
        "dtype": plan.model.dtype,
        "quantization": plan.model.quantization,
        "threads": plan.run.threads,
        "seed": plan.run.seed,
        "learning_rate": plan.train.learning_rate,
        "learning_rate_search": inputs.rate_search,
        "layer_search": inputs.layer_search,
        "model_fingerprint": inputs.card.fingerprint,
    }


def _full_flops(inputs: TrainInputs, training: Training, position: Position) -> float:
    """What the same tokens would have taken with every weight trained: in this unit a budget becomes steps."""
    cost = token_flops(inputs.card, method="full", blocks=range(inputs.card.n_layers), **_of_rows(inputs, training))
    return training_flops(cost, n_tokens=position.tokens_seen, n_targets=position.tokens_trained_on)


def _needed_flops(inputs: TrainInputs, training: Training, position: Position) -> float:
    cost = token_flops(
        inputs.card,
        method=inputs.plan.train.method,
        blocks=layer_indices(inputs.plan.train.layers, n_layers=inputs.card.n_layers),
        n_lora=sum(p.numel() for name, p in trainable_state(training.model).items() if "lora_" in name),
        **_of_rows(inputs, training),
    )
    ran_once = sum(len(ids) for ids in {row.ids for row in training.rows})
    return training_flops(
        cost,
        n_tokens=position.tokens_seen,
        n_targets=position.tokens_trained_on,
        n_kept=ran_once if training.trunk is not None and training.trunk.n_bytes else None,
    )


def _of_rows(inputs: TrainInputs, training: Training) -> dict[str, Any]:
    """What a token's operations depend on beside the method."""
    lengths, is_headed = [len(row) for row in training.rows], has_head(inputs.plan.task)
    return {
        "mean_length": sum(n * n for n in lengths) / sum(lengths),
        "outputs": len(inputs.facts.labels) if is_headed else inputs.card.vocabulary_size,
        "is_headed": is_headed,
    }


def _trunk_facts(trunk: Trunk | None) -> dict[str, Any] | None:
    if trunk is None:
        return None
    return {
        "blocks": trunk.first_trained,
        "kept_bytes": trunk.n_bytes,
        "kept_in": trunk.where,
        "seconds": trunk.seconds,
    }


def trunk_note(trunk: Trunk, *, n_layers: int) -> NoteEvent:
    """What a person is told of a frozen part."""
    below = f"blocks 0 to {trunk.first_trained - 1} of {n_layers} are frozen"
    if not trunk.n_bytes:
        return NoteEvent(f"{below}; what comes out of them is kept {trunk.where}")
    size = f"{trunk.n_bytes / 1e6:,.1f} MB in {'memory' if trunk.where == 'memory' else 'a file'}"
    return NoteEvent(f"{below}: they ran once over all rows ({trunk.seconds:.0f} s), {size} are kept for every epoch")

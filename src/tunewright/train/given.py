"""The model and the rows that a training starts with.

In: TrainInputs. Out: Loaded, ready to be trained, and Encoded rows; the same each time. Its own file because a search
for the learning rate starts from the very same model and rows, and throws them away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from tunewright.core.errors import DataError
from tunewright.core.values import Encoded, Split
from tunewright.model.adapt import adapted
from tunewright.model.fresh import fresh_model
from tunewright.model.load import Loaded, load_model
from tunewright.text.encode import encode
from tunewright.text.render import render
from tunewright.text.rows import read_rows
from tunewright.train.inputs import TrainInputs
from tunewright.train.ready import with_target


def started(inputs: TrainInputs) -> tuple[Loaded, tuple[Encoded, ...]]:
    """The model as the training starts with it, the same each time, and its rows."""
    plan = inputs.plan
    loaded = _as_it_starts(inputs)
    loaded = replace(loaded, scale=inputs.facts.scale)
    rows = encoded_rows(inputs, loaded, split="train")
    if not rows:
        raise DataError("no row has anything to train on", where=str(inputs.prepared), fix="tunewright show PLAN")
    return adapted(loaded, plan.train, seed=plan.run.seed), rows


def _as_it_starts(inputs: TrainInputs) -> Loaded:
    plan = inputs.plan
    options: dict[str, Any] = {
        "task": plan.task,
        "labels": inputs.facts.labels,
        "device": plan.run.device,
        "dtype": plan.model.dtype,
        "trust_remote_code": plan.model.trust_remote_code,
    }
    if inputs.start == "random":
        return fresh_model(inputs.card, **options, seed=plan.run.seed)
    torch.manual_seed(plan.run.seed)
    return load_model(inputs.card, **options, quantization=plan.model.quantization)


def encoded_rows(inputs: TrainInputs, loaded: Loaded, *, split: Split) -> tuple[Encoded, ...]:
    """The split's rows that have a target."""
    plan, facts = inputs.plan, inputs.facts
    rows = read_rows(inputs.prepared, split)
    examples = [render(row, task=plan.task, labels=facts.labels, scale=facts.scale) for row in rows]
    encoded = encode(examples, tokenizer=loaded.tokenizer, task=plan.task, max_length=plan.prepare.max_length)
    return with_target(encoded, task=plan.task)

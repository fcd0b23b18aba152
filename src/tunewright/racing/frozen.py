"""A model before tuning, measured on the user's rows: scores of its frozen vectors, or bits per byte of the answers.

In: a card, rows. Out: a record for race.json. Its own file because it loads a model and trains nothing.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from tunewright.core.errors import ModelError
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, ModelCard, Row
from tunewright.model.load import load_model
from tunewright.model.score import answer_scores
from tunewright.model.vectors import layer_vectors
from tunewright.racing.trained import answer_bytes
from tunewright.select.scores import frozen_scores
from tunewright.text.encode import encode
from tunewright.text.render import render

TRAIN_ROWS, HELD_ROWS = 400, 200
"""For vectors. Source: Garbas et al. 2024 rank by as few as a thousand; a pass of 600 rows takes seconds here."""
ANSWER_ROWS = 48
"""Whose answers are scored before tuning."""


def frozen_record(
    card: ModelCard, plan: Plan, facts: DataFacts, train: tuple[Row, ...], validation: tuple[Row, ...]
) -> dict[str, Any]:
    """plan: resolved for this model. Only classify has scores of vectors, generate and text have bits per byte; of the
    other tasks nothing is known before a training."""
    started = time.monotonic()
    empty = dict.fromkeys(("h_score", "logme", "knn_accuracy", "probe_accuracy", "bits_per_byte"), math.nan)
    found = {"model": card.name, "n_parameters": card.n_parameters, **empty}
    if plan.task == "classify":
        found |= _vectors(card, plan, facts, train[:TRAIN_ROWS], validation[:HELD_ROWS])
    elif plan.task in ("generate", "text"):
        found["bits_per_byte"] = _bits_per_byte(card, plan, facts, validation[:ANSWER_ROWS])
    return {**found, "seconds": time.monotonic() - started}


def _loaded(card: ModelCard, plan: Plan) -> Any:
    return load_model(
        card,
        task=plan.task,
        device=plan.run.device,
        dtype=plan.model.dtype,
        trust_remote_code=plan.model.trust_remote_code,
        with_head=False,
    )


def _vectors(
    card: ModelCard, plan: Plan, facts: DataFacts, train: tuple[Row, ...], held: tuple[Row, ...]
) -> dict[str, float]:
    loaded, known = _loaded(card, plan), {row.label for row in train}
    held = tuple(row for row in held if row.label in known)
    if len(known) < 2:
        return {}
    sides = []
    for rows in (train, held):
        examples = [render(row, task=plan.task, labels=facts.labels) for row in rows]
        encoded = encode(examples, tokenizer=loaded.tokenizer, task=plan.task, max_length=plan.prepare.max_length)
        vectors_LNH = layer_vectors(loaded, encoded)
        if not np.isfinite(vectors_LNH).all():
            raise ModelError("its vectors are no numbers", where=card.name, fix="fetch the model again")
        sides.append((vectors_LNH, [row.label or "" for row in rows]))
    return asdict(frozen_scores(*sides, seed=plan.run.seed))


def _bits_per_byte(card: ModelCard, plan: Plan, facts: DataFacts, rows: tuple[Row, ...]) -> float:
    loaded = _loaded(card, plan)
    examples = [render(row, task=plan.task, labels=facts.labels) for row in rows]
    encoded = encode(examples, tokenizer=loaded.tokenizer, task=plan.task, max_length=plan.prepare.max_length)
    nats = sum(one.nats for one in answer_scores(loaded, encoded) if not math.isnan(one.nats))
    n_bytes = answer_bytes(rows)
    return nats / (math.log(2) * n_bytes) if n_bytes else math.nan

"""The loss of what needs no tuning: the keyword model on the race's rows, or the model before it is tuned.

In: the race's rows. Out: the rival's name and its loss in the race's unit. Its own file because "is tuning worth it" is
asked of another rival in each task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.values import DataFacts, Row, Split, Task
from tunewright.evaluate.rivals.keywords import keyword_predictions

KEYWORDS, UNTUNED = "the keyword model", "the model before tuning"
LEAST = 1e-6
"""Probability that a label gets at least: one that train never had would make the loss infinite."""


def rival_loss(
    task: Task, train: Sequence[Row], held: Sequence[Row], *, facts: DataFacts, seed: int, before: Mapping[str, Any]
) -> tuple[str, float]:
    """Name and loss; nan where the task has no such rival. before: the frozen record of the winner's model."""
    if task in ("generate", "text"):
        bits = before.get("bits_per_byte")
        return UNTUNED, math.nan if bits is None else float(bits)
    if task != "classify" or not held:
        return KEYWORDS, math.nan
    rows: dict[Split, Sequence[Row]] = {"train": train, "validation": (), "test": held}
    answers = keyword_predictions(rows, task=task, labels=facts.labels, seed=seed)
    of = {label: i for i, label in enumerate(facts.labels)}
    nats = [-math.log(max(LEAST, one.probabilities[of[one.reference]])) for one in answers if one.reference in of]
    return KEYWORDS, sum(nats) / len(nats) if nats else math.nan

"""What needs no tuning: the keyword model on the race's rows, or the model before it is tuned.

In: the race's rows. Out: Rival. Its own file because "is tuning worth it" is asked of another rival in each task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.values import DataFacts, Row, Split, Task
from tunewright.evaluate.rivals.keywords import keyword_predictions
from tunewright.select.race_words import Rival

KEYWORDS, UNTUNED = "the keyword model", "the model before tuning"


def rival_of(
    task: Task, train: Sequence[Row], held: Sequence[Row], *, facts: DataFacts, seed: int, before: Mapping[str, Any]
) -> Rival:
    """before: the frozen record of the winner's model.

    Labels are compared by wrong answers, not by nats: a keyword model's probabilities are poorer than its answers.
    """
    if task in ("generate", "text"):
        bits = before.get("bits_per_byte")
        return Rival(UNTUNED, math.nan if bits is None else float(bits), "bits per byte")
    if task != "classify" or not held:
        return Rival(KEYWORDS, math.nan, "")
    rows: dict[Split, Sequence[Row]] = {"train": train, "validation": (), "test": held}
    answers = keyword_predictions(rows, task=task, labels=facts.labels, seed=seed)
    wrong = sum(one.answer != one.reference for one in answers) / len(answers)
    return Rival(KEYWORDS, wrong, "wrong answers a row", noise=math.sqrt(wrong * (1 - wrong) / len(answers)))

"""What a plan asks to find before the training, and how that will be done.

In: a decided plan, the model's card. Out: a Choice for each. Its own file because the plan keeps the word: what is
found stands beside the training (found_layers, found_rate).
"""

from __future__ import annotations

from collections.abc import Iterator

from tunewright.core.plan import Plan
from tunewright.core.values import Choice, ModelCard
from tunewright.model import layers
from tunewright.train import default_rate


def choices_to_find(plan: Plan, card: ModelCard) -> Iterator[Choice]:
    if plan.train.layers == layers.FIND:
        why = f"those of {card.n_layers} blocks with the most gradient for their operations"
        yield Choice("train.layers", layers.FIND, f"{why}: measured on a few rows before training, on a copy")
    if plan.train.learning_rate == default_rate.FIND:
        rate = default_rate.default_rate(card, method=plan.train.method)
        tried = "tried for at most 30 s before training, on a copy (range test, Smith 2017)"
        yield Choice("train.learning_rate", default_rate.FIND, f"{tried}, around {rate.value:g} ({rate.reason})")

"""What a model asks of a person and a machine, in words: access, time on a processor, care with the rate.

In: a card, what the catalogue knows. Out: sentences. Its own file because the list of models, the choice among them
and the report must say the same.
"""

from __future__ import annotations

import math

from tunewright.core.values import ModelCard
from tunewright.model.catalogue import Known

MEASURED_TOKENS_A_SECOND = 133.0
MEASURED_PARAMETERS = 134_515_008
"""LoRA, float32, two cores. Source: benchmarks/train/results.md; operations, and so time, go with the parameters."""
MILLION_TOKENS = 1_000_000
"""About 4 MB of text: a few thousand pages."""
GPU_HOURS = 12.0
"""A million tokens in more hours than a night: a GPU is wanted. Ours."""
NARROW = 5.0
"""Rates that are good within less than this factor must be met. Ours: the published sweep tries rates about 3 apart."""


def effort(card: ModelCard, *, entry: Known | None) -> tuple[str, ...]:
    """Each sentence says one thing; empty when nothing is to be said."""
    facts = entry.facts if entry else {}
    found = []
    if facts.get("is_gated") and not card.path:
        found.append(f"gated: accept its licence on https://hf.co/{card.name} and log in (hf auth login)")
    found.append(_time(card))
    if rates := facts.get("lora_rates"):
        found.append(_rates(*rates))
    return tuple(found)


def processor_hours(card: ModelCard) -> float:
    """A million tokens on two cores, LoRA in float32."""
    return MILLION_TOKENS / (MEASURED_TOKENS_A_SECOND * MEASURED_PARAMETERS / card.n_parameters) / 3600


def _time(card: ModelCard) -> str:
    hours = processor_hours(card)
    about = f"about {_rounded(hours)} a million tokens on two cores"
    return f"needs a GPU ({about})" if hours > GPU_HOURS else f"a processor is enough ({about})"


def _rounded(hours: float) -> str:
    """One digit: an estimate by size alone.

    >>> _rounded(0.36), _rounded(2.1), _rounded(125.0)
    ('20 minutes', '2 hours', '5 days')
    """
    if hours < 1:
        return f"{max(1, round(60 * hours, -1) or round(60 * hours)):.0f} minutes"
    return f"{round(hours)} hours" if hours < 48 else f"{math.ceil(hours / 24 - 0.5)} days"


def _rates(low: float, high: float) -> str:
    between = f"{low:g} to {high:g}"
    if high / low < NARROW:
        return f"sensitive to the learning rate: of the LoRA rates of a published sweep only {between} were good"
    return f"not sensitive to the learning rate: LoRA rates from {between} were good in a published sweep"

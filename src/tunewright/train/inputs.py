"""What the train stage is given.

In: nothing. Out: TrainInputs. Its own file because the stage, its summary and other processes read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.plan import Plan
from tunewright.core.train_plan import Start
from tunewright.core.values import DataFacts, ModelCard


@dataclass(frozen=True, slots=True)
class TrainInputs:
    """What the stage is given."""

    plan: Plan
    """Resolved."""
    card: ModelCard
    facts: DataFacts
    prepared: Path
    fingerprint: str
    predicted_peak_memory_bytes: int
    predicted_memory: dict[str, Any]
    """By term."""
    start: Start = "checkpoint"
    rate_search: dict[str, Any] | None = None
    """What learning_rate.json says, where the plan asks to find the rate."""
    layer_search: dict[str, Any] | None = None
    """What layers.json says, where the plan asks to find the blocks."""

"""What the systems of an evaluation are given, and what comes of them.

In: nothing. Out: Contest, Results. Its own file because a system that trains or asks in its own way stands in a file of
its own, and is given the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tunewright.core.events import Tracker
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Prediction, Row, Subject
from tunewright.evaluate.again import Trainer

Answers = tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """What every system is given."""

    plan: Plan
    subject: Subject
    """The model that the verdict is about; its card is of the model that it was made from."""
    facts: DataFacts
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    tell: Tracker
    trainer: Trainer | None = None
    """For systems that train; None: this run trains nothing."""
    kept: Path | None = None
    """Folder of what models answered: it outlives the evaluation, because answers cost time and money."""


@dataclass(frozen=True, slots=True)
class Results:
    """What the systems answered."""

    predictions: dict[str, Answers]
    seconds: dict[str, float]
    not_run: dict[str, str]

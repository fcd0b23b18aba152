"""What a tracker is: one tool that takes numbers at steps.

In: a run's name, plan and folder. Out: the Protocol that every tool answers to, and the numbers of an event. Its own
file because a tool knows nothing of trainings: it is opened, told numbers, closed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tunewright.core.events import StepEvent, ValidationEvent
from tunewright.core.plan import Plan, plan_dict


@dataclass(frozen=True, slots=True)
class Tracked:
    """The training that a tool is opened for."""

    name: str
    """Of the run."""
    folder: Path
    """The tool's own, inside the run: where its data lies unless a person has set up another place."""
    parameters: dict[str, str | int | float | bool]
    """The resolved plan by dotted names: train.learning_rate."""
    run_id: str = ""
    """As the tool called this training when it was opened before; empty: a new one."""


class Tracking(Protocol):
    """One open tool. All calls come from one thread; whatever is raised ends the tracking and never the training."""

    run_id: str
    """What finds this training again when it goes on after a stop."""
    place: str
    """Where the data lies and how to look at it, in one line."""

    def log(self, numbers: Mapping[str, float], *, step: int) -> None:
        """Finite numbers, as in train/loss. Steps never go back; one step may come twice, with other names."""

    def close(self, *, is_done: bool) -> None:
        """is_done: the training is; else it may go on."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An entry of the table."""

    package: str
    """What must be importable."""
    extra: str
    """Of ours, which installs it; empty for a tool that another package brings."""
    open: Callable[[Tracked], Tracking]
    """Imports the package: nothing else may, it is heavy and may be missing."""


def numbers_of(event: StepEvent | ValidationEvent) -> dict[str, float]:
    """What is told of an event, under the names that every tool shows; numbers that are not finite are left out."""
    if isinstance(event, ValidationEvent):
        found = {"validation/loss": event.loss_nats, "validation/accuracy": event.score}
    else:
        found = {
            "train/loss": event.loss_nats,
            "train/learning_rate": event.learning_rate,
            "train/grad_norm": event.grad_norm,
            "train/tokens_per_second": event.n_tokens / event.seconds if event.seconds else math.nan,
            "train/epoch": event.epoch,
        }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def parameters_of(plan: Plan) -> dict[str, str | int | float | bool]:
    """A resolved plan, flat: lists and entries as JSON, nothing as null."""

    def plain(value: Any) -> str | int | float | bool:
        return value if isinstance(value, (str, int, float, bool)) else json.dumps(value, ensure_ascii=False)

    found: dict[str, str | int | float | bool] = {}
    for section, values in plan_dict(plan).items():
        named = {f"{section}.{name}": value for name, value in values.items()} if isinstance(values, dict) else {}
        found.update({name: plain(value) for name, value in (named or {section: values}).items()})
    return found

"""What happens while it happens: events, and who listens to them.

In: frozen events. Out: lines of events.jsonl, or calls of trackers. Its own file because the training loop yields
events and knows nobody who listens; a tracker is a function that takes an event.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tunewright.core.files import json_text, line_writer


@dataclass(frozen=True, slots=True)
class StageEvent:
    """A stage begins, ends, or is skipped because its result is there."""

    stage: str
    status: str
    """started, done, skipped, refused, failed."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """One sentence a person should read now."""

    text: str
    level: str = "info"
    """info or warning."""


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """Long work: how far it is."""

    what: str
    done: int
    total: int
    unit: str = "rows"
    rate: str = ""
    """As printed: 512 tokens/s."""
    seconds_left: float = math.nan
    """nan when it is not known."""
    now: str = ""
    """The part that is being worked on, where parts differ."""


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One optimizer step."""

    step: int
    n_steps: int
    epoch: float
    loss_nats: float
    """Mean over the step's targets (tokens, or rows when classifying)."""
    n_targets: int
    n_tokens: int
    """Real tokens of the step, without padding."""
    learning_rate: float
    grad_norm: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ValidationEvent:
    """One pass over the validation rows."""

    step: int
    loss_nats: float
    n_targets: int
    score: float
    """classify: accuracy; otherwise nan."""
    is_best: bool


@dataclass(frozen=True, slots=True)
class PreviewEvent:
    """A rival's score, known before training starts."""

    system: str
    metric: str
    value: float
    ci95: tuple[float, float]
    n: int
    seconds: float


Event = StageEvent | NoteEvent | ProgressEvent | StepEvent | ValidationEvent | PreviewEvent
Tracker = Callable[[Event], None]


def null_tracker(event: Event) -> None:
    """Listens to nothing; the default, so that no caller asks whether somebody listens."""


def tee(*trackers: Tracker) -> Tracker:
    """One tracker that tells all of them, in order."""

    def tell(event: Event) -> None:
        for tracker in trackers:
            tracker(event)

    return tell


@contextmanager
def jsonl_tracker(path: Path) -> Iterator[Tracker]:
    """Appends every event but progress as one line: {"time": seconds since 1970, "event": name, ...}.

    Raises RunError when the file cannot be written.
    """
    with line_writer(path) as write_line:

        def write(event: Event) -> None:
            if not isinstance(event, ProgressEvent):
                line = {"time": round(time.time(), 3), "event": type(event).__name__, **asdict(event)}
                write_line(json_text(line, indent=None))

        yield write

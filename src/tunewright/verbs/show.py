"""What a run would do, and why: every field of the plan with its value and its reason.

In: a plan as asked. Out: Shown. Nothing is written and nothing is trained. Its own file because it is the Python API's
`show`; the command line prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tunewright.core.events import Event, NoteEvent, Tracker, null_tracker, tee
from tunewright.core.plan import SECTIONS, Plan
from tunewright.core.planfile import LoadedPlan
from tunewright.core.values import Choice
from tunewright.pipeline import decide
from tunewright.resolve import Resolved

ASKED = "you asked"
DEFAULT = "the default"


@dataclass(frozen=True, slots=True)
class Line:
    """One field of the resolved plan."""

    field: str
    value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The resolved plan and what it stands on."""

    plan: Plan
    lines: tuple[Line, ...]
    """Every field, in the plan's order."""
    choices: tuple[Choice, ...]
    """Of these, what was decided for the person."""
    notes: tuple[str, ...]
    """How the plan and the data were understood."""
    predicted_peak_memory_bytes: int


def show(loaded: LoadedPlan, *, tell: Tracker = null_tracker) -> Shown:
    """Read the data, pick the model and decide what is open.

    Raises TunewrightError as a run would before it starts.
    """
    notes: list[str] = []

    def remember(event: Event) -> None:
        if isinstance(event, NoteEvent):
            notes.append(event.text)

    everyone = tee(remember, tell)
    for note in loaded.notes:
        everyone(NoteEvent(note))
    resolved = decide(loaded, tell=everyone)
    return Shown(resolved.plan, tuple(lines(loaded, resolved)), resolved.choices, tuple(notes), resolved.memory.total)


def lines(loaded: LoadedPlan, resolved: Resolved) -> Iterator[Line]:
    """Every field of the plan in its order: what was asked, what was decided and why, what is always so."""
    reasons = {choice.field: choice.reason for choice in resolved.choices}
    asked = asked_fields(loaded.plan)
    for field, value in _fields(resolved.plan):
        is_found = field in ("data.validation", "data.test") and bool(value)
        found = f"by the names of the files in data.train: {loaded.plan.data.train}" if is_found else DEFAULT
        why = f"{ASKED}: {reasons[field]}" if field in asked and field in reasons else ASKED
        yield Line(field, value, why if field in asked else reasons.get(field, found))


def asked_fields(plan: Plan) -> frozenset[str]:
    """Names of the fields that the person gave."""
    given = {f"{section}.{name}" for section in SECTIONS for name in getattr(plan, section).model_fields_set}
    return frozenset(given | ({"task"} & plan.model_fields_set))


def _fields(plan: Plan) -> Iterator[tuple[str, Any]]:
    yield "task", plan.task
    for section in SECTIONS:
        values = getattr(plan, section)
        for name in type(values).model_fields:
            yield f"{section}.{name}", getattr(values, name)

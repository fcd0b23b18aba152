"""`tunewright show`: the resolved plan, every field with its reason.

In: a plan or data file and overrides. Out: a table by section, or {plan, choices, notes}. Its own file because one file
a verb.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tunewright.cli.console import Console, is_terminal, open_console
from tunewright.cli.options import RUNS_DIR, Json, Overrides, PlanPath, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.cli.words import size
from tunewright.core.events import Event, NoteEvent, tee
from tunewright.core.plan import SECTIONS, Plan, plan_dict
from tunewright.core.planfile import LoadedPlan, load_plan
from tunewright.decided import choices_as_dicts
from tunewright.pipeline import decide
from tunewright.resolve import Resolved

ASKED = "you asked"
DEFAULT = "the default"
NAME_COLUMNS = 27
"""The longest field name, gradient_accumulation_steps."""
VALUE_COLUMNS = 16
"""Most values; a longer one pushes its reason to the right."""


@dataclass(frozen=True, slots=True)
class Line:
    """One field of the resolved plan."""

    field: str
    value: Any
    reason: str


def show(
    plan: PlanPath, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Read the data and say what a run would do, and why. Nothing is written and nothing is trained."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        loaded = load_plan(plan, overrides=overrides or ())
        notes = list(loaded.notes)

        def remember(event: Event) -> None:
            if isinstance(event, NoteEvent):
                notes.append(event.text)

        with event_printer(console) as tell:
            for note in loaded.notes:
                tell(NoteEvent(note))
            resolved = decide(loaded, tell=tee(remember, tell))
        if not json:
            _show_lines(console, lines(loaded, resolved))
            console.result(f"\npredicted peak memory of training: {size(resolved.memory.total)}")
        console.answer(
            {
                "plan": plan_dict(resolved.plan),
                "choices": choices_as_dicts(resolved.choices),
                "notes": notes,
                "predicted_peak_memory_bytes": resolved.memory.total,
            }
        )
    return 0


def lines(loaded: LoadedPlan, resolved: Resolved) -> tuple[Line, ...]:
    """Every field of the plan in its order: what was asked, what was decided and why, what is always so."""
    reasons = {choice.field: choice.reason for choice in resolved.choices}
    asked = asked_fields(loaded.plan)

    def reason(field: str) -> str:
        return ASKED if field in asked else reasons.get(field, DEFAULT)

    return tuple(Line(field, value, reason(field)) for field, value in _fields(resolved.plan))


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


def _show_lines(console: Console, found: tuple[Line, ...]) -> None:
    section = ""
    for line in found:
        if (name := line.field.partition(".")[0]) != section:
            section = name
            console.result(f"{'' if name == 'task' else chr(10)}{name}", style="bold")
        console.result(
            line_text(line, width=shutil.get_terminal_size().columns if is_terminal(console.people) else None)
        )


def line_text(line: Line, *, width: int | None) -> str:
    """Name, value, reason.

    width: of the terminal, where a long reason goes on below itself; None: all on one line, for grep.
    """
    text = (
        f"  {line.field.rpartition('.')[2]:<{NAME_COLUMNS}}  {shown_value(line.value):<{VALUE_COLUMNS}}  {line.reason}"
    )
    if width is None or width < 2 * (NAME_COLUMNS + VALUE_COLUMNS):
        return text
    below = " " * (NAME_COLUMNS + VALUE_COLUMNS + 6)
    return "\n".join(
        textwrap.wrap(text, width, subsequent_indent=below, drop_whitespace=True, replace_whitespace=False)
    )


def shown_value(value: Any) -> str:
    """As one would write it in a plan.

    >>> shown_value(None), shown_value(True), shown_value(("tuned", "base")), shown_value(2e-5)
    ('none', 'yes', '[tuned, base]', '2e-05')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(shown_value(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {shown_value(item)}' for key, item in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)

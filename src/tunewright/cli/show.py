"""`tunewright show`: the resolved plan, every field with its reason; or what a plan may say at all.

In: a plan or data file and overrides, or --schema. Out: a table by section, or {plan, choices, notes}, or the plan's
JSON Schema. Its own file because one file a verb.
"""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewright.cli.console import Console, is_terminal, open_console, print_to
from tunewright.cli.options import RUNS_DIR, Json, Overrides, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.cli.words import size
from tunewright.core.errors import PlanError
from tunewright.core.files import json_text
from tunewright.core.plan import plan_dict
from tunewright.core.planfile import load_plan
from tunewright.core.schema import plan_schema
from tunewright.decided import choices_as_dicts
from tunewright.verbs.show import Line
from tunewright.verbs.show import show as shown

NAME_COLUMNS = 27
"""The longest field name, gradient_accumulation_steps."""
VALUE_COLUMNS = 16
"""Most values; a longer one pushes its reason to the right."""
TABLE_COLUMNS = 100
"""On a narrower terminal the reason stands below its field."""

PlanOrNone = Annotated[Path | None, typer.Argument(metavar="PLAN|DATA", help="A plan (.yaml) or a data file.")]
Schema = Annotated[bool, typer.Option("--schema", help="The JSON Schema of plans instead, for editors.")]


def show(
    plan: PlanOrNone = None,
    overrides: Overrides = None,
    schema: Schema = False,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Read the data and say what a run would do, and why. Nothing is written and nothing is trained."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        if schema:
            print_to(console.machine, json_text(plan_schema()))
            return 0
        if plan is None:
            raise PlanError("show needs a plan or a data file", where="command line", fix="tunewright show tickets.csv")
        with event_printer(console) as tell:
            found = shown(load_plan(plan, overrides=overrides or ()), tell=tell)
        if not json:
            _show_lines(console, found.lines)
            console.result(f"\npredicted peak memory of training: {size(found.predicted_peak_memory_bytes)}")
        console.answer(
            {
                "plan": plan_dict(found.plan),
                "choices": choices_as_dicts(found.choices),
                "notes": found.notes,
                "predicted_peak_memory_bytes": found.predicted_peak_memory_bytes,
            }
        )
    return 0


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
    name, value = line.field.rpartition(".")[2], shown_value(line.value)
    text = f"  {name:<{NAME_COLUMNS}}  {value:<{VALUE_COLUMNS}}  {line.reason}"
    if width is None or len(text) <= width:
        return text
    if width < TABLE_COLUMNS:
        short = f"  {name:<{NAME_COLUMNS}}  {value}"
        below = _wrapped(" " * 6 + line.reason, width, indent=6)
        return "\n".join([*_wrapped(short, width, indent=NAME_COLUMNS + 4), *below])
    return "\n".join(_wrapped(text, width, indent=NAME_COLUMNS + VALUE_COLUMNS + 6))


def _wrapped(text: str, width: int, *, indent: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=" " * indent, replace_whitespace=False)


def shown_value(value: Any) -> str:
    """As one would write it in a plan.

    >>> shown_value(None), shown_value(()), shown_value(True), shown_value(("tuned", "base")), shown_value(2e-5)
    ('none', 'none', 'yes', '[tuned, base]', '2e-05')
    """
    if value is None or value in ((), [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(shown_value(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {shown_value(item)}' for key, item in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)

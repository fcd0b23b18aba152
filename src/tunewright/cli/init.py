"""`tunewright init`: look at the data, write a commented plan.

In: data files. Out: a plan file and what was decided, or one JSON object. Its own file because one file a verb.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.core.plan import plan_dict
from tunewright.verbs.init import PLAN_FILE
from tunewright.verbs.init import init as look

Data = Annotated[
    list[Path],
    typer.Argument(metavar="DATA ...", help="A data file; or several, called like train.csv, test.csv, valid.csv."),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="PLAN", help="Where the plan is written; - prints it.")]


def init(
    data: Data, out: Out = PLAN_FILE, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Look at the data and write a plan that says what was found, and why. An existing file is never overwritten."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        is_printed = str(out) == "-"
        with event_printer(console) as tell:
            made = look(data, out=None if is_printed else out, tell=tell)
        if is_printed:
            console.result(made.text.rstrip("\n"))
        else:
            console.result(f"plan    {made.path}")
            console.result(f"task    {made.plan.task}, model {made.plan.model.name}")
            console.result(f"next    {shlex.join(['tunewright', 'check', str(made.path)])}")
        console.answer({"path": made.path, "text": made.text, "plan": plan_dict(made.plan), "choices": made.choices})
    return 0

"""`tunewright init`: look at the data, write a commented plan.

In: data files. Out: a plan file and what was decided, or one JSON object. Its own file because one file a verb.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.console import Console, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.core.errors import PlanError
from tunewright.core.plan import plan_dict
from tunewright.verbs.imported import imported, left_out_lines
from tunewright.verbs.init import PLAN_FILE
from tunewright.verbs.init import init as look

Data = Annotated[
    list[Path],
    typer.Argument(metavar="DATA ...", help="A data file; or several, called like train.csv, test.csv, valid.csv."),
]
From = Annotated[
    str,
    typer.Option(
        "--from", metavar="TOOL", help="DATA is a configuration of axolotl, llamafactory or trl: a plan of it."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="PLAN", help="Where the plan is written; - prints it.")]


def init(
    data: Data,
    tool: From = "",
    out: Out = PLAN_FILE,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Look at the data and write a plan that says what was found, and why. An existing file is never overwritten."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        is_printed = str(out) == "-"
        if tool:
            return _imported(tool, data, out=None if is_printed else out, console=console)
        with event_printer(console) as tell:
            made = look(data, out=None if is_printed else out, tell=tell)
        if is_printed:
            console.result(made.text.rstrip("\n"))
        else:
            console.result(f"plan    {made.path}")
            console.result(f"task    {made.plan.task}, model {made.plan.model.name}")
            console.result(f"next    {shlex.join(['tunewright', 'check', str(made.path)])}")
        console.answer(
            {
                "path": made.path,
                "text": made.text,
                "plan": plan_dict(made.plan),
                "choices": made.choices,
                "left_out": [],
            }
        )
    return 0


def _imported(tool: str, files: Sequence[Path], *, out: Path | None, console: Console) -> int:
    """Another tool's configuration: no data is looked at."""
    if len(files) != 1:
        fix = shlex.join(["tunewright", "init", "--from", tool, str(files[0])])
        raise PlanError(f"--from {tool} reads one file, not {len(files)}", where="command line", fix=fix)
    made = imported(tool, files[0], out=out)
    if out is None:
        console.result(made.text.rstrip("\n"))
    else:
        console.result(f"plan    {made.path}")
        for line in left_out_lines(made.left_out):
            console.result(line)
        console.result(f"next    {shlex.join(['tunewright', 'check', str(made.path)])}")
    console.answer(
        {
            "path": made.path,
            "text": made.text,
            "plan": plan_dict(made.plan),
            "choices": (),
            "left_out": [asdict(one) for one in made.left_out],
        }
    )
    return 0

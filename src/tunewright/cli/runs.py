"""`tunewright runs`: all runs, the newest first.

In: the runs folder. Out: two lines a run, or {"runs": [...]}. Its own file because one file a verb.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from tunewright.cli.console import is_terminal, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.words import interval, number, one_line, table
from tunewright.core.systems import outside_name
from tunewright.report.words import metric_name
from tunewright.verbs.runs import SUBJECT, RunLine
from tunewright.verbs.runs import runs as all_runs

SHOWN = 20
"""Of many runs a terminal shows the newest, so that they are still on the screen."""
WIDTH = 80
NAME_COLUMNS = 32
"""A longer name has a line of its own."""
AFTER = {"explain": "explained", "export": "exported"}
"""Stages that a finished run may have or not."""


def runs(json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """List the runs below the runs folder, the newest first, each with its verdict and what it stands on."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        found = all_runs(runs_dir)
        if not json:
            shown = found[:SHOWN] if is_terminal(console.people) else found
            console.result(runs_table(shown) if found else f"there is no run in {runs_dir} yet; try: tunewright demo")
            if len(found) > len(shown):
                console.result(f"\nand {len(found) - len(shown)} older: tunewright runs | less")
        console.answer({"runs_dir": str(runs_dir.resolve()), "runs": found})
    return 0


def runs_table(lines: tuple[RunLine, ...]) -> str:
    """Name, verdict and number; below them what the run is."""
    is_long = [len(line.name) > NAME_COLUMNS for line in lines]
    rows = [
        ("   " if long else line.name, line.status, _measured(line)) for long, line in zip(is_long, lines, strict=True)
    ]
    aligned = table([("", "", ""), *rows]).split("\n")[1:]
    found = []
    for long, row, line in zip(is_long, aligned, lines, strict=True):
        found += [*([line.name] if long else []), row, _details(line)]
    return "\n".join(found)


def _measured(line: RunLine) -> str:
    if not line.primary_metric:
        return ""
    return f"{metric_name(line.primary_metric)} {number(line.value)} {interval(line.ci95)}".rstrip()


def _details(line: RunLine) -> str:
    """When, what, and what else was done with it."""
    is_outside = line.subject != SUBJECT
    model = outside_name(line.subject) if is_outside else Path(line.model).name
    uses = line.test_set_uses or 0
    words = (
        line.started[:16].replace("T", " "),
        line.task,
        f"{'outside model ' if is_outside else ''}{one_line(model, width=32)}",
        *(word for stage, word in AFTER.items() if stage in line.done),
        *(line.unfinished if line.primary_metric else ()),
        f"test set used {uses} times" if uses > 1 else "",
    )
    text = ", ".join(word for word in words if word)
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)

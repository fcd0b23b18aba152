"""`tunewright selftest`: do masks, gradients, resume and merge hold on your model?

In: a plan or data file, or nothing. Out: one line for each promise; exit 6 when one is broken. Its own file because
one file a verb.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.console import Console, open_console
from tunewright.cli.options import RUNS_DIR, Json, Overrides, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.cli.words import duration
from tunewright.core.planfile import load_plan
from tunewright.core.probe import Probe, Status
from tunewright.verbs.selftest import EXIT_FAILED, Selftest
from tunewright.verbs.selftest import selftest as look

MaybePlan = Annotated[
    Path | None, typer.Argument(metavar="[PLAN|DATA]", help="A plan or data file; left out: the shipped example.")
]
STYLES: dict[Status, str] = {"ok": "green", "failed": "bold red", "not run": "dim"}
WIDTH = 80
NAME_COLUMNS = 17
_INDENT = 9 + NAME_COLUMNS


def selftest(
    plan: MaybePlan = None,
    overrides: Overrides = None,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Look whether ids, masks, gradients, resume, merge and saving hold on your own model; exit 6 when one does not."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        with event_printer(console) as tell:
            found = look(load_plan(plan, overrides=overrides or ()) if plan else None, tell=tell)
        if not json:
            _show(console, found)
        console.answer({**{name: getattr(found, name) for name in Selftest.__slots__}, "is_ok": found.is_ok})
    return 0 if found.is_ok else EXIT_FAILED


def _show(console: Console, found: Selftest) -> None:
    console.result(f"{found.model}, {found.task}, {found.method}, {len(found.row_ids)} rows", style="bold")
    for probe in found.probes:
        for line in probe_lines(probe):
            console.result(line, style=STYLES[probe.status])
    counts = Counter(probe.status for probe in found.probes)
    words = ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    console.result(f"\n{words} in {duration(found.seconds)}", style="bold green" if found.is_ok else "bold red")


def probe_lines(probe: Probe) -> list[str]:
    """Status, name and what was seen, wrapped beside them; where it failed, what that means."""
    words = probe.found + (f". {probe.why[:1].upper()}{probe.why[1:]}." if probe.status == "failed" else "")
    start = f"{probe.status:<9}{probe.name:<{NAME_COLUMNS}}"
    return textwrap.wrap(words, WIDTH, initial_indent=start, subsequent_indent=" " * _INDENT, break_on_hyphens=False)

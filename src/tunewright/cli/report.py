"""`tunewright report`: a run's page, made again from its folder and opened.

In: a run. Out: where the page is, and the verdict. Its own file because one file a verb.
"""

from __future__ import annotations

import json as json_module
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.console import is_terminal, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir, RunWord
from tunewright.cli.outcome import show_verdict, shown_path, systems_table
from tunewright.core.errors import RunError
from tunewright.core.events import null_tracker
from tunewright.core.run import Run, find_run, locked
from tunewright.pipeline import make_report
from tunewright.report.stage import write_report

NoOpen = Annotated[bool, typer.Option("--no-open", help="Only say where the page is.")]


def report(
    run: RunWord = None, no_open: NoOpen = False, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Make a run's page again from what is in its folder, say what it says, and open it in the browser."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        found = find_run(run, runs_dir=runs_dir)
        page = _page(found)
        metrics_file = found.stage("evaluate") / "metrics.json"
        metrics = json_module.loads(metrics_file.read_text(encoding="utf-8")) if metrics_file.is_file() else {}
        if metrics:
            console.result(systems_table(metrics) + "\n")
            show_verdict(console, metrics["verdict"])
        else:
            console.result(f"{found.name} has not been measured yet")
        console.result(f"\nreport  {shown_path(page)}")
        is_opened = not (json or quiet or no_open) and is_terminal(console.people) and has_display()
        if is_opened:
            open_page(page.as_uri())
            console.note("it opens in your browser; --no-open leaves it closed")
        answer = {"run": str(found.folder), "report": str(page), "verdict": metrics.get("verdict", {})}
        console.answer({**answer, "is_opened": is_opened})
    return 0


def _page(run: Run) -> Path:
    """Made anew and noted in run.json; while another process works in the run, only made."""
    try:
        with locked(run):
            make_report(run, tell=null_tracker, ran=[], is_asked=True)
    except RunError:
        return write_report(run.folder)
    return run.folder / "report.html"


def has_display() -> bool:
    """A browser with a window can start here; one inside the terminal would hold it."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_page(address: str) -> None:
    """By a process of its own that nobody waits for: some browsers return only when they are closed."""
    nothing = subprocess.DEVNULL
    subprocess.Popen(
        [sys.executable, "-m", "webbrowser", "-t", address],
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        start_new_session=True,
    )

"""`tunewright report`: a run's page, made again from its folder.

In: a run. Out: where the page is, and the verdict. Its own file because one file a verb.
"""

from __future__ import annotations

import json as json_module

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir, RunWord
from tunewright.cli.outcome import show_verdict, shown_path, systems_table
from tunewright.core.run import find_run
from tunewright.report.stage import write_report


def report(run: RunWord = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Make a run's report.html again from what is in its folder, and say what it says."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        found = find_run(run, runs_dir=runs_dir)
        write_report(found.folder)
        page = found.folder / "report.html"
        metrics_file = found.stage("evaluate") / "metrics.json"
        metrics = json_module.loads(metrics_file.read_text(encoding="utf-8")) if metrics_file.is_file() else {}
        if metrics:
            console.result(systems_table(metrics) + "\n")
            show_verdict(console, metrics["verdict"])
        else:
            console.result(f"{found.name} has not been measured yet")
        console.result(f"\nreport  {shown_path(page)}")
        console.answer({"run": str(found.folder), "report": str(page), "verdict": metrics.get("verdict", {})})
    return 0

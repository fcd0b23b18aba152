"""`tunewright runs`: all runs, the newest first.

In: the runs folder. Out: a table, or {"runs": [...]}. Its own file because one file a verb.
"""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.words import interval, number, table
from tunewright.core.errors import RunError
from tunewright.core.run import Run, list_runs


@dataclass(frozen=True, slots=True)
class RunLine:
    """What one run is known by."""

    name: str
    folder: str
    started: str
    task: str
    model: str
    status: str
    """The verdict, or the stage that the run is at and how it stands."""
    primary_metric: str
    value: float | None
    ci95: tuple[float | None, float | None]
    test_set_uses: int | None


def runs(json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """List the runs below the runs folder, the newest first."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        lines = [run_line(run) for run in list_runs(runs_dir)]
        if not json:
            console.result(runs_table(lines) if lines else f"there is no run in {runs_dir} yet; try: tunewright demo")
        console.answer({"runs_dir": str(runs_dir.resolve()), "runs": lines})
    return 0


def run_line(run: Run) -> RunLine:
    """From the run's small JSON files; what is not there yet is empty."""
    try:
        manifest = run.manifest()
    except RunError:
        manifest = {"stages": {"run.json": {"status": "cannot be read"}}}
    metrics = _values(run.stage("evaluate") / "metrics.json")
    primary = str(metrics.get("primary_metric", ""))
    tuned = metrics.get("systems", {}).get("tuned", {}).get(primary, {})
    return RunLine(
        name=run.name,
        folder=str(run.folder),
        started=str(manifest.get("started", "")),
        task=str(_values(run.stage("prepare") / "facts.json").get("task", "")),
        model=str(_values(run.stage("select") / "card.json").get("name", "")),
        status=_status(manifest, metrics),
        primary_metric=primary,
        value=tuned.get("value"),
        ci95=tuple(tuned.get("ci95", (None, None))),
        test_set_uses=metrics.get("test_set_uses"),
    )


def runs_table(lines: list[RunLine]) -> str:
    rows = [("run", "started", "task", "model", "verdict", "measured", "test set used")]
    for line in lines:
        measured = f"{line.primary_metric} {number(line.value)} {interval(line.ci95)}" if line.primary_metric else ""
        uses = f"{line.test_set_uses} times" if line.test_set_uses != 1 else "once"
        rows.append(
            (
                *(line.name, line.started[:16].replace("T", " "), line.task, line.model, line.status, measured.strip()),
                uses if line.test_set_uses else "",
            )
        )
    return table(rows)


def _status(manifest: dict[str, Any], metrics: dict[str, Any]) -> str:
    """The verdict stands only while the stage that made it does."""
    stages = manifest.get("stages", {})
    unfinished = [
        f"{name}: {record.get('status')}" for name, record in stages.items() if record.get("status") != "done"
    ]
    if unfinished:
        return unfinished[0]
    return str(metrics.get("verdict", {}).get("status", "")) or (f"{list(stages)[-1]}: done" if stages else "")


def _values(path: Path) -> dict[str, Any]:
    """A JSON file's values; empty when it is not there or not whole: listing runs must not fail for one of them."""
    try:
        values = json_module.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}

"""All runs of a runs folder, each by what it came to.

In: the runs folder. Out: RunLines, the newest first. Its own file because it is the Python API's `runs`:
it must not fail for one damaged run, nor load anything heavy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import RunError
from tunewright.core.run import Run, list_runs

SUBJECT = "tuned"
"""Whom a run's numbers are about, unless its metrics name an outside model."""
BEFORE_NUMBERS = ("prepare", "select", "train", "evaluate")
"""While one of these is not done, the numbers in the folder belong to an older try."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """What one run is known by; empty where it is not known yet."""

    name: str
    folder: str
    started: str
    task: str
    model: str
    subject: str
    """tuned, or path:FOLDER for a model that the run only measured."""
    status: str
    """The verdict, or the stage that the run is at and how it stands."""
    done: tuple[str, ...]
    """Finished stages."""
    unfinished: tuple[str, ...]
    """Stages that take nothing from the verdict and are not as they should be: export: failed."""
    primary_metric: str
    value: float | None
    ci95: tuple[float | None, float | None]
    test_set_uses: int | None


def runs(runs_dir: str | Path = "runs") -> tuple[RunLine, ...]:
    """Every run below the folder; none when there is no such folder."""
    return tuple(run_line(run) for run in list_runs(Path(runs_dir)))


def run_line(run: Run) -> RunLine:
    """From the run's small JSON files."""
    try:
        manifest = run.manifest()
    except RunError:
        manifest = {"stages": {"run.json": {"status": "cannot be read"}}}
    stages = {name: str(record.get("status")) for name, record in manifest.get("stages", {}).items()}
    metrics = _values(run.stage("evaluate") / "metrics.json")
    if metrics.get("subject", SUBJECT) != SUBJECT:
        stages.pop("train", None)  # an earlier training under this name has no part in what was measured
    is_measured = "evaluate" in stages and all(stages.get(name, "done") == "done" for name in BEFORE_NUMBERS)
    metrics = metrics if is_measured else {}
    primary, subject = str(metrics.get("primary_metric", "")), str(metrics.get("subject", SUBJECT))
    measured = metrics.get("systems", {}).get(subject, {}).get(primary, {})
    return RunLine(
        name=run.name,
        folder=str(run.folder),
        started=str(manifest.get("started", "")),
        task=str(_values(run.stage("prepare") / "facts.json").get("task", "")),
        model=str(_values(run.stage("select") / "card.json").get("name", "")),
        subject=subject,
        status=_status(stages, metrics),
        done=tuple(name for name, status in stages.items() if status == "done"),
        unfinished=tuple(
            f"{name}: {status}" for name, status in stages.items() if status != "done" and name not in BEFORE_NUMBERS
        ),
        primary_metric=primary,
        value=measured.get("value"),
        ci95=tuple(measured.get("ci95", (None, None))),
        test_set_uses=metrics.get("test_set_uses"),
    )


def _status(stages: Mapping[str, str], metrics: Mapping[str, Any]) -> str:
    """The verdict stands only while the stages before it do."""
    verdict = str(metrics.get("verdict", {}).get("status", ""))
    unfinished = [name for name, status in stages.items() if status != "done"]
    if not verdict and unfinished:
        return f"{unfinished[0]}: {stages[unfinished[0]]}"
    return verdict or (f"{list(stages)[-1]}: done" if stages else "")


def _values(path: Path) -> dict[str, Any]:
    """A JSON file's values; empty when it is not there or not whole."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}

"""What the pipeline tests of numbers and of several labels have in common."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tunewright.core.planfile import plan_from
from tunewright.pipeline import Outcome, run_plan


def outcome_of(folder: Path, plan: dict[str, Any]) -> Outcome:
    return run_plan(plan_from(plan, folder=folder, name="try"), runs_dir=folder / "runs")


def tuned_rows(run: Path) -> list[dict[str, Any]]:
    """What the tuned model answered to the test rows."""
    rows = pq.read_table(run / "evaluate/predictions.parquet").to_pylist()
    return [row for row in rows if row["system"] == "tuned"]


def said_without_us(folder: Path, texts: list[str]) -> list[str]:
    """What predict.py in the folder answers, where tunewright cannot be imported."""
    code = (
        f"import sys, runpy; sys.modules['tunewright'] = None; sys.argv[1:] = {texts!r}\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [line.split("\t")[0] for line in done.stdout.splitlines() if line.count("\t") == 1]

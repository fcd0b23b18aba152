"""The words that every verb takes, declared once.

In: nothing. Out: annotated types for typer. Its own file because --json, --quiet and --runs-dir must mean the same
everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; words and progress on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
RunsDir = Annotated[Path, typer.Option("--runs-dir", metavar="DIR", help="The folder that holds the runs.")]
# readable=False: typer does not look; what may not be read is told by who reads it, with the way out.
PlanPath = Annotated[
    Path,
    typer.Argument(
        readable=False, metavar="PLAN|DATA", help="A plan (.yaml), or data: a file, a folder, a pattern in quotes."
    ),
]
PlanOrRun = Annotated[
    Path, typer.Argument(readable=False, metavar="PLAN|DATA|RUN", help="A plan, a data file, or a run.")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="a.b=c", help="Plan values that win over the file: train.epochs=3")
]
RunWord = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's name or folder; left out: the newest.")]

RUNS_DIR = Path("runs")
"""Where runs are kept unless told otherwise. Source: DESIGN 7."""

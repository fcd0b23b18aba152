"""`tunewright run`: every stage of a plan, finished ones skipped.

In: a plan or data file and overrides. Out: progress, the table, the verdict, or one JSON object. Its own file because
one file a verb.
"""

from __future__ import annotations

import time

from tunewright.cli.console import Console, open_console
from tunewright.cli.options import RUNS_DIR, Json, Overrides, PlanPath, Quiet, RunsDir
from tunewright.cli.outcome import show_missed, show_outcome
from tunewright.cli.progress import event_printer
from tunewright.core.errors import RequirementsMissed
from tunewright.core.events import NoteEvent
from tunewright.core.planfile import LoadedPlan, load_plan
from tunewright.outcome import Outcome
from tunewright.pipeline import run_plan


def run(
    plan: PlanPath, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Do every stage of a plan: prepare, select, train, evaluate, report. What is finished is not done again."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        started = time.monotonic()
        outcome = run_aloud(load_plan(plan, overrides=overrides or ()), console=console, runs_dir=runs_dir)
        show_outcome(console, outcome, seconds=time.monotonic() - started)
    return 0


def run_aloud(loaded: LoadedPlan, *, console: Console, runs_dir: RunsDir, until: str = "report") -> Outcome:
    """run_plan with its events printed as they come."""
    try:
        with event_printer(console) as tell:
            for note in loaded.notes:
                tell(NoteEvent(note))
            return run_plan(loaded, runs_dir=runs_dir, tell=tell, until=until)
    except RequirementsMissed as missed:
        show_missed(console, missed)
        raise

"""The race in a run: whether there is one, what it decided, and the learning curve that the whole training completes.

In: a run, its plan, its rows. Out: Raced; race.json beside the candidates, learning_curve.json beside the training. Its
own file because a run without a race must not load what races.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import write_json
from tunewright.core.planfile import LoadedPlan
from tunewright.core.run import Run
from tunewright.decided import Decided
from tunewright.racing.decision import Raced
from tunewright.select.budget import race_seconds

if TYPE_CHECKING:  # it reads files with pyarrow; a finished run does not
    from tunewright.prepare.draft import Draft

RACE, CURVE = "race.json", "learning_curve.json"
_NOTHING: dict[str, Any] = {"losses": {}}


def race_of(run: Run, loaded: LoadedPlan, draft: Draft, *, tell: Tracker) -> Raced:
    """The race that the plan asks for, told aloud; what it trains is kept in the run's folder `select.race`.

    Raises ModelError when no candidate could be trained, RunError, KeyboardInterrupt: the next run goes on with what is
    kept.
    """
    budget = race_seconds(loaded.plan)
    if not budget:
        return Raced()
    racing = importlib.import_module("tunewright.racing.race")  # torch, only when something is trained
    raced: Raced = racing.raced(loaded, draft, budget_seconds=budget, folder=run.folder / "select.race", tell=tell)
    record = raced.record
    for words in (f"{record['winner']} {record['reason']}", *(record[key] for key in ("would_change", "worth"))):
        tell(NoteEvent(words))
    return raced


def write_race(raced: Raced, *, work: Path) -> None:
    """race.json in the select folder; none without a race."""
    if raced.record:
        write_json(work / RACE, raced.record)


def write_curve(run: Run, decided: Decided, *, work: Path, tell: Tracker) -> None:
    """learning_curve.json in the train folder: the winner's short trainings and the whole one; none without a race."""
    path = run.stage("select") / RACE
    if not path.is_file():
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    racing = importlib.import_module("tunewright.racing.trained")
    curves = importlib.import_module("tunewright.select.more_data")
    loss = racing.last_loss(work / "steps.jsonl", prepared=run.stage("prepare"), task=decided.plan.task)
    won = next((one for one in record["candidates"] if one["name"] == record["winner"]), _NOTHING)
    short = {int(size): value for size, value in won["losses"].items()}
    n_rows = decided.facts.n_rows["train"]
    curve = curves.learning_curve({**short, n_rows: loss}, n_rows=n_rows)
    told = {"told": won.get("told_loss"), "became": loss}
    write_json(work / CURVE, {**asdict(curve), "unit": record["unit"], "sentence": curve.sentence, **told})
    tell(NoteEvent(f"{curve.sentence} {record['unit']}"))

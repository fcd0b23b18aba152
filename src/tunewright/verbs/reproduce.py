"""A run done again beside itself, and what came out differently.

In: a finished run. Out: Reproduction. Its own file because "it can be reproduced" is a claim, and this is its proof.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tunewright.contradictions import named_lora_fields
from tunewright.core.errors import RunError
from tunewright.core.events import NoteEvent, Tracker, null_tracker
from tunewright.core.files import digest
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan
from tunewright.core.run import Run, create_run, locked, update_manifest
from tunewright.core.section import AUTO
from tunewright.decided import read_decided
from tunewright.evaluate.kept_answers import FOLDER
from tunewright.fingerprint import data_digests
from tunewright.pipeline import run_plan
from tunewright.train.default_rate import FIND
from tunewright.verbs.differences import Differences, data_changes, differences

SUFFIX = "-again"
REPRODUCES = "reproduces"
"""In the second run's manifest: which state of which run it repeats."""
COMPARED = ("prepare", "select", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The second run, held beside the first."""

    run: str
    again: str
    """Folders."""
    was_finished: bool
    """The second run was there already: nothing was done again now."""
    found: Differences


def reproduce(run: Run, *, tell: Tracker = null_tracker) -> Reproduction:
    """Do the run's resolved plan again as <name>-again beside it: same seed, threads, data paths.

    Explanations and exports are not done again. Cost: as the run itself.
    Raises RunError when the run is not finished, or <name>-again was made from something else.
    """
    made_from = _made_from(run)
    decided = read_decided(run)
    name = f"{run.name}{SUFFIX}"
    plan = _to_repeat(decided.plan, name=name, found=_found_rate(run))
    loaded = LoadedPlan(plan, folder=Path(run.manifest()["folder"]), default_name=name)
    again = _beside(run, name=name, made_from=made_from)
    for change in data_changes(run, data_digests(plan, folder=loaded.folder)):
        tell(NoteEvent(f"data.{change.name} has changed since the run: the second run reads other rows", "warning"))
    _take_answers(run, again, tell=tell)
    outcome = run_plan(loaded, runs_dir=again.folder.parent, tell=tell)
    return Reproduction(
        run=str(run.folder),
        again=str(again.folder),
        was_finished=outcome.was_finished,
        found=differences(run, outcome.run),
    )


def _take_answers(run: Run, again: Run, *, tell: Tracker) -> None:
    """What addresses answered the run was paid for, and they may answer otherwise by now."""
    for path in run.stage(FOLDER).glob("*.jsonl"):
        kept = again.stage(FOLDER) / path.name
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, kept)
            tell(NoteEvent(f"{path.stem} is not asked again: its answers are those of the run; rm {kept} to ask anew"))


def _found_rate(run: Run) -> float | None:
    """That a search before the training found: searching again could be cut off by the clock elsewhere."""
    path = run.stage("train") / "learning_rate.json"
    return float(json.loads(path.read_text(encoding="utf-8"))["rate"]) if path.is_file() else None


def _to_repeat(plan: Plan, *, name: str, found: float | None) -> Plan:
    """The resolved plan as something to ask for: what belongs to lora alone is left open again under other methods.

    What a race decided stands in the plan; racing again could be cut off by the clock elsewhere.
    """
    train = plan.train
    if train.learning_rate == FIND and found is not None:
        train = train.with_(learning_rate=found)
    if train.method != "lora":
        train = train.with_(**dict.fromkeys(named_lora_fields(train), AUTO))
    return plan.with_(
        train=train,
        select=plan.select.with_(race=False),
        evaluate=plan.evaluate.with_(require=None),
        explain=plan.explain.with_(methods=()),
        export=plan.export.with_(targets=()),
        run=plan.run.with_(name=name),
    )


def _made_from(run: Run) -> str:
    """A digest of the run as it stands.

    Raises RunError when it has not been measured.
    """
    stages = run.manifest().get("stages", {})
    unfinished = [name for name in COMPARED if name in stages and stages[name].get("status") != "done"]
    if unfinished or "evaluate" not in stages:
        raise RunError(
            f"the run {run.name} is not finished, so there is nothing to compare with",
            where=str(run.folder),
            why=f"{unfinished[0] if unfinished else 'evaluate'} is not done",
            fix=f"tunewright run {run.folder / 'plan.yaml'}",
        )
    return digest({name: stages[name]["fingerprint"] for name in COMPARED if name in stages})


def _beside(run: Run, *, name: str, made_from: str) -> Run:
    folder = run.folder.parent / name
    if folder.exists() and Run(folder).manifest().get(REPRODUCES) != {"run": run.name, "made_from": made_from}:
        raise RunError(
            f"{name} is there already and repeats something else",
            where=str(folder),
            why=f"it is a run of its own, or {run.name} was done anew since",
            fix=f"mv {folder} {folder}-old",
        )
    again = create_run(folder.parent, name=name)
    note = {"run": run.name, "made_from": made_from}
    if again.manifest().get(REPRODUCES) != note:
        with locked(again):
            update_manifest(again, **{REPRODUCES: note})
    return again

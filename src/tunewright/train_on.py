"""A run's plan trained on rows: once for the run, once more for every stage that needs a model like it.

In: what a run decided, a folder of rows. Out: the train stage's files in a folder, or the verb itself, to be handed to
a stage that must not know the train stage. Its own file because both trainings must be told the same.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

from tunewright.core.events import Tracker
from tunewright.core.files import digest, file_digest, writing
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.systems import TUNED
from tunewright.core.train_plan import Start
from tunewright.core.values import Subject
from tunewright.decided import Decided, subject


def train_on(
    prepared: Path, decided: Decided, *, fingerprint: str, work: Path, tell: Tracker, start: Start = "checkpoint"
) -> None:
    """Trains in `work` on train.parquet of `prepared`, from the newest checkpoint of that fingerprint."""
    training = importlib.import_module("tunewright.train.stage")  # torch, only when something is trained
    inputs = training.TrainInputs(
        plan=decided.plan,
        card=decided.card,
        facts=decided.facts,
        prepared=prepared,
        fingerprint=fingerprint,
        predicted_peak_memory_bytes=decided.predicted_peak_memory_bytes,
        predicted_memory=decided.predicted_memory,
        start=start,
    )
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
    training.train(inputs, work=work, tell=tell)


def retrained(prepared: Path, *, decided: Decided, work: Path, tell: Tracker) -> Subject:
    """The model that the run's plan makes of these rows; with `decided` given it is `explain.held_out.Retrain`."""
    train_on(prepared, decided, fingerprint=digest(file_digest(prepared / "train.parquet")), work=work, tell=tell)
    return subject(decided, name=TUNED, folder=work)


def trained_again(plan: Plan, *, start: Start, work: Path, tell: Tracker, prepared: Path, decided: Decided) -> Subject:
    """The model that another plan makes of the run's own rows; the last two given, it is `evaluate.again.Train`."""
    other, sections = replace(decided, plan=plan), plan_dict(plan)
    fingerprint = digest({"train": sections["train"], "seed": plan.run.seed, "start": start})
    train_on(prepared, other, fingerprint=fingerprint, work=work, tell=tell, start=start)
    return subject(other, name=TUNED, folder=work)

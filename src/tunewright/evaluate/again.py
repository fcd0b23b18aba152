"""Trainings that an evaluation needs beside the run's own: each is scored once, and its weights are thrown away.

In: a plan to train, how its model answers. Out: Scored: the answers, and what the training took, both in one file. Its
own file because models from random weights and models of other seeds are made alike: a stopped evaluation trains none
of them twice and goes on with the one it stopped in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tunewright.core.events import Tracker
from tunewright.core.files import remove
from tunewright.core.plan import Plan
from tunewright.core.train_plan import Start
from tunewright.core.values import Prediction, Subject
from tunewright.evaluate.kept_answers import read_answers, write_answers

FACTS = (
    *("seed", "learning_rate", "steps", "epochs", "best_step", "tokens_seen", "seconds", "needed_flops", "energy"),
    *("validation_loss_nats", "validation_score", "train_loss_nats"),
)
"""Of summary.json, what is kept of a training whose folder is removed."""


class Train(Protocol):
    """Trains a resolved plan on the run's own rows, in `work`, from where it was stopped."""

    def __call__(self, plan: Plan, *, start: Start, work: Path, tell: Tracker) -> Subject: ...


@dataclass(frozen=True, slots=True)
class Trainer:
    """How to train once more, and beside what."""

    train: Train
    folder: Path
    """The stage's own: helpers work in folders of their own in it."""
    summary: Mapping[str, Any]
    """summary.json of the run's own training."""
    tell: Tracker


def trainer_of(train: Train | None, *, subject: Subject, folder: Path, tell: Tracker) -> Trainer | None:
    """None where there is nothing to train with.

    subject: the run's own model, in the folder of its training.
    """
    if train is None:
        return None
    summary = json.loads((Path(subject.folder) / "summary.json").read_text(encoding="utf-8"))
    return Trainer(train, folder, summary, tell)


@dataclass(frozen=True, slots=True)
class Scored:
    """A model that is gone: what it answered, and what it cost."""

    predictions: tuple[Prediction, ...]
    facts: dict[str, Any]
    """FACTS, and answering_seconds."""


def scored_once(
    path: Path, plan: Plan, *, start: Start, trainer: Trainer, answer: Callable[[Subject], tuple[Prediction, ...]]
) -> Scored:
    """Trained, asked and kept as `path`, unless that was done before; path without its suffix is its folder meanwhile.

    Raises TrainError, among them NonFiniteLoss.
    """
    work = path.with_suffix("")
    if not path.is_file():
        facts, subject = trained_facts(plan, start=start, trainer=trainer, work=work)
        started = time.perf_counter()
        predictions = answer(subject)
        facts["answering_seconds"] = round(time.perf_counter() - started, 3)
        write_answers(path, predictions, facts)
    remove(work)
    return read_scored(path)


def read_scored(path: Path) -> Scored:
    """What `scored_once` kept."""
    return Scored(*read_answers(path))


def trained_facts(plan: Plan, *, start: Start, trainer: Trainer, work: Path) -> tuple[dict[str, Any], Subject]:
    """What a training took, and its model; nobody else is told of it (train.trackers)."""
    plan = plan.with_(train=plan.train.with_(trackers=()))
    subject = trainer.train(plan, start=start, work=work, tell=trainer.tell)
    summary = json.loads((work / "summary.json").read_text(encoding="utf-8"))
    return {name: summary.get(name) for name in FACTS}, subject

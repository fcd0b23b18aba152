"""The learning rate that a plan asks to find: searched for once, before the training, and kept beside it.

In: TrainInputs and the training's folder. Out: the same inputs with a number, learning_rate.json. Its own file because
a training that goes on must not search again.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import torch

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import write_json
from tunewright.model.files import read_json
from tunewright.train.default_rate import FIND, default_rate
from tunewright.train.given import started
from tunewright.train.inputs import TrainInputs
from tunewright.train.range_test import RangeTest, range_test, trial_of
from tunewright.train.ready import in_training

RATE = "learning_rate.json"


def with_rate(inputs: TrainInputs, *, work: Path, tell: Tracker) -> TrainInputs:
    """With the number that the plan asks to find: of this training's own earlier search, else searched for now."""
    plan, path = inputs.plan, work / RATE
    if plan.train.learning_rate != FIND:
        return inputs
    known = read_json(path) if path.is_file() else {}
    if known.get("fingerprint") != inputs.fingerprint:
        known = {"fingerprint": inputs.fingerprint, **asdict(_searched(inputs, tell=tell))}
        write_json(path, known)
        tell(
            NoteEvent(f"learning rate {known['rate']:g}: {known['reason']}", "info" if known["is_found"] else "warning")
        )
    rate = plan.train.with_(learning_rate=known["rate"])
    return replace(inputs, plan=plan.with_(train=rate), rate_search=known)


def _searched(inputs: TrainInputs, *, tell: Tracker) -> RangeTest:
    """On a model of its own, which is thrown away; by this process alone where several train together."""
    plan = inputs.plan
    torch.set_num_threads(plan.run.threads)
    loaded, rows = started(inputs)
    torch.manual_seed(plan.run.seed)
    with in_training(plan, loaded, rows) as training:
        trial = trial_of(training, inputs.card, method=plan.train.method, threads=plan.run.threads)
        return range_test(trial, default_rate(inputs.card, method=plan.train.method), tell=tell)

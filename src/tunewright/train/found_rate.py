"""The learning rate that a plan asks to find: searched for once, before the training, and kept beside it.

In: TrainInputs and the training's folder. Out: the same inputs with a number, learning_rate.json. Its own file because
a training that goes on must not search again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch

from tunewright.core.events import NoteEvent, Tracker
from tunewright.train.default_rate import FIND, default_rate
from tunewright.train.given import started
from tunewright.train.inputs import TrainInputs
from tunewright.train.kept import found_once
from tunewright.train.loop import Training
from tunewright.train.range_test import RangeTest, holds, range_test, trial_of
from tunewright.train.ready import in_training

RATE = "learning_rate.json"


def with_rate(inputs: TrainInputs, *, work: Path, tell: Tracker) -> TrainInputs:
    """With the number that the plan asks to find: of this training's own earlier search, else searched for now."""
    plan, path = inputs.plan, work / RATE
    if plan.train.learning_rate != FIND:
        return inputs
    known = found_once(
        path,
        lambda: asdict(_searched(inputs, tell=tell)),
        fingerprint=inputs.fingerprint,
        words=lambda found: NoteEvent(
            f"learning rate {found['rate']:g}: {found['reason']}", "info" if found["is_found"] else "warning"
        ),
        tell=tell,
    )
    rate = plan.train.with_(learning_rate=known["rate"])
    return replace(inputs, plan=plan.with_(train=rate), rate_search=known)


def _searched(inputs: TrainInputs, *, tell: Tracker) -> RangeTest:
    """On a model of its own, which is thrown away; by this process alone where several train together."""
    plan = inputs.plan
    torch.set_num_threads(plan.run.threads)
    default = default_rate(inputs.card, method=plan.train.method)
    with _trial(inputs) as trial:
        found = range_test(trial, default, tell=tell)
    if found.rate <= default.value:
        return found
    with _trial(inputs) as trial:
        if holds(trial, found.rate):
            return found
    why = f"{found.rate:g} was found, and the loss rose at it: the default instead ({default.reason})"
    return replace(found, rate=default.value, is_found=False, reason=why)


@contextmanager
def _trial(inputs: TrainInputs) -> Iterator[Training]:
    loaded, rows = started(inputs)
    torch.manual_seed(inputs.plan.run.seed)
    with in_training(inputs.plan, loaded, rows) as training:
        yield trial_of(training, inputs.card, method=inputs.plan.train.method, threads=inputs.plan.run.threads)
    del loaded, training
    gc.collect()  # a second model beside the training's own would take its memory

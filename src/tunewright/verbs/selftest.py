"""Do masks, gradients, resume, merge and saving hold on this very model and data?

In: a plan. Out: Selftest: every promise with ok, failed or not run, the numbers and the limit. Its own file because
our tests prove the promises on tiny models, and a user's model may be the first of its kind.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.asked import whole_plan, with_data
from tunewright.contradictions import refuse_unsupported, refuse_untrained
from tunewright.core.events import ProgressEvent, Tracker, null_tracker
from tunewright.core.planfile import LoadedPlan, load_plan
from tunewright.core.probe import Probe
from tunewright.fingerprint import data_digests
from tunewright.prepare.refusal import refuse_leakage
from tunewright.prepare.stage import draft
from tunewright.verbs.example import example_folder

if TYPE_CHECKING:
    from tunewright.verbs.bench import Bench

EXIT_FAILED = 6
"""A promise is broken: no number that this model gives can be trusted. Source: EvalError's code."""
EXAMPLE_PLAN = "replies.yaml"
"""The shipped example whose task every probe concerns."""


@dataclass(frozen=True, slots=True)
class Selftest:
    """What was looked at, and what came of it."""

    model: str
    task: str
    method: str
    row_ids: tuple[str, ...]
    probes: tuple[Probe, ...]
    seconds: float

    @property
    def is_ok(self) -> bool:
        """Nothing failed, and something ran."""
        statuses = {probe.status for probe in self.probes}
        return "failed" not in statuses and "ok" in statuses


def selftest(loaded: LoadedPlan | None = None, *, tell: Tracker = null_tracker) -> Selftest:
    """Look at every promise, on a few rows and steps, in a temporary folder.

    loaded: None takes the shipped example with its own model.
    Raises TunewrightError for what would stop a run before training.
    """
    started = time.monotonic()
    loaded = whole_plan(loaded or load_plan(example_folder("support") / EXAMPLE_PLAN), tell=tell)
    refuse_unsupported(loaded.plan)
    data_digests(with_data(loaded), folder=loaded.folder)
    data = draft(loaded.plan, folder=loaded.folder, tell=null_tracker)
    refuse_leakage(data.refusal)
    deciding = importlib.import_module("tunewright.deciding")  # torch takes seconds: the data's faults do not wait
    benches = importlib.import_module("tunewright.verbs.bench")
    decided = deciding.decisions(loaded, data, tell=tell)
    plan = decided.resolved.plan
    refuse_untrained(plan)
    bench: Bench = benches.bench_of(data, decided)
    probes = tuple(probes_of(bench, tell=tell))
    ids = tuple(row.row_id for row in bench.looked.rows)
    return Selftest(plan.model.name, plan.task, plan.train.method, ids, probes, time.monotonic() - started)


def probes_of(bench: Bench, *, tell: Tracker = null_tracker) -> Iterator[Probe]:
    """Every promise, one after the other."""
    torch = importlib.import_module("torch")  # as above
    masks = importlib.import_module("tunewright.text.mask_probes")
    training = importlib.import_module("tunewright.verbs.training_probes")
    benches = importlib.import_module("tunewright.verbs.bench")
    torch.set_num_threads(bench.plan.run.threads)
    yield from masks.mask_probes(bench.looked)
    made = benches.trained(bench)
    for done, probe in enumerate(training.PROBES):
        tell(ProgressEvent("selftest", done, len(training.PROBES), unit="checks"))
        with tempfile.TemporaryDirectory(prefix="tunewright-selftest-") as work:
            yield probe(bench, made, Path(work))

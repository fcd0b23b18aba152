"""The system `scratch`: what the same architecture learns from the same rows when it starts from random weights.

In: the plan, what the tuned model's training took, a Trainer. Out: the answers, and how they were reached. Its own file
because it trains; the rules that make it fair stand in scratch_plan.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import NonFiniteLoss
from tunewright.core.events import NoteEvent
from tunewright.core.files import remove, write_json
from tunewright.core.plan import Plan
from tunewright.core.systems import SCRATCH, scratch_times
from tunewright.core.values import Prediction, Subject
from tunewright.evaluate.again import Scored, Trainer, read_scored, scored_once, trained_facts
from tunewright.evaluate.rivals.scratch_plan import Budget, budget_of, found_rate, scratch_plan


def from_scratch(
    system: str, plan: Plan, *, trainer: Trainer, answer: Callable[[Subject], tuple[Prediction, ...]]
) -> Scored:
    """The rate is found first, on trials of their own; then one training with it is scored. Steps that a stopped
    evaluation has done are not done again."""
    budget, path = budget_of(system, trainer.summary), scored_path(trainer.folder, system)
    trials = _Trials(system, plan, trainer, budget, path.parent)
    rate = found_rate(lambda rate: _loss(trials.tried(rate)))
    is_open = math.isinf(scratch_times(system))
    full = scratch_plan(plan, rate=rate, n_steps=budget.n_steps, is_open=is_open)
    trainer.tell(NoteEvent(f"{system}: {budget.n_steps:,} steps{' at most' if is_open else ''} at rate {rate:g}"))
    return scored_once(path, full, start="random", trainer=trainer, answer=answer)


def scratch_record(system: str, *, folder: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a finished one took, for metrics.json: its training, its trials, its budget.

    folder: of the evaluate stage.
    """
    path = scored_path(folder, system)
    trials = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(path.parent.glob("rate-*.json"))]
    budget = budget_of(system, summary).flops
    return {**read_scored(path).facts, "budget_flops": budget, "trials": sorted(trials, key=lambda one: one["rate"])}


def scored_path(folder: Path, system: str) -> Path:
    """Where the answers of a system's finished training are kept."""
    return folder / SCRATCH / (system.partition(":")[2] or "equal") / "answers.parquet"


@dataclass(frozen=True, slots=True)
class _Trials:
    """Short trainings of one system, each kept as rate-R.json."""

    system: str
    plan: Plan
    trainer: Trainer
    budget: Budget
    folder: Path

    def tried(self, rate: float) -> dict[str, Any]:
        path = self.folder / f"rate-{rate:g}.json"
        work = path.with_suffix("")
        if not path.is_file():
            n_steps = self.budget.n_trial_steps
            self.trainer.tell(NoteEvent(f"{self.system}: rate {rate:g} is tried for {n_steps:,} steps"))
            plan = scratch_plan(self.plan, rate=rate, n_steps=n_steps)
            plan = plan.with_(train=plan.train.with_(eval_steps=n_steps))
            try:
                facts, _ = trained_facts(plan, start="random", trainer=self.trainer, work=work)
            except NonFiniteLoss:
                facts = {}
            write_json(path, {"rate": rate, **facts})
        remove(work)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def _loss(trial: Mapping[str, Any]) -> float:
    """By validation, where there are rows for it; infinite for a rate at which the loss was none any more."""
    for name in ("validation_loss_nats", "train_loss_nats"):
        if trial.get(name) is not None:
            return float(trial[name])
    return math.inf

"""Which of several runs is better on the same test rows, and what else differs between them.

In: runs. Out: Compared: the shared rows, every pair on every metric with p values corrected for all of them, the plan
fields that differ, what each run cost. Its own file because it reads what finished runs left, and runs none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pyarrow.parquet as pq

from tunewright.core.errors import EvalError, PlanError, RunError
from tunewright.core.plan import SECTIONS, Plan, plan_dict
from tunewright.core.run import Run
from tunewright.core.values import Metric, Task
from tunewright.decided import Decided, read_decided, subject_of
from tunewright.evaluate.measures.definition import COMPARED, METRICS, OF_PROBABILITIES, TASK_METRICS
from tunewright.evaluate.metrics import metrics, of_these_rows
from tunewright.evaluate.statistics.between import Answered, Corrected, corrected, shared_rows
from tunewright.evaluate.statistics.compare import compare as pair_compared
from tunewright.evaluate.write import read_predictions
from tunewright.scored import test_set_uses

NOT_COMPARED = {
    **dict.fromkeys(OF_PROBABILITIES, "the probabilities of all labels are not kept in predictions.parquet"),
    **{name: "nothing is better or worse by it" for name in METRICS if name not in COMPARED},
}
"""Metrics by which finished runs are not held against each other, and why."""
NOT_A_DIFFERENCE = ("run.name",)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the runs."""

    run: str
    folder: str
    system: str
    """Whose answers are compared: tuned, or path:FOLDER."""
    model: str
    rows: int
    """Test rows of this run."""
    left_out: int
    """Of these, rows that not all runs have."""
    metrics: Mapping[str, Metric]
    """On the shared rows."""
    train_seconds: float | None
    """None: this run trained nothing."""
    peak_memory_bytes: int | None
    test_set_uses: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A plan field that the runs do not share."""

    field: str
    values: tuple[Any, ...]
    """In the order of the runs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What can be said of the runs together."""

    task: Task
    primary_metric: str
    rows: int
    """Shared test rows: everything is measured on these."""
    sides: tuple[Side, ...]
    comparisons: tuple[Corrected, ...]
    """Every pair on every metric, the primary metric first; a and b are run names."""
    not_compared: Mapping[str, str]
    """metric -> why."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Finished:
    """What a finished run left that matters here."""

    run: Run
    decided: Decided
    metrics: dict[str, Any]
    answered: Answered
    system: str


def compare(runs: Sequence[Run]) -> Compared:
    """Every pair of the runs by every metric that they share.

    Raises PlanError for fewer than two different runs, RunError for one that is not measured, EvalError when their
    tasks or labels differ or they share too few test rows.
    """
    _refuse_one(runs)
    finished = [_finished(run, name) for run, name in zip(runs, _names(runs), strict=True)]
    _refuse_different_work(finished)
    first = finished[0]
    task, labels, seed = first.decided.plan.task, first.decided.facts.labels, first.decided.plan.run.seed
    shared = shared_rows([one.answered for one in finished])
    names, not_compared = _metric_names(finished)
    measured = [
        metrics(answers, task=task, labels=labels, seed=seed, wanted=tuple(names)) for answers in shared.predictions
    ]
    comparisons = [
        pair_compared(a, b, metric=name, task=task, labels=labels, seed=seed)
        for name in of_these_rows(names, measured)
        for a, b in combinations(shared.predictions, 2)
    ]
    return Compared(
        task=task,
        primary_metric=names[0],
        rows=len(shared.predictions[0]),
        sides=tuple(map(_side, finished, measured, shared.left_out)),
        comparisons=corrected(comparisons),
        not_compared=not_compared,
        differences=differences([one.decided.plan for one in finished]),
    )


def differences(plans: Sequence[Plan]) -> tuple[Difference, ...]:
    """Fields of the resolved plans that are not the same everywhere, in the plan's order; a run's name is none."""
    found = []
    for section in SECTIONS:
        fields = [plan_dict(plan)[section] for plan in plans]
        for name in fields[0]:
            values = tuple(of[name] for of in fields)
            if f"{section}.{name}" not in NOT_A_DIFFERENCE and any(value != values[0] for value in values):
                found.append(Difference(f"{section}.{name}", values))
    return tuple(found)


def _refuse_one(runs: Sequence[Run]) -> None:
    where, fix = "command line", "tunewright runs"
    if len(runs) < 2:
        raise PlanError("compare takes two runs or more", where=where, fix=fix)
    folders = [run.folder for run in runs]
    twice = next((folder for folder in folders if folders.count(folder) > 1), None)
    if twice:
        raise PlanError(f"{twice.name} is named twice", where=where, fix=fix)


def _names(runs: Sequence[Run]) -> list[str]:
    """A run's name; its whole folder where two runs bear the same."""
    names = [run.name for run in runs]
    return [run.name if names.count(run.name) == 1 else str(run.folder) for run in runs]


def _finished(run: Run, name: str) -> _Finished:
    decided = read_decided(run)
    system = subject_of(run, decided).name
    if run.manifest().get("stages", {}).get("evaluate", {}).get("status") != "done":
        raise RunError(
            f"the run {run.name} is not measured yet",
            where=str(run.folder),
            fix=f"tunewright evaluate {run.folder / 'plan.yaml'}",
        )
    path = run.stage("evaluate") / "predictions.parquet"
    predictions = tuple(replace(p, system=name) for p in read_predictions(path) if p.system == system)
    asked = pq.read_table(path, columns=["row_id", "text"], filters=[("system", "=", system)]).to_pylist()
    return _Finished(
        run=run,
        decided=decided,
        metrics=json.loads((run.stage("evaluate") / "metrics.json").read_text(encoding="utf-8")),
        answered=Answered(name, predictions, {record["row_id"]: record["text"] or "" for record in asked}),
        system=system,
    )


def _refuse_different_work(finished: Sequence[_Finished]) -> None:
    fix = "tunewright runs"
    tasks = [one.decided.plan.task for one in finished]
    if len(set(tasks)) > 1:
        why = ", ".join(f"{one.answered.name}: {task}" for one, task in zip(finished, tasks, strict=True))
        raise EvalError("the runs learned different tasks", where="compare", why=why, fix=fix)
    first = set(finished[0].decided.facts.labels)
    for one in finished[1:]:
        if strange := first ^ set(one.decided.facts.labels):
            why = f"{finished[0].answered.name} and {one.answered.name} do not share {', '.join(sorted(strange)[:5])}"
            raise EvalError("the runs have different labels", where="compare", why=why, fix=fix)


def _metric_names(finished: Sequence[_Finished]) -> tuple[list[str], dict[str, str]]:
    """The primary metric, then what all runs report, in the task's order; and what cannot be compared."""
    plans = [one.decided.plan for one in finished]
    primary = plans[0].evaluate.primary_metric
    asked = [{*plan.evaluate.metrics, plan.evaluate.primary_metric} for plan in plans]
    wanted = [name for name in TASK_METRICS[plans[0].task] if all(name in of for of in asked)]
    wanted = [primary, *(name for name in wanted if name != primary)]
    names = [name for name in wanted if name not in NOT_COMPARED]
    if not names:
        raise EvalError(
            f"{wanted[0]} cannot be compared between runs",
            where="evaluate.metrics",
            why=NOT_COMPARED[wanted[0]],
            fix="tunewright evaluate PLAN 'evaluate.metrics=[accuracy, log_loss]'",
        )
    return names, {name: NOT_COMPARED[name] for name in wanted if name in NOT_COMPARED}


def _side(one: _Finished, measured: Mapping[str, Metric], left_out: int) -> Side:
    path = one.run.stage("train") / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8")) if one.system == "tuned" and path.is_file() else {}
    return Side(
        run=one.answered.name,
        folder=str(one.run.folder),
        system=one.system,
        model=one.decided.plan.model.name,
        rows=len(one.answered.predictions),
        left_out=left_out,
        metrics=measured,
        train_seconds=summary.get("seconds"),
        peak_memory_bytes=summary.get("peak_memory_bytes"),
        test_set_uses=max(test_set_uses(one.run), int(one.metrics.get("test_set_uses") or 0)),
    )

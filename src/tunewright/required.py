"""The gate of `evaluate.require`: what the evaluation says about each condition, the error when one is missed.

In: a run, its resolved plan. Out: Checked conditions, or RequirementsMissed. Its own file because a run that ends, an
export and a plan that is only just resolved ask the same question.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tunewright.core.errors import PlanError, RequirementsMissed
from tunewright.core.evaluate_plan import API
from tunewright.core.plan import Plan
from tunewright.core.registry import lookup
from tunewright.core.requirements import BETTER_THAN, FIELD, Checked, Condition, checked, conditions
from tunewright.core.run import Run
from tunewright.core.systems import subject_word
from tunewright.evaluate.measures.definition import METRICS, OF_LIKELIHOOD


def metrics_of(run: Run) -> dict[str, Any]:
    """metrics.json; empty when evaluate did not run."""
    path = run.stage("evaluate") / "metrics.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def requirements_of(run: Run, plan: Plan) -> tuple[Checked, ...]:
    """Every condition of the plan beside what the run measured."""
    return checked(conditions(plan.evaluate.require), metrics_of(run))


def refuse_missed(run: Run, found: Sequence[Checked]) -> None:
    """Raises RequirementsMissed when a condition is not met or was not measured."""
    missed = [one for one in found if not one.is_met]
    if missed:
        raise RequirementsMissed(
            f"{len(missed)} of {len(found)} requirements {'is' if len(missed) == 1 else 'are'} not met",
            folder=str(run.folder),
            where=FIELD,
            why="; ".join(f"{one.condition}: {one.found}" for one in missed),
            fix="more or cleaner rows, another model, or a plan that asks less; tunewright report shows the mistakes",
        )


def refuse_impossible(plan: Plan) -> None:
    """Raises PlanError for conditions that no run could meet: unreadable, of an unknown metric, out of its range."""
    for condition in conditions(plan.evaluate.require):
        if condition.rival:
            continue
        lookup(condition.name, dict.fromkeys((*METRICS, BETTER_THAN)), kind="condition", where=FIELD)
        top = METRICS[condition.name].top
        if condition.bound > top or (condition.bound == top and condition.sign == ">"):
            raise PlanError(
                f"{condition.name} never reaches {condition.bound:g}: it ends at {top:g}",
                where=f"{FIELD}.{condition.name}",
                fix=f"{FIELD}='{{{condition.name}: \"{condition.sign} {_within(condition, top):g}\"}}'",
            )


def refuse_unmeasured(plan: Plan) -> None:
    """Raises PlanError for conditions on what the resolved plan does not measure."""
    evaluate = plan.evaluate
    measured = dict.fromkeys((evaluate.primary_metric, *evaluate.metrics))
    if evaluate.scorer is None:
        measured.pop("scorer", None)
    rivals = [name for name in evaluate.systems if name != subject_word(plan)]
    for condition in conditions(evaluate.require):
        if condition.rival and condition.rival not in rivals:
            raise PlanError(
                f"{condition} is required, and {condition.rival} is not among the systems that are compared",
                where=f"{FIELD}.{BETTER_THAN}",
                why=f"the plan compares {subject_word(plan)} with {', '.join(rivals) or 'nothing'}",
                fix=f"evaluate.systems=[{', '.join((*evaluate.systems, condition.rival))}]"
                if condition.rival != subject_word(plan)
                else f"{FIELD}={{{BETTER_THAN}: base}}",
            )
        if condition.rival.startswith(API) and evaluate.primary_metric in OF_LIKELIHOOD:
            raise PlanError(
                f"{condition} is required, and {evaluate.primary_metric} cannot compare them",
                where=f"{FIELD}.{BETTER_THAN}",
                why="an address gives answers and neither likelihoods nor probabilities",
                fix=f"evaluate.primary_metric={'chrf' if plan.task == 'generate' else 'accuracy'}",
            )
        if not condition.rival and condition.name not in measured:
            raise PlanError(
                f"{condition} is required, and {condition.name} is not measured",
                where=f"{FIELD}.{condition.name}",
                why=f"the plan measures {', '.join(measured)}",
                fix=f"leave evaluate.metrics out, or name {condition.name} there, if it is a metric of {plan.task}",
            )


def _within(condition: Condition, top: float) -> float:
    """What was probably meant by 90: the share .9."""
    return condition.bound / 100 if top == 1.0 and 1 < condition.bound <= 100 else 0.9 * top

"""Whether answers are explained when nobody says so, and what that costs.

In: the plan, the card, facts of the data. Out: a Choice, or the refusal of what cannot be explained. Its own file
because it is asked before any work starts, by `resolve`, and so may load nothing heavy.
"""

from __future__ import annotations

from tunewright.core.errors import PlanError
from tunewright.core.plan import Plan
from tunewright.core.systems import trains
from tunewright.core.tasks import TASKS
from tunewright.core.values import Choice, DataFacts, ModelCard, Task

OCCLUSION = "occlusion"
LABEL_ERRORS = "label_errors"
METHODS = (OCCLUSION, LABEL_ERRORS)
TEXTS_A_ROW = 138
"""Texts that are scored for one row at most: the whole, 32 without a piece, 5 shares of 21 orders."""
PARAMETER_TOKENS_A_SECOND = 6e11
"""Measured on two cores in bfloat16: see docs/decisions/0007-words-against-random-words.md."""
MOST_SECONDS = 60
"""Dearer explanations are made only when asked for: a run shall not get much longer by what nobody asked."""


def methods_choice(plan: Plan, *, card: ModelCard, facts: DataFacts, mean_tokens: float) -> Choice:
    """explain.methods where the plan leaves it open: occlusion for labels, while it is cheap; never label_errors, which
    costs twice the training."""
    field, asking = "explain.methods", "tunewright explain RUN"
    if why := TASKS[plan.task].why_unexplained:
        return Choice(field, (), why)
    if plan.task == "generate":
        return Choice(field, (), f"every row takes a written answer first, so only when asked: {asking}")
    n_rows = min(plan.explain.rows, facts.n_rows.get("test", 0))
    seconds = occlusion_seconds(card, n_rows=n_rows, mean_tokens=min(mean_tokens, plan.prepare.max_length))
    cost = (
        f"{n_rows} test rows, up to {TEXTS_A_ROW} short questions each: about {max(1, round(seconds))} s on two cores"
    )
    if seconds > MOST_SECONDS:
        return Choice(field, (), f"{cost}, so only when asked: {asking}")
    dearer = "label_errors only when named: it trains three more models on two thirds of the rows each"
    return Choice(field, (OCCLUSION,), f"the words that carried an answer, against random words; {cost}; {dearer}")


def refuse_unexplained(task: Task, *, where: str = "task") -> None:
    """Raises PlanError: the answers of this task cannot be carried by words, or not yet be weighed."""
    if why := TASKS[task].why_unexplained:
        raise PlanError(
            f"answers of the task {task} are not explained",
            where=where,
            why=why,
            fix="leave explain out; tunewright trace RUN ROW_ID shows what the model sees of a row",
        )


def refuse_label_errors(plan: Plan) -> None:
    """Raises PlanError where label_errors is named and cannot be done: without labels, or without a training."""
    if plan.task == "classify" and trains(plan):
        return
    raise PlanError(
        "label_errors looks for wrong labels, and "
        + ("this plan trains nothing" if plan.task == "classify" else f"the task is {plan.task}"),
        where="explain.methods",
        why="it trains the plan's model three times more, each time without a third of the labelled rows",
        fix=f"explain.methods=[{OCCLUSION}]",
    )


def occlusion_seconds(card: ModelCard, *, n_rows: int, mean_tokens: float) -> float:
    """On two cores, at most: one forward pass over every token of every question."""
    return n_rows * TEXTS_A_ROW * mean_tokens * card.n_parameters / PARAMETER_TOKENS_A_SECOND

"""What differs between tasks, where it is a fact and no work.

In: nothing. Out: TASKS, one TaskFacts for each task. Its own file because a new task is a new line here, and whoever
asks "has it a head?" must not know the tasks by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.values import Task


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task."""

    has_head: bool
    """A layer of its own answers above what the model has read; else the language model's output layer writes."""
    loss_unit: str = "nats"
    """Of the training loss, for one target."""
    why_unexplained: str = ""
    """Why no words can be weighed for its answers; empty where they can."""
    same_answer: str = "the same first choice"
    """What two models agree in."""


TASKS: dict[Task, TaskFacts] = {
    "classify": TaskFacts(has_head=True),
    "multilabel": TaskFacts(
        has_head=True,
        why_unexplained="words are weighed by what one answer's probability loses; several labels are not one answer",
        same_answer="the same labels",
    ),
    "regress": TaskFacts(
        has_head=True,
        loss_unit="squared deviations of the training numbers",
        why_unexplained="words are weighed by what the probability of an answer loses, and a number has none",
        same_answer="the same number",
    ),
    "generate": TaskFacts(has_head=False),
    "text": TaskFacts(
        has_head=False, why_unexplained="a model of raw text gives no answer that words could have carried"
    ),
}

PROBLEMS: dict[Task, str] = {"multilabel": "multi_label_classification", "regress": "regression"}
"""transformers' words (problem_type) for heads that do not choose one class."""
LABELLED: tuple[Task, ...] = ("classify", "multilabel")
"""Their answers are names of classes."""


def has_head(task: Task) -> bool:
    return TASKS[task].has_head

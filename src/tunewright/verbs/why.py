"""Why a run's model answers one text as it does: the words that carried the answer.

In: a run and a text. Out: Why: the answer, its rivals, each word's weight, the check against random words. Its own file
because it asks a finished model anew, where `explain` is a stage of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.errors import DataError
from tunewright.core.run import Run
from tunewright.core.values import Row, Task
from tunewright.decided import Decided, read_decided, subject_of
from tunewright.explain.cost import refuse_unexplained
from tunewright.explain.explanation import Explaining, Explanation, explained
from tunewright.explain.stage import N_ORDERS
from tunewright.model.subject import load_subject
from tunewright.text.clean import clean_text
from tunewright.text.render import opening, said

TYPED = "typed"
"""Row id of a text that stands in no file."""
LABEL_ORDERS = 99
"""Random orders of one text when explaining is cheap: p-values to .01. A written answer costs more: as in the stage."""


@dataclass(frozen=True, slots=True)
class Why:
    """One text, its answer and what carried it."""

    run: str
    """Folder."""
    task: Task
    explanation: Explanation


def why(run: Run, text: str) -> Why:
    """The explanation of the model's answer to `text`, which is cleaned as the run's own rows were.

    Raises DataError for an empty text, PlanError for a model of raw text, RunError for a run that has no model yet.
    """
    decided = read_decided(run)
    subject = subject_of(run, decided)
    refuse_unexplained(subject.task)
    row = _row(clean_text(text), decided)
    explaining = Explaining(
        loaded=load_subject(subject),
        max_length=subject.max_length,
        max_new_tokens=decided.plan.evaluate.max_new_tokens,
        n_orders=LABEL_ORDERS if subject.task == "classify" else N_ORDERS,
        seed=decided.plan.run.seed,
    )
    found, _ = explained(row, explaining=explaining)
    return Why(str(run.folder), subject.task, found)


def _row(text: str, decided: Decided) -> Row:
    """The text as a row of the run's task: alone, or as a user's turn after the run's system message."""
    if not text:
        raise DataError(
            "there is no text to explain", where="command line", fix='tunewright why "I never got my parcel"'
        )
    if decided.plan.task == "classify":
        return Row(TYPED, text=text)
    return Row(TYPED, messages=(*opening(decided.plan.data.system), said(text)))

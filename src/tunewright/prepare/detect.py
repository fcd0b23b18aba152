"""What the columns mean: which task, which column is what, and why.

In: a table and what the plan names. Out: Shape with one Choice for each field left open, or DataError.
Its own file because a wrong guess here spoils everything after: each guess is named with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunewright.core.plan import Plan
from tunewright.core.values import Choice, Task
from tunewright.prepare.table import Table

Kind = Literal["labelled", "unlabelled", "prompt_completion", "alpaca", "messages", "sharegpt", "text"]


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows are read from a table's columns."""

    task: Task
    kind: Kind
    text_column: str | None = None
    label_column: str | None = None
    prompt_column: str | None = None
    input_column: str | None = None
    """alpaca: what the instruction is about; joined below it when not empty."""
    completion_column: str | None = None
    messages_column: str | None = None
    group_column: str | None = None
    choices: tuple[Choice, ...] = ()
    """One for each field that the user left open."""
    mapping: str = ""
    """One line to print: `text <- utterance, label <- intent`."""


def shape(table: Table, *, plan: Plan) -> Shape:
    raise NotImplementedError

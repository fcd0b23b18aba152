"""How rows are read from a table's columns.

In: nothing. Out: Shape, decided when a model is prepared and used again when it predicts. Its own file because
detection belongs to preparing, and predicting must read a file in exactly the way that training did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunewright.core.values import Choice, Task

Kind = Literal["labelled", "unlabelled", "prompt_completion", "alpaca", "messages", "sharegpt", "text"]
"""unlabelled: classify without a label column, which the plan must say (`label_column: null`)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which column is what."""

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
    slice_columns: tuple[str, ...] = ()
    """Kept beside each row as they are."""
    label_separator: str | None = None
    """multilabel: what stands between the labels of a cell; lists need none."""
    mends_mojibake: bool = True
    """Text that was read with the wrong encoding is put right (prepare.actions.mojibake)."""
    choices: tuple[Choice, ...] = ()
    """One for each field that the user left open."""
    mapping: str = ""
    """One line to print: `text <- utterance, label <- intent`."""

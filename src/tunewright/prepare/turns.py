"""Who speaks in the conversations of a split, and what of it is learned.

In: rows. Out: TurnAccount. Its own file because it is counted before a model is chosen: what its template makes of the
turns is another number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Row


@dataclass(frozen=True, slots=True)
class TurnAccount:
    """Counts of one split; a prompt and its answer are a conversation of two turns."""

    rows: int = 0
    turns: int = 0
    answers: int = 0
    """Assistant turns."""
    answers_trained: int = 0
    rows_with_system: int = 0
    rows_with_tools: int = 0
    """Rows in which a tool answers."""
    rows_of_several_answers: int = 0


def turn_account(rows: Sequence[Row]) -> TurnAccount:
    """
    >>> from tunewright.core.values import Message
    >>> turn_account([Row("train:1", messages=(Message("user", "hi"), Message("assistant", "Hello.", True)))]).turns
    2
    """
    n_answers = [sum(message.role == "assistant" for message in row.messages) for row in rows]
    return TurnAccount(
        rows=len(rows),
        turns=sum(len(row.messages) for row in rows),
        answers=sum(n_answers),
        answers_trained=sum(message.is_trained for row in rows for message in row.messages),
        rows_with_system=sum(any(message.role == "system" for message in row.messages) for row in rows),
        rows_with_tools=sum(any(message.role == "tool" for message in row.messages) for row in rows),
        rows_of_several_answers=sum(n > 1 for n in n_answers),
    )

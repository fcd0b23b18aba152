"""Records as what the model is asked: cleaned and rendered as in training, without the answers that training has.

In: records of a user's file, and how the run read its own. Out: for each record a row to ask, or why there is none.
Its own file because a file to predict lacks what a training file has: a label, an answer, a last assistant turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunewright.core.values import Dropped, Row
from tunewright.tables.convert import converted
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record, Table
from tunewright.tables.turns import ROLES, turns_of
from tunewright.text.render import prompt_of

_TO_COME = {"role": "assistant", "content": "?"}
"""Stands where the answer will be, so that a conversation that waits for one is read as training read whole ones."""


def asked(records: Sequence[Record | Dropped], *, shape: Shape, system: str | None = None) -> tuple[Row | Dropped, ...]:
    """One for each element, in order: a row, or Dropped when there is nothing to ask (empty, no_prompt, unreadable).

    shape: the run's own; labels and answers that the records have are left unread.
    A conversation is asked for the answer to its last user turn; a last assistant turn is the answer, and left out.
    system: system message put before conversations that have none.
    """
    bare = replace(shape, label_column=None, completion_column=None, group_column=None, slice_columns=())
    readable = tuple(_without_answer(record, shape) for record in records if isinstance(record, Record))
    made = converted(_table(readable), shape=bare, system=system)
    found: dict[str, Row | Dropped] = {drop.row_id: drop for drop in made.dropped}
    found |= {row.row_id: replace(row, messages=prompt_of(row.messages)) for row in made.rows}
    return tuple(record if isinstance(record, Dropped) else found[record.row_id] for record in records)


def _table(records: tuple[Record, ...]) -> Table:
    return Table(
        path=Path(),
        format="",
        columns=(),
        records=records,
        dropped=(),
        findings=(),
        repaired={},
        n_read=len(records),
        how="",
    )


def _without_answer(record: Record, shape: Shape) -> Record:
    turns = turns_of(record.values.get(shape.messages_column)) if shape.messages_column else None
    if turns is None:
        return record
    is_answered = _role(turns[-1]) == "assistant"
    return replace(record, values={str(shape.messages_column): [*(turns[:-1] if is_answered else turns), _TO_COME]})


def _role(turn: Mapping[str, Any]) -> str:
    return ROLES.get(str(turn.get("role") or turn.get("from") or "").strip().lower(), "")

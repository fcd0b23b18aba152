"""Records as rows: cleaned text with a label, or turns with the trained ones marked.

In: a table and its shape. Out: rows, and each record that does not go on with the reason.
Its own file because from here on nobody knows what format a row came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tunewright.core.label_sets import listed, set_text
from tunewright.core.scale import number_of, number_text
from tunewright.core.values import Change, Dropped, Finding, Message, Row
from tunewright.tables.notes import Note, cell_notes, changes, counts, label_notes, note_findings
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record, Table, cell_text
from tunewright.tables.turns import conversation, turns_of
from tunewright.tables.words import few
from tunewright.text.clean import clean_label, clean_text
from tunewright.text.marked import DETAIL_CHARACTERS
from tunewright.text.private import quoted

_SHOWN = DETAIL_CHARACTERS
"""Characters of a row that a drop shows."""


@dataclass(frozen=True, slots=True)
class Converted:
    """Rows of one table. rows + dropped = the table's records, always."""

    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...]
    """Without those that the table itself names."""
    repaired: dict[str, int]
    """Rows whose content was mended, by reason: spacing, characters, mojibake, turns_after_last_answer ..."""
    findings: tuple[Finding, ...]
    changes: tuple[Change, ...] = ()
    """Cells that say something else than in the file."""


def converted(table: Table, *, shape: Shape, system: str | None) -> Converted:
    """Every record as a row of its task, or as a drop.

    system: system message put before conversations that have none.
    """
    makers: dict[str, Callable[[Record, Shape, str | None, list[Note]], Row | Dropped]] = {
        "labelled": _labelled,
        "unlabelled": _labelled,
        "text": _document,
        "prompt_completion": _pair,
        "alpaca": _pair,
        "messages": _turns,
        "sharegpt": _turns,
    }
    make = makers[shape.kind]
    notes: list[Note] = []
    rows, dropped = [], []
    for record in table.records:
        said: list[Note] = []
        made = make(record, shape, system, said)
        if isinstance(made, Row):
            rows.append(replace(made, columns=_columns(record, shape)))
            notes += said  # of rows that go on: a dropped row has its own reason
        else:
            dropped.append(made)
    return Converted(
        rows=tuple(rows),
        dropped=tuple(dropped),
        repaired=counts(notes),
        findings=(*_findings(table, dropped), *note_findings(notes, path=table.path)),
        changes=changes(notes),
    )


def _labelled(record: Record, shape: Shape, system: str | None, notes: list[Note]) -> Row | Dropped:
    text = _clean(record, shape.text_column, shape, notes, field="text")
    label = _label(record, shape, notes) if shape.label_column else None
    if not text:
        return Dropped(record.row_id, "empty", f"label {label}" if label else "")
    if label == "":
        return Dropped(record.row_id, "no_label", text[:_SHOWN])
    if shape.task == "regress" and label is not None:
        number = number_of(label)
        if number is None:
            return Dropped(record.row_id, "not_a_number", label[:_SHOWN])
        label = number_text(number)
    return Row(record.row_id, text=text, label=label, group=_group(record, shape))


def _document(record: Record, shape: Shape, system: str | None, notes: list[Note]) -> Row | Dropped:
    text = _clean(record, shape.text_column, shape, notes, field="text")
    return Row(record.row_id, text=text, group=_group(record, shape)) if text else Dropped(record.row_id, "empty")


def _pair(record: Record, shape: Shape, system: str | None, notes: list[Note]) -> Row | Dropped:
    messages = [Message("system", clean_text(system))] if system and system.strip() else []
    place = len(messages) + 1
    asked_in = [name for name in (shape.prompt_column, shape.input_column) if name]
    asked = [_clean(record, name, shape, notes, field=f"message {place}") for name in asked_in]
    prompt = "\n\n".join(part for part in asked if part)
    answer = _answer(record, shape, notes, field=f"message {place + 1}")
    if not prompt:
        return Dropped(record.row_id, "empty" if not answer else "no_prompt", answer[:_SHOWN])
    if not answer and shape.completion_column:
        return Dropped(record.row_id, "no_answer", prompt[:_SHOWN])
    messages.append(Message("user", prompt))
    if answer:
        messages.append(Message("assistant", answer, is_trained=True))
    return Row(record.row_id, messages=tuple(messages), group=_group(record, shape))


def _turns(record: Record, shape: Shape, system: str | None, notes: list[Note]) -> Row | Dropped:
    cell = record.values.get(shape.messages_column or "")
    turns = turns_of(cell)
    if turns is None:
        is_empty = cell is None or cell == [] or (isinstance(cell, str) and not cell.strip())
        return Dropped(record.row_id, "empty" if is_empty else "unreadable", cell_text(cell)[:_SHOWN])
    made = conversation(turns, row_id=record.row_id, system=system, mends_mojibake=shape.mends_mojibake)
    if made.why_not:
        return Dropped(record.row_id, made.why_not, made.detail[:_SHOWN])
    notes += made.notes
    return Row(record.row_id, messages=made.messages, group=_group(record, shape))


def _group(record: Record, shape: Shape) -> str | None:
    return clean_label(cell_text(record.values.get(shape.group_column))) or None if shape.group_column else None


def _columns(record: Record, shape: Shape) -> tuple[tuple[str, str], ...]:
    cells = ((name, clean_label(cell_text(record.values.get(name)))) for name in shape.slice_columns)
    return tuple((name, cell) for name, cell in cells if cell)


def _label(record: Record, shape: Shape, notes: list[Note]) -> str:
    value = record.values.get(shape.label_column or "")
    if shape.task == "multilabel":
        return _label_set(record, value, shape, notes)
    if isinstance(value, list) and len(value) == 1:  # how sets of one label a row write it: [27]
        value = value[0]
    label, said = label_notes(record.row_id, cell_text(value))
    notes += said
    return label


def _label_set(record: Record, value: Any, shape: Shape, notes: list[Note]) -> str:
    """[] is a row that has none of the labels; an empty cell says nothing."""
    items, text = listed(value), cell_text(value)
    if items is None:
        items = text.split(shape.label_separator) if shape.label_separator else [text]
        if not text.strip():
            return ""
    labels = []
    for item in items:
        label, said = label_notes(record.row_id, cell_text(item).strip())
        notes += said
        labels.append(label)
    found = [label for label in labels if label]
    return set_text(found) if found or not items else ""


def _answer(record: Record, shape: Shape, notes: list[Note], *, field: str) -> str:
    value: Any = record.values.get(shape.completion_column or "")
    if isinstance(value, list) and len(value) > 1 and all(isinstance(item, str) for item in value):
        notes.append(Note(record.row_id, "first_of_several_answers"))  # a list of answers is a list of alternatives
        value = value[0]  # as in SciTLDR and SQuAD
    return _cell(record, value, shape, notes, field=field)


def _clean(record: Record, name: str | None, shape: Shape, notes: list[Note], *, field: str) -> str:
    return _cell(record, record.values.get(name) if name else None, shape, notes, field=field)


def _cell(record: Record, value: Any, shape: Shape, notes: list[Note], *, field: str) -> str:
    clean, said = cell_notes(record.row_id, cell_text(value), field=field, mends_mojibake=shape.mends_mojibake)
    notes += said
    return clean


def _findings(table: Table, dropped: list[Dropped]) -> tuple[Finding, ...]:
    """One for each reason that rows are left out for."""
    said = {
        "empty": "have no text",
        "no_label": "have no label",
        "not_a_number": "have no number that can be learned",
        "no_prompt": "have an answer but no prompt",
        "no_answer": "have no answer to learn from",
        "no_trained_turn": "have only answers of weight 0",
        "unreadable": "hold no conversation that can be read",
        "unknown_role": "have a turn of a role that nobody knows",
    }
    found = []
    for reason, n in Counter(drop.reason for drop in dropped).items():
        ids = tuple(drop.row_id for drop in dropped if drop.reason == reason)
        what, suggestion = said[reason], f"fill them in or delete them: {', '.join(ids[:5])}"
        if reason == "not_a_number":
            what += f" ({few(list(dict.fromkeys(quoted(drop.detail) for drop in dropped if drop.reason == reason)))})"
            suggestion = f"write 1234.5 without a unit or a comma, or another data.label_column: {', '.join(ids[:5])}"
        if reason == "unknown_role":
            what += f" ({few(list(dict.fromkeys(drop.detail for drop in dropped if drop.reason == reason)))})"
            suggestion = f"write system, user, assistant or tool for it: {', '.join(ids[:5])}"
        message = f"{n:,} of {table.n_read:,} rows of {table.path.name} {what} and are left out; first: {ids[0]}"
        found.append(Finding(reason, "warning", message, row_ids=ids, suggestion=suggestion, action="drop"))
    return tuple(found)

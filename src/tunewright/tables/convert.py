"""Records as rows: cleaned text with a label, or turns with the trained ones marked.

In: a table and its shape. Out: rows, and each record that does not go on with the reason.
Its own file because from here on nobody knows what format a row came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunewright.core.values import Dropped, Finding, Message, Row
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record, Table, cell_text
from tunewright.tables.turns import conversation, turns_of
from tunewright.text.clean import clean_label, clean_text

_SHOWN = 80
"""Characters of a row that a drop shows."""


@dataclass(frozen=True, slots=True)
class Converted:
    """Rows of one table. rows + dropped = the table's records, always."""

    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...]
    """Without those that the table itself names."""
    repaired: dict[str, int]
    """Rows whose content was mended, by reason: spacing, characters, turns_after_last_answer ..."""
    findings: tuple[Finding, ...]


def converted(table: Table, *, shape: Shape, system: str | None) -> Converted:
    """Every record as a row of its task, or as a drop.

    system: system message put before conversations that have none.
    """
    makers: dict[str, Callable[[Record, Shape, str | None, Counter[str]], Row | Dropped]] = {
        "labelled": _labelled,
        "unlabelled": _labelled,
        "text": _document,
        "prompt_completion": _pair,
        "alpaca": _pair,
        "messages": _turns,
        "sharegpt": _turns,
    }
    make = makers[shape.kind]
    repaired: Counter[str] = Counter()
    rows, dropped = [], []
    for record in table.records:
        made = make(record, shape, system, repaired)
        if isinstance(made, Row):
            rows.append(made)
        else:
            dropped.append(made)
    return Converted(tuple(rows), tuple(dropped), dict(repaired), _findings(table, dropped))


def _labelled(record: Record, shape: Shape, system: str | None, repaired: Counter[str]) -> Row | Dropped:
    text = _clean(record, shape.text_column, repaired)
    label = clean_label(cell_text(record.values.get(shape.label_column))) if shape.label_column else None
    if not text:
        return Dropped(record.row_id, "empty", f"label {label}" if label else "")
    if label == "":
        return Dropped(record.row_id, "no_label", text[:_SHOWN])
    return Row(record.row_id, text=text, label=label, group=_group(record, shape))


def _document(record: Record, shape: Shape, system: str | None, repaired: Counter[str]) -> Row | Dropped:
    text = _clean(record, shape.text_column, repaired)
    return Row(record.row_id, text=text, group=_group(record, shape)) if text else Dropped(record.row_id, "empty")


def _pair(record: Record, shape: Shape, system: str | None, repaired: Counter[str]) -> Row | Dropped:
    asked = [_clean(record, name, repaired) for name in (shape.prompt_column, shape.input_column) if name]
    prompt = "\n\n".join(part for part in asked if part)
    answer = _clean(record, shape.completion_column, repaired, is_answer=True)
    if not prompt:
        return Dropped(record.row_id, "empty" if not answer else "no_prompt", answer[:_SHOWN])
    if not answer and shape.completion_column:
        return Dropped(record.row_id, "no_answer", prompt[:_SHOWN])
    messages = [Message("system", clean_text(system))] if system and system.strip() else []
    messages.append(Message("user", prompt))
    if answer:
        messages.append(Message("assistant", answer, is_trained=True))
    return Row(record.row_id, messages=tuple(messages), group=_group(record, shape))


def _turns(record: Record, shape: Shape, system: str | None, repaired: Counter[str]) -> Row | Dropped:
    cell = record.values.get(shape.messages_column or "")
    turns = turns_of(cell)
    if turns is None:
        is_empty = cell is None or cell == [] or (isinstance(cell, str) and not cell.strip())
        return Dropped(record.row_id, "empty" if is_empty else "unreadable", cell_text(cell)[:_SHOWN])
    made = conversation(turns, system=system)
    if made.why_not:
        return Dropped(record.row_id, made.why_not, made.detail[:_SHOWN])
    repaired.update(made.repaired)
    return Row(record.row_id, messages=made.messages, group=_group(record, shape))


def _group(record: Record, shape: Shape) -> str | None:
    return clean_label(cell_text(record.values.get(shape.group_column))) or None if shape.group_column else None


def _clean(record: Record, name: str | None, repaired: Counter[str], *, is_answer: bool = False) -> str:
    value: Any = record.values.get(name) if name else None
    if is_answer and isinstance(value, list) and len(value) > 1 and all(isinstance(item, str) for item in value):
        repaired["first_of_several_answers"] += 1  # a list of answers is a list of alternatives (SciTLDR, SQuAD)
        value = value[0]
    text = cell_text(value)
    clean = clean_text(text)
    if clean != text:
        repaired[repair_of(text, clean)] += 1
    return clean


def repair_of(text: str, clean: str) -> str:
    """What cleaning changed: `spacing` only, or `characters`.

    >>> repair_of("a  b", "a b"), repair_of("cafÃ©", "café")
    ('spacing', 'characters')
    """
    return "spacing" if "".join(text.split()) == "".join(clean.split()) else "characters"


def _findings(table: Table, dropped: list[Dropped]) -> tuple[Finding, ...]:
    """One for each reason that rows are left out for."""
    said = {
        "empty": "have no text",
        "no_label": "have no label",
        "no_prompt": "have an answer but no prompt",
        "no_answer": "have no answer to learn from",
        "no_trained_turn": "have only answers of weight 0",
        "unreadable": "hold no conversation that can be read",
    }
    found = []
    for reason, n in Counter(drop.reason for drop in dropped).items():
        ids = tuple(drop.row_id for drop in dropped if drop.reason == reason)
        message = (
            f"{n:,} of {table.n_read:,} rows of {table.path.name} {said[reason]} and are left out; first: {ids[0]}"
        )
        suggestion = f"fill them in or delete them: {', '.join(ids[:5])}"
        found.append(Finding(reason, "warning", message, row_ids=ids, suggestion=suggestion, action="drop"))
    return tuple(found)

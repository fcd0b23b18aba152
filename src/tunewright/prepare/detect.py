"""What the columns mean: which task, which column is what, and why.

In: a table and what the plan names. Out: Shape with one Choice for each field left open, or DataError.
Its own file because a wrong guess here spoils everything after: each guess is named with its reason.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.label_sets import SEPARATORS, listed
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.tasks import has_head
from tunewright.core.values import Choice, Task
from tunewright.prepare.columns import Column, columns_of
from tunewright.prepare.groups import group_of
from tunewright.prepare.guess import Asked, Guess, guessed
from tunewright.tables.names import INPUT, plain
from tunewright.tables.shape import Kind, Shape
from tunewright.tables.table import Table, cell_text
from tunewright.tables.turns import turns_of

AUTO_WORD = "auto"
ROLES = ("text", "label", "prompt", "completion", "messages", "group")


def shape(table: Table, *, plan: Plan) -> Shape:
    """What the table's columns are for: what the plan names, the rest detected.

    Raises DataError: a named column is not there, or no column fits the task.
    """
    asked = _asked(plan)
    for role, name in asked.named.items():
        if name is not None and name not in table.columns:
            raise _no_column(name, field=f"data.{role}_column", table=table)
    for name in plan.data.slice_columns:
        if name not in table.columns:
            raise _no_column(name, field="data.slice_columns", table=table, is_list=True)
    columns = columns_of(table)
    guess = guessed(columns, asked=asked)
    if guess is None:
        raise _nothing_fits(asked.task, columns, table=table)
    found = {role: guess.columns.get(role) for role in ROLES}
    # "There is none" can be meant of a label or an answer (rows to predict) and of a group, not of what is read.
    may_be_none = ("label", "completion", "group")
    found |= {
        r: name for r, name in asked.named.items() if (name or r in may_be_none) and r in (*guess.columns, "group")
    }
    taken = [name for role, name in found.items() if name and role != "group"]
    if AUTO_WORD in found.values():
        raise _unsayable(table)
    together = group_of(columns, table=table, taken=taken, label=found["label"] if guess.task == "classify" else None)
    if "group" not in asked.named:
        found["group"] = together.column
    input_column = _input_column(columns, prompt=found["prompt"], taken=[*taken, found["group"]])
    made = Shape(
        task=guess.task,
        kind=_kind(guess.task, found, input_column, table=table),
        input_column=input_column,
        mapping=_mapping(found, input_column),
        label_separator=_separator(plan, guess.task, found["label"], table=table),
        slice_columns=plan.data.slice_columns,
        mends_mojibake=plan.prepare.actions.get("mojibake", "fix") == "fix",
        **{f"{role}_column": found[role] for role in ROLES},  # type: ignore[arg-type]
    )
    return replace(made, choices=_choices(plan, made, guess=guess, why_group=together.why, table=table))


def _separator(plan: Plan, task: Task, label: str | None, *, table: Table) -> str | None:
    """As the plan says; else the clearest that stands in a cell of the label column; None where cells are lists."""
    if task != "multilabel" or not is_auto(plan.data.label_separator):
        return None if is_auto(plan.data.label_separator) else plan.data.label_separator
    cells = [cell_text(cell) for r in table.records if listed(cell := r.values.get(label or "")) is None]
    return next((mark for mark in SEPARATORS if any(mark in cell for cell in cells)), None)


def _asked(plan: Plan) -> Asked:
    given = {role: getattr(plan.data, f"{role}_column") for role in ROLES}
    named = {role: name for role, name in given.items() if not is_auto(name)}
    return Asked(None if is_auto(plan.task) else plan.task, named)


def _input_column(columns: Sequence[Column], *, prompt: str | None, taken: Sequence[str | None]) -> str | None:
    """What stands below an instruction (Alpaca's input, Dolly's context) or a question (its context)."""
    wanted = {"instruction": INPUT, "question": ("context",)}.get(plain(prompt or ""), ())
    found = [
        c.name for c in columns if plain(c.name) in wanted and c.name not in taken and c.n_filled and not c.is_turns
    ]
    return found[0] if found else None


def _kind(task: Task, found: dict[str, str | None], input_column: str | None, *, table: Table) -> Kind:
    if task == "text":
        return "text"
    if has_head(task):
        return "labelled" if found["label"] else "unlabelled"
    if found["messages"] is None:
        return "alpaca" if input_column else "prompt_completion"
    cells = (record.values.get(found["messages"]) for record in table.records)
    turns = next((turns for turns in map(turns_of, cells) if turns), [])
    return "sharegpt" if any("from" in turn for turn in turns) else "messages"


def _mapping(found: dict[str, str | None], input_column: str | None) -> str:
    parts = {role: name for role, name in found.items() if name}
    if input_column and "prompt" in parts:
        parts["prompt"] = f"{parts['prompt']} + {input_column}"
    return ", ".join(f"{role} <- {name}" for role, name in parts.items())


def _choices(plan: Plan, made: Shape, *, guess: Guess, why_group: str, table: Table) -> tuple[Choice, ...]:
    """A choice for each field that the user left open."""
    choices = [Choice("task", made.task, guess.why_task)] if is_auto(plan.task) else []
    if is_auto(plan.data.format):
        choices.append(Choice("data.format", table.format, f"from the file's name and content ({table.how})"))
    if is_auto(plan.data.label_separator):
        mark, is_used = made.label_separator, made.task == "multilabel"
        why = f"the cells of {made.label_column} have it between their labels" if mark else "its cells are lists"
        choices.append(
            Choice("data.label_separator", mark, why if is_used else f"{made.task} rows have no several labels")
        )
    for role in ROLES:
        field = f"{role}_column"
        if not is_auto(getattr(plan.data, field)):
            continue
        value: Any = getattr(made, field)
        unused = f"{made.task} rows of this kind ({made.kind}) do not use it"
        choices.append(Choice(f"data.{field}", value, why_group if role == "group" else guess.why.get(role, unused)))
    return tuple(choices)


def _unsayable(table: Table) -> DataError:
    return DataError(
        f"a column called {AUTO_WORD} cannot be used",
        where=str(table.path),
        why=f"in a plan the word {AUTO_WORD} means: choose for me",
        fix=f"give the column {AUTO_WORD} another name in the file",
    )


def _no_column(name: str, *, field: str, table: Table, is_list: bool = False) -> DataError:
    near = difflib.get_close_matches(name.lower(), [c.lower() for c in table.columns], n=1, cutoff=0.5)
    meant = next((c for c in table.columns if near and c.lower() == near[0]), None)
    return DataError(
        f"there is no column {name!r}{f', did you mean {meant!r}?' if meant else ''}",
        where=f"{table.path} ({field})",
        why=f"its columns are {', '.join(table.columns)}",
        fix=f"{field}=[{meant or table.columns[0]}]" if is_list else f"{field}={meant or table.columns[0]}",
    )


def _nothing_fits(task: Task | None, columns: Sequence[Column], *, table: Table) -> DataError:
    """What was looked for, and what each column holds."""
    wanted = {
        "classify": "column of text beside a column of labels",
        "multilabel": "column of text beside a column of labels",
        "regress": "column of text beside a column of numbers",
        "generate": "columns of prompts and answers and no column of messages",
    }.get(task or "", "column of text")
    facts = "; ".join(f"{c.name}: {c.n_filled:,} filled, {c.n_distinct:,} different" for c in columns[:12])
    fixes = {
        "classify": "data.text_column=NAME data.label_column=NAME",
        "multilabel": "data.text_column=NAME data.label_column=NAME",
        "regress": "data.text_column=NAME data.label_column=NAME",
        "generate": "data.prompt_column=NAME data.completion_column=NAME, or data.messages_column=NAME",
    }
    return DataError(
        f"no {wanted} was found",
        where=str(table.path),
        why=f"its columns: {facts}",
        fix=f"name the columns: {fixes.get(task or '', 'data.text_column=NAME')}",
    )

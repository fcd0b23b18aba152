"""Which column of a new file the model is asked about.

In: a file's columns, the run's shape, the columns that the user named. Out: the shape to read this file by. Its own
file because a new file is rarely like the training file: the text has another name, or its lines have none at all.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from shlex import quote

from tunewright.core.errors import DataError, PlanError
from tunewright.core.values import Task
from tunewright.tables.names import TEXT, plain
from tunewright.tables.shape import Shape
from tunewright.tables.stream import Stream
from tunewright.tables.words import few

NAMEABLE = ("text_column", "prompt_column", "messages_column")
"""Fields of the plan's data section that say what is asked."""
_ASKED: Mapping[Task, tuple[str, ...]] = {
    "classify": ("text_column",),
    "multilabel": ("text_column",),
    "regress": ("text_column",),
    "generate": ("prompt_column", "messages_column"),
    "text": ("text_column",),
}
"""Those of them that a task uses."""


def shape_for(stream: Stream, *, shape: Shape, named: Mapping[str, str]) -> Shape:
    """The run's shape, with this file's column in it.

    named: those of NAMEABLE that the user gave. A run that learned conversations takes a column of prompts as well.
    The lines of a text file have no name: they are what is asked.
    Raises DataError when the column is not there, with the one that was probably meant; PlanError for one that this
    model is not asked by.
    """
    _refuse_unused(named, task=shape.task)
    is_lines = stream.format == "txt" and not named
    if shape.task == "generate" and ("prompt_column" in named or is_lines):
        shape = Shape("generate", "prompt_completion", prompt_column=named.get("prompt_column", "text"))
    elif shape.task == "generate" and "messages_column" in named:
        shape = Shape("generate", "messages", messages_column=named["messages_column"])
    elif shape.task != "generate":
        text = named.get("text_column", "text" if is_lines else shape.text_column)
        shape = replace(shape, text_column=text)
    field = next(name for name in NAMEABLE if getattr(shape, name))
    column = str(getattr(shape, field))
    if column not in stream.columns:
        raise _no_column(column, field=field, stream=stream)
    return shape


def _refuse_unused(named: Mapping[str, str], *, task: Task) -> None:
    used = _ASKED[task]
    unused = next((name for name in named if name not in used), "")
    if unused:
        raise PlanError(
            f"data.{unused} says nothing to this model",
            where="command line",
            why=f"a model of the task {task} is asked by {' or '.join(f'data.{name}' for name in used)}",
            fix=quote(f"data.{used[0]}={named[unused]}"),
        )
    if len(named) > 1:
        raise PlanError(
            "two columns are named to be asked",
            where="command line",
            why=" and ".join(f"data.{name}={column}" for name, column in named.items()),
            fix=f"leave out {quote(f'data.{used[1]}={named[used[1]]}')}",
        )


def _no_column(column: str, *, field: str, stream: Stream) -> DataError:
    near = _near(column, stream.columns)
    if field == "messages_column" and not near:
        field = "prompt_column"
    guess = near or next((name for name in stream.columns if plain(name) in TEXT), stream.columns[0])
    return DataError(
        f"there is no column {column}",
        where=str(stream.path),
        why=f"did you mean {near}?" if near else f"its columns are {few(stream.columns, most=12)}",
        fix=f"say which column is asked: {quote(f'data.{field}={guess}')}",
    )


def _near(column: str, columns: Sequence[str]) -> str:
    by_plain = {plain(name): name for name in columns}
    return next((by_plain[name] for name in difflib.get_close_matches(plain(column), by_plain, n=1)), "")

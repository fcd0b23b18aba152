"""Rows a few at a time, so that a long file never lies in memory.

In: rows one after the other, and how many and how much at once. Out: lists of them. Its own file because rows are of
any length: a chunk of two thousand tweets and one of two thousand books differ by a factor of a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from tunewright.core.values import Dropped
from tunewright.tables.table import Record

Item = TypeVar("Item")
NUMBER_CHARACTERS = 8
"""What a cell counts for that is neither text nor made of others: a number, a date."""


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """A chunk ends with the row that reaches either."""

    rows: int
    characters: int
    """Of all its cells. A row is never divided: one that is longer makes a chunk of its own."""


def chunks(rows: Iterable[Item], size: ChunkSize) -> Iterator[list[Item]]:
    """Every row once, in order; each chunk has at least one. Rows are records, drops, or dicts of cells."""
    chunk: list[Item] = []
    n_characters = 0
    for row in rows:
        chunk.append(row)
        n_characters += _characters(row)
        if len(chunk) == size.rows or n_characters >= size.characters:
            yield chunk
            chunk, n_characters = [], 0
    if chunk:
        yield chunk


def _characters(value: Any) -> int:
    """
    >>> _characters({"text": "abc", "turns": [{"role": "user"}]})
    20
    """
    if isinstance(value, Record):
        return _characters(value.values)
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _characters(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(_characters, value))
    return 0 if value is None or isinstance(value, Dropped) else NUMBER_CHARACTERS

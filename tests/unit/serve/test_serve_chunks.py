"""A long file is worked on a few rows at a time, and a few long ones are as much as many short ones."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.values import Dropped
from tunewright.serve.chunks import ChunkSize, chunks
from tunewright.tables.table import Record


def record(i: int, n_characters: int) -> Record:
    return Record(f"row:{i}", {"": "x" * n_characters})


@given(lengths=st.lists(st.integers(0, 30)), rows=st.integers(1, 5), characters=st.integers(1, 40))
def test_chunks_hold_every_row_once_and_no_more_than_they_may(lengths: list[int], rows: int, characters: int) -> None:
    records = [record(i, n) for i, n in enumerate(lengths)]

    found = list(chunks(records, ChunkSize(rows, characters)))

    assert [row for chunk in found for row in chunk] == records
    for chunk in found:
        assert 1 <= len(chunk) <= rows
        assert sum(len(row.values[""]) for row in chunk[:-1] if isinstance(row, Record)) < characters


def test_chunks_count_what_lies_inside_lists_and_rows_that_cannot_be_read_as_nothing() -> None:
    turns = Record("row:1", {"m": [{"role": "user", "content": "x" * 100}]})
    rows = [turns, Dropped("row:2", "ragged"), turns, record(3, 1)]

    found = list(chunks(rows, ChunkSize(rows=10, characters=150)))

    assert [len(chunk) for chunk in found] == [3, 1]


def test_chunks_take_no_row_before_the_one_in_hand_is_full() -> None:
    taken = []

    def rows() -> Iterator[Record]:
        for i in range(10):
            taken.append(i)
            yield record(i, 1)

    next(chunks(rows(), ChunkSize(rows=3, characters=1000)))

    assert taken == [0, 1, 2]

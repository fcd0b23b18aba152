"""A file's rows one after the other, as they stand in it.

In: a path. Out: Stream: its columns, how it is read, and an iterator of records and of rows that cannot be read.
Its own file because predicting must read what training read in the same way, and must not hold a file in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.values import Dropped, Finding
from tunewright.tables.read import read_table
from tunewright.tables.table import Record


@dataclass(frozen=True, slots=True)
class Stream:
    """One file, opened. Iterating reads it from the start, as often as it is asked to.

    Every row of the file comes out once, in file order: a Record, or Dropped(row_id, reason, detail) for a row that
    cannot be read (ragged, unreadable, repeated_header). Rows never raise. len(list(stream)) == stream.n_read.
    """

    path: Path
    format: str
    columns: tuple[str, ...]
    """Keys of the records' values; a record may lack some of them."""
    n_read: int
    """Rows, the unreadable ones included: what a progress bar counts up to."""
    how: str
    """One sentence to print: `tickets.csv: csv, comma, utf-8, 5,574 rows`."""
    findings: tuple[Finding, ...]
    """About the file as a whole: encoding, header, quotes, columns."""
    _rows: tuple[Record | Dropped, ...]

    def __iter__(self) -> Iterator[Record | Dropped]:
        return iter(self._rows)


def open_stream(
    path: Path, *, format: str | None = None, sheet: str | None = None, role: str = "row", tag: str = ""
) -> Stream:
    """A file, looked at and ready to be read row by row.

    format: csv, tsv, json, jsonl, parquet or txt; None: from the name and the content.
    sheet: of a spreadsheet; None: the first that has rows.
    role, tag: the first parts of every row id, `row:17` or `row:file.csv:17`.
    Raises DataError: missing, not a data file, damaged beyond reading, no rows.
    """
    table = read_table(path, role=role, format=format, tag=tag)
    rows = sorted((*table.records, *table.dropped), key=lambda row: int(row.row_id.rsplit(":", 1)[-1]))
    return Stream(path, table.format, table.columns, table.n_read, table.how, table.findings, tuple(rows))

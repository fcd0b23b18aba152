"""A file as a table: all its rows in memory.

In: a path and the data key it stands under. Out: Table, or DataError. Its own file because training looks at all rows
together (duplicates, leaks, splits) and says how many were left out and why; predicting takes them one by one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tunewright.tables.content import in_plan
from tunewright.tables.files import partition_cells
from tunewright.tables.remarks import formula_findings, mixed_findings, ragged_findings, unreadable_findings
from tunewright.tables.stream import open_stream
from tunewright.tables.table import Record, Table


def read_table(path: Path, *, role: str, format: str | None = None, sheet: str | None = None, tag: str = "") -> Table:
    """One file's rows as they are written, with what was wrong with it as findings.

    role: the data key, train, validation or test; the first part of every row id.
    format, sheet: as in open_stream.
    tag: the file's name in row ids when a role has several files.
    A value that the folders above the file say (lang=en) is a column unless the file has one of that name.
    Raises DataError: missing, not a data file, damaged beyond reading, no rows.
    """
    stream = open_stream(path, format=format, sheet=sheet, role=role, tag=tag, another=partial(in_plan, key=role))
    said = {name: cell for name, cell in partition_cells(path).items() if name not in stream.columns}
    records, dropped = [], []
    for row in stream:
        if isinstance(row, Record):
            records.append(Record(row.row_id, {**row.values, **said}) if said else row)
        else:
            dropped.append(row)
    return Table(
        path=path,
        format=stream.format,
        columns=(*stream.columns, *said),
        records=tuple(records),
        dropped=tuple(dropped),
        findings=(
            *stream.findings,
            *ragged_findings(path, dropped),
            *unreadable_findings(path, dropped, format=stream.format),
            *formula_findings(path, records),
            *(mixed_findings(path, records) if stream.format in ("json", "jsonl", "parquet") else ()),
        ),
        repaired={**stream.repaired, **_short(records, format=stream.format)},
        n_read=stream.n_read,
        how=stream.how,
    )


def _short(records: list[Record], *, format: str) -> dict[str, int]:
    """Rows with fewer cells than there are columns; in other formats a missing value is no fault."""
    n_short = sum(None in record.values.values() for record in records) if format in ("csv", "tsv") else 0
    return {"ragged": n_short} if n_short else {}

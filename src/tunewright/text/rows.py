"""Rows on disk: the Parquet files that stages hand to each other.

In: rows, or a file of the prepare stage. Out: a Parquet file, or the same rows again.
Its own file because prepare writes what train, evaluate and trace read, and stages do not import each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.errors import RunError
from tunewright.core.files import write_atomically
from tunewright.core.values import Dropped, Message, Row, Split

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string()), ("is_trained", pa.bool_())])
_COLUMN = pa.struct([("name", pa.string()), ("value", pa.string())])
_ROW = pa.schema(
    [
        ("row_id", pa.string()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("messages", pa.list_(_MESSAGE)),
        ("group", pa.string()),
        ("columns", pa.list_(_COLUMN)),
    ]
)
_DROPPED = pa.schema([("row_id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows in order; no label and no group are null."""
    records = [
        {
            "row_id": row.row_id,
            "text": row.text,
            "label": row.label,
            "messages": [{"role": m.role, "content": m.content, "is_trained": m.is_trained} for m in row.messages],
            "group": row.group,
            "columns": [{"name": name, "value": value} for name, value in row.columns],
        }
        for row in rows
    ]
    with write_atomically(path) as temporary:
        pq.write_table(pa.Table.from_pylist(records, schema=_ROW), temporary)


def read_rows(prepared: Path, split: Split) -> tuple[Row, ...]:
    """The rows that a finished prepare stage kept for one split.

    Raises RunError when the file is not there.
    """
    path = prepared / f"{split}.parquet"
    if not path.exists():
        raise RunError(f"{split}.parquet is missing", where=str(prepared), fix="tunewright run PLAN prepares it again")
    return tuple(
        Row(
            row_id=record["row_id"],
            text=record["text"] or "",
            label=record["label"],
            messages=tuple(Message(**message) for message in record["messages"] or ()),
            group=record["group"],
            columns=tuple((cell["name"], cell["value"]) for cell in record.get("columns") or ()),
        )
        for record in pq.read_table(path).to_pylist()
    )


def write_dropped(path: Path, dropped: Sequence[Dropped]) -> None:
    records = [{"row_id": d.row_id, "reason": d.reason, "detail": d.detail} for d in dropped]
    with write_atomically(path) as temporary:
        pq.write_table(pa.Table.from_pylist(records, schema=_DROPPED), temporary)

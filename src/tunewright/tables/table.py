"""A file as records: columns and cells, before anybody knows what they mean.

In: nothing. Out: Record, Table, and a cell's text. Its own file because every format is read into it and everything
after reads it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.values import Dropped, Finding

MAX_EXACT = 2.0**53
"""Above it a float is no longer a whole number for sure. Source: IEEE 754 double, 53 bits."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file as it was written."""

    row_id: str
    values: dict[str, Any]
    """Cells by column: text in delimited files, any JSON value elsewhere. A missing cell has no key or is None."""


@dataclass(frozen=True, slots=True)
class Table:
    """One file, read. n_read = records + dropped, always."""

    path: Path
    format: str
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    dropped: tuple[Dropped, ...]
    """Rows that could not be read; their ids follow the same rule as the others'."""
    findings: tuple[Finding, ...]
    repaired: dict[str, int]
    """What was mended in the file's form, by reason: ragged, nul_bytes, stray_quotes."""
    n_read: int
    how: str
    """One sentence to print: `tickets.csv: csv, comma, utf-8, 5,574 rows`."""


def cell_text(value: Any) -> str:
    """A cell as text; empty when there is none.

    Whole floats lose their point (Parquet makes 1 into 1.0 beside a missing cell), lists of texts are joined.

    >>> cell_text(1.0), cell_text(["One.", "Two."]), cell_text(None)
    ('1', 'One. Two.', '')
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)

"""A file as records: columns and cells, before anybody knows what they mean.

In: nothing. Out: Record and Table. Its own file because every format is read into it and everything after reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core.values import Dropped, Finding


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
    n_read: int
    how: str
    """One sentence to print: `tickets.csv: csv, comma, utf-8, 5,574 rows`."""
    repaired: dict[str, int] = field(default_factory=dict)
    """Rows whose form was mended, by reason: ragged, nul_bytes ..."""

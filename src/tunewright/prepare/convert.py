"""Records as rows: cleaned text with a label, or turns with the trained ones marked.

In: a table and its shape. Out: rows, and each record that does not go on with the reason.
Its own file because from here on nobody knows what format a row came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tunewright.core.values import Dropped, Finding, Row
from tunewright.prepare.detect import Shape
from tunewright.prepare.table import Table


@dataclass(frozen=True, slots=True)
class Converted:
    """Rows of one table. rows + dropped = records, always."""

    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...]
    """Without those of the table itself."""
    findings: tuple[Finding, ...] = ()
    repaired: dict[str, int] = field(default_factory=dict)
    """Rows whose content was mended, by reason: text_repaired, last_turn_cut ..."""


def converted(table: Table, *, shape: Shape, system: str | None) -> Converted:
    raise NotImplementedError

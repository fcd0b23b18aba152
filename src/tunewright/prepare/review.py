"""Suspicious rows as a table that a person fills in.

In: suspects and the rows. Out: review.csv. Its own file because it is written for a spreadsheet: one line a row, in
plain words, with private data masked and no cell that a spreadsheet would compute.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from tunewright.core.files import write_text
from tunewright.core.values import Row
from tunewright.prepare.checks.check import Suspect
from tunewright.prepare.keys import text_of
from tunewright.text.private import masked

COLUMNS = ("row_id", "text", "label", "suggestion", "reason", "decision")
SHOWN_CHARACTERS = 500
"""Of a text; enough to decide, and a line still fits a screen."""


def write_review(path: Path, suspects: Sequence[Suspect], *, rows: Mapping[str, Row]) -> None:
    """One line for each suspicious row that is still there, the most suspicious first; `decision` is empty.

    rows: by row id; a suspect without a row was left out already.
    """
    by_row: dict[str, list[Suspect]] = {}
    for suspect in suspects:
        by_row.setdefault(suspect.row_id, []).append(suspect)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row_id, about in by_row.items():
        if row_id in rows:
            writer.writerow([as_text(cell) for cell in _line(rows[row_id], about)])
    write_text(path, out.getvalue())


def as_text(cell: str) -> str:
    """With an apostrophe in front where a spreadsheet would compute. Source: OWASP, CSV injection.

    >>> as_text("=1+1"), as_text("fine")
    ("'=1+1", 'fine')
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell


def _line(row: Row, about: Sequence[Suspect]) -> tuple[str, ...]:
    text = masked(text_of(row))
    text = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "\u2026"
    suggestion = next((suspect.suggestion for suspect in about if suspect.suggestion), "")
    reasons = "; ".join(f"{suspect.check.replace('_', ' ')}: {masked(suspect.reason)}" for suspect in about)
    return row.row_id, text, row.label or "", suggestion, reasons, ""

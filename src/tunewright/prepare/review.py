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


def write_review(
    path: Path, suspects: Sequence[Suspect], *, rows: Mapping[str, Row], decided: Sequence[Sequence[str]] = ()
) -> None:
    """The lines that were decided, then one for each suspicious row that is still there, the most suspicious first,
    with an empty `decision`.

    rows: by row id; a suspect without a row was left out already. decided: cells in the order of COLUMNS.
    """
    by_row: dict[str, list[Suspect]] = {}
    for suspect in suspects:
        by_row.setdefault(suspect.row_id, []).append(suspect)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([as_text(cell) for cell in line] for line in decided)
    for row_id, about in by_row.items():
        if row_id in rows:
            writer.writerow([as_text(cell) for cell in _line(rows[row_id], about)])
    write_text(path, out.getvalue())


def n_undecided(path: Path) -> int:
    """Lines of a review.csv of ours without a decision; 0 when there is no such file."""
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", newline="") as file:
        return sum(not line["decision"].strip() for line in csv.DictReader(file))


def as_text(cell: str) -> str:
    """With an apostrophe in front where a spreadsheet would compute. Source: OWASP, CSV injection.

    >>> as_text("=1+1"), as_text("fine")
    ("'=1+1", 'fine')
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell


def shown_text(row: Row) -> str:
    """What a line says of its row: private data masked, cut to what fits a screen."""
    text = masked(text_of(row))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "\u2026"


def _line(row: Row, about: Sequence[Suspect]) -> tuple[str, ...]:
    suggestion = next((suspect.suggestion for suspect in about if suspect.suggestion), "")
    reasons = "; ".join(f"{suspect.check.replace('_', ' ')}: {masked(suspect.reason)}" for suspect in about)
    return row.row_id, shown_text(row), row.label or "", suggestion, reasons, ""

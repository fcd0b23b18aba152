"""Suspicious rows as a table that a person fills in.

In: suspects and the rows. Out: review.csv. Its own file because it is written for a spreadsheet: one line a row, in
plain words, with private data masked and no cell that a spreadsheet would compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tunewright.core.values import Row
from tunewright.prepare.checks.check import Suspect
from tunewright.prepare.keys import text_of
from tunewright.text.private import masked
from tunewright.text.review_table import shown_text, write_table


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
    lines = (_line(rows[row_id], about) for row_id, about in by_row.items() if row_id in rows)
    write_table(path, [*decided, *lines])


def _line(row: Row, about: Sequence[Suspect]) -> tuple[str, ...]:
    suggestion = next((suspect.suggestion for suspect in about if suspect.suggestion), "")
    reasons = "; ".join(f"{suspect.check.replace('_', ' ')}: {masked(suspect.reason)}" for suspect in about)
    return row.row_id, shown_text(text_of(row)), row.label or "", suggestion, reasons, ""

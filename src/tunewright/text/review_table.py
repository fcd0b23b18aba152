"""The table in which a person decides about suspicious rows.

In: cells. Out: a CSV file of the columns that `prepare.review` reads. Its own file because preparing and explaining
both write one, and a person must be able to give either back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from tunewright.core.files import write_text
from tunewright.text.private import masked_start

COLUMNS = ("row_id", "text", "label", "suggestion", "reason", "decision")
SHOWN_CHARACTERS = 500
"""Of a text; enough to decide, and a line still fits a screen."""


def write_table(path: Path, lines: Iterable[Sequence[str]]) -> None:
    """lines: cells in the order of COLUMNS; none of them is one that a spreadsheet would compute."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([as_text(cell) for cell in line] for line in lines)
    write_text(path, out.getvalue())


def n_undecided(path: Path) -> int:
    """Lines of a table of ours without a decision; 0 when there is no such file."""
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


def shown_text(text: str) -> str:
    """What a line says of its row: private data masked, cut to what fits a screen."""
    told = masked_start(text, least=SHOWN_CHARACTERS + 1)
    return told if len(told) <= SHOWN_CHARACTERS else told[: SHOWN_CHARACTERS - 1] + "\u2026"

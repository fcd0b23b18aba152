"""review.csv: one line a suspicious row, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.unit.prepare.some_rows import labelled
from tunewright.prepare.checks.check import Suspect
from tunewright.prepare.review import write_review
from tunewright.text.review_table import COLUMNS, SHOWN_CHARACTERS


def test_review_has_a_line_for_each_row_with_its_reasons_and_an_empty_decision(tmp_path: Path) -> None:
    rows = labelled([("=cmd() of ann@example.org", "x"), ("a" * 900, "y")])
    suspects = [
        Suspect("train:3", "lengths", "900 characters"),
        Suspect("train:2", "label_errors", "'x' looks like 'y'", "y"),
        Suspect("train:3", "label_spelling", "odd", "z"),
        Suspect("train:99", "lengths", "left out before"),
    ]
    write_review(tmp_path / "review.csv", suspects, rows={row.row_id: row for row in rows})
    with (tmp_path / "review.csv").open(encoding="utf-8", newline="") as file:
        head, *lines = list(csv.reader(file))
    assert tuple(head) == COLUMNS
    assert lines == [
        ["train:3", "a" * (SHOWN_CHARACTERS - 1) + "…", "y", "z", "lengths: 900 characters; label spelling: odd", ""],
        ["train:2", "'=cmd() of [email]", "x", "y", "label errors: 'x' looks like 'y'", ""],
    ]

"""The report stage: a run folder becomes a page and a model card.

In: a run folder, finished or not. Out: report.html, rows.html and README.md in it. Its own file because it is the one
that writes.
"""

from __future__ import annotations

from pathlib import Path

from tunewright.core.files import remove, write_text
from tunewright.report.card import model_card_markdown
from tunewright.report.page import report_html
from tunewright.report.read import read_run
from tunewright.report.rows import ROWS, rows_html


def write_report(run_folder: Path) -> Path:
    """Write the files, each whole or not at all, and return the report's path.

    rows.html is there where rows can be held against a rival.

    A stage that did not run is said on the page, not an error.
    Raises RunError when the folder is not there, a file in it is damaged, or the disk is full.
    """
    run = read_run(run_folder)
    write_text(run_folder / "README.md", model_card_markdown(run))
    rows = rows_html(run)
    if rows:
        write_text(run_folder / ROWS, rows)
    else:
        remove(run_folder / ROWS)  # of an evaluation that is no longer this run's
    path = run_folder / "report.html"
    write_text(path, report_html(run))
    return path


def card_beside_model(run_folder: Path) -> str:
    """The model card as it lies in a folder with the whole model, whatever the run's own folder holds."""
    return model_card_markdown(read_run(run_folder), is_beside_model=True)

"""The report stage: a run folder becomes a page and a model card.

In: a run folder, finished or not. Out: report.html and README.md in it. Its own file because it is the one that writes.
"""

from __future__ import annotations

from pathlib import Path

from tunewright.core.files import write_text
from tunewright.report.card import model_card_markdown
from tunewright.report.page import report_html
from tunewright.report.read import read_run


def write_report(run_folder: Path) -> Path:
    """Write both files, each whole or not at all, and return the page's path.

    A stage that did not run is said on the page, not an error.
    Raises RunError when the folder is not there, a file in it is damaged, or the disk is full.
    """
    run = read_run(run_folder)
    write_text(run_folder / "README.md", model_card_markdown(run))
    path = run_folder / "report.html"
    write_text(path, report_html(run))
    return path

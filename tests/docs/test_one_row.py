"""docs/one_row.md is executed: every block's output is what the code prints, at all six stops."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "one_row.md"
STOPS = (
    *("tables/read.py", "text/render.py", "text/encode.py"),
    *("train/loop.py", "evaluate/score.py", "evaluate/metrics.py"),
)


def test_one_row_prints_what_the_page_says(tiny_encoder: Path) -> None:
    folder = PAGE.parents[1] / "examples" / "support"
    names = {"folder": folder, "model": tiny_encoder}
    found = doctest.testfile(str(PAGE), module_relative=False, globs=names, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 20
    assert found.failed == 0


def test_one_row_visits_the_six_files_in_order() -> None:
    headings = re.findall(r"^## \d\. `src/tunewright/(.+?)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert tuple(headings) == STOPS

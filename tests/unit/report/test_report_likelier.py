"""Words that became likelier: a factor, in how many rows, and bold only where it is clear."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.likelier import factor_text, likelier_of
from tunewright.report.page import report_html
from tunewright.report.read import read_run


def test_words_are_shown_with_factor_rows_and_what_is_clear(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "replies", task="generate"))
    found = likelier_of(run)
    assert found is not None
    (more, gained), (less, lost) = found.lists
    assert (more, less) == ("More likely than before", "Less likely")
    assert [(line.word, line.factor, line.rows, line.is_clear) for line in (*gained, *lost)] == [
        ("parcel", "× 3.2", "20 of 20", True),
        ("<b>day", "× 1.1", "12 of 20", False),
        ("assistant", "× 0.5", "8 of 20", False),
    ]
    assert gained[0].interval == "× 2.7 to × 4"  # 3.24 e^-.2 = 2.65, 3.24 e^.2 = 3.96
    assert (
        "Of 31 words that stand in the references of 5 test rows or more, 1 became clearly likelier" in found.sentence
    )
    page = report_html(run)
    assert "<strong><bdi>parcel</bdi></strong>" in page
    assert "&lt;b&gt;day" in page
    assert "<b>day" not in page


def test_page_of_a_classifier_says_nothing_of_words(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "tickets"))
    assert likelier_of(run) is None
    assert "wording" not in report_html(run).replace("#wording tbody", "")


@pytest.mark.parametrize(
    ("factor", "text"),
    [(1.0, "× 1"), (12.34, "× 12"), (0.0123, "× 0.012"), (5_000.0, "× 1,000 +"), (250.0, "× 250")],
)
def test_factor_has_two_digits(factor: float, text: str) -> None:
    assert factor_text(math.log(factor)) == text


def test_factor_of_an_impossible_word_is_a_number() -> None:
    assert factor_text(-1e9).startswith("× 0")

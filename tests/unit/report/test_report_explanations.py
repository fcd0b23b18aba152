"""The section on single answers: what is not better than random has no colours, and data cannot act."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.explanations import SHOWN_CHARACTERS, explanations_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "tickets")


def section(folder: Path) -> str:
    html = write_report(folder).read_text(encoding="utf-8")
    found = re.search(r'<section id="explanations">.*?</section>', html, re.S)
    return found.group(0) if found else ""


def change(folder: Path, **values: Any) -> None:
    path = folder / "explain/explanations.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def rows_with(folder: Path, **values: Any) -> list[dict[str, Any]]:
    rows = json.loads((folder / "explain/explanations.json").read_text())["rows"]
    return [{**row, **values} for row in rows]


def test_words_are_shaded_by_sign_and_share_of_the_heaviest(folder: Path) -> None:
    found = explanations_of(read_run(folder))
    assert found is not None
    first = found.rows[0]
    assert [(piece.word, piece.kind) for piece in first.pieces[:3]] == [
        *(("Hello,", "for-4"), ("this", "against-2"), ("is", "")),
    ]
    assert first.pieces[0].note == "+1.20 nats"
    assert first.listed.replace("\N{NO-BREAK SPACE}", " ") == "Hello +1.20, this −0.60, is +0.010"


def test_no_word_is_shaded_when_random_words_do_as_well(folder: Path) -> None:
    found = explanations_of(read_run(folder))
    assert found is not None
    grey = [row for row in found.rows if not row.is_better_than_random]
    assert len(grey) == 2
    assert not [piece for row in grey for piece in row.pieces if piece.kind or piece.note]
    assert not any(row.listed for row in grey)
    assert section(folder).count("explained unproven") == 2


def test_text_is_whole_when_it_fits_and_its_rest_is_counted_when_not(folder: Path) -> None:
    text = "word " * 600
    pieces = [{"text": "word ", "turn": 0, "importance_nats": 0.0}] * 600
    change(folder, rows=rows_with(folder, pieces=pieces))
    found = explanations_of(read_run(folder))
    assert found is not None
    shown = "".join(piece.word + piece.gap for piece in found.rows[0].pieces)
    assert len(shown) + found.rows[0].more == len(text)
    assert SHOWN_CHARACTERS < len(shown) <= SHOWN_CHARACTERS + 5


def test_turns_of_a_conversation_stand_apart(folder: Path) -> None:
    pieces = [{"text": "one", "turn": 0, "importance_nats": 0.1}, {"text": "two", "turn": 2, "importance_nats": 0.2}]
    change(folder, rows=rows_with(folder, pieces=pieces))
    found = explanations_of(read_run(folder))
    assert found is not None
    assert [piece.gap for piece in found.rows[0].pieces] == ["\n\n", ""]


def test_weights_of_a_text_that_could_not_be_weighed_are_left_out(folder: Path) -> None:
    pieces = [{"text": "refund", "turn": 0, "importance_nats": None}]
    change(folder, rows=rows_with(folder, pieces=pieces, is_better_than_random=False))
    assert "refund" in section(folder)
    assert "nan" not in section(folder)


def test_section_says_what_to_type_when_nothing_was_explained(folder: Path) -> None:
    (folder / "explain/explanations.json").unlink()
    assert "Explanations: not run." in section(folder)
    assert "tunewright explain tickets" in section(folder)


@pytest.mark.parametrize(
    ("task", "why"),
    [("text", "raw text gives no answer"), ("regress", "a number has none"), ("multilabel", "not one answer")],
)
def test_section_says_why_when_answers_of_the_task_are_not_explained(task: str, why: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "documents")
    (folder / "explain/explanations.json").unlink()
    for name in ("evaluate/metrics.json", "prepare/facts.json"):
        (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), "task": task}))
    assert "not run" in section(folder)
    assert why in section(folder)


def test_old_explanations_are_not_shown_when_training_was_done_again(folder: Path) -> None:
    manifest = json.loads((folder / "run.json").read_text())
    manifest["stages"]["explain"] = {"status": "outdated"}
    (folder / "run.json").write_text(json.dumps(manifest))
    assert "Explanations: not run." in section(folder)


def test_data_cannot_act_when_words_hold_markup(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> tail"
    html = section(write_run(tmp_path / "tickets", text=hostile))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html

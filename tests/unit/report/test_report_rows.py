"""rows.html: every test row with its kind, fixed and broken first, private values masked, no data that could run."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.read import read_run
from tunewright.report.rows import ROWS, rows_html, rows_of
from tunewright.report.scripted import data_block
from tunewright.report.stage import write_report


def change_lines(run: Path, change: dict[str, object], *, n: int | None = None) -> None:
    """Of predictions.parquet, the first n."""
    path = run / "evaluate/predictions.parquet"
    lines = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist([line | change for line in lines[:n]] + lines[len(lines[:n]) :]), path)


def test_every_row_is_fixed_broken_or_the_same_as_the_answers_say(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "tickets"))
    right = {
        system: {line["row_id"]: line["is_correct"] for line in run.answers if line["system"] == system}
        for system in ("tuned", "base")
    }
    names = {(False, True): "fixed", (True, False): "broken", (False, False): "still wrong", (True, True): "right"}
    expected = {row_id: names[right["base"][row_id], is_right] for row_id, is_right in right["tuned"].items()}
    shown = rows_of(run)
    assert {row.id: row.kind for row in shown} == expected
    assert len(shown) == 360
    page = rows_html(run)
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    kinds = [row[1] for row in json.loads(block)]
    assert kinds == sorted(kinds, key=["fixed", "broken", "still wrong", "right"].index)
    for kind, n in Counter(kinds).items():
        assert re.search(rf'data-kind="{kind}"[^>]*>[^<]*<small>{n}</small>', page)


def test_written_answers_stand_by_how_much_likelier_the_reference_became(tmp_path: Path) -> None:
    shown = rows_of(read_run(write_run(tmp_path / "replies", task="generate")))
    gains = [float(row.note.split()[0]) for row in shown]
    assert [abs(gain) for gain in gains] == sorted(map(abs, gains), reverse=True)
    assert {(row.kind, gain > 0) for row, gain in zip(shown, gains, strict=True)} <= {
        ("likelier", True),
        ("less likely", False),
    }


def test_page_lies_beside_the_report_which_names_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "tickets")
    report = write_report(folder)
    assert (folder / ROWS).is_file()
    assert "<code>rows.html</code>" in report.read_text(encoding="utf-8")


def test_page_goes_when_nothing_can_be_held_against_a_rival_any_more(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "tickets")
    write_report(folder)
    change_lines(folder, {"system": "tuned"})
    report = write_report(folder)
    assert not (folder / ROWS).exists()
    assert "rows.html" not in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_private_values_are_masked_and_long_texts_cut(tmp_path: Path, task: str) -> None:
    folder = write_run(tmp_path / "run", task=task)
    change_lines(folder, {"text": "I am ann@example.org " + "w" * 3000, "answer": "call +49 30 901820"})
    page = rows_html(read_run(folder))
    assert "I am [email]" in page
    assert "more characters)" in page
    assert "ann@example.org" not in page
    assert "901820" not in page


def test_answers_without_a_verdict_are_of_a_kind_of_their_own(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "tickets")
    change_lines(folder, {"is_correct": None}, n=1)
    assert Counter(row.kind for row in rows_of(read_run(folder)))["unknown"] == 1


def test_data_cannot_end_its_block() -> None:
    hostile = "</script><!-- <script>&\u2028\x00"
    block = data_block({"text": [hostile]})
    assert not re.search("[<>&\x00]", block)
    assert json.loads(block) == {"text": [hostile.replace("\x00", "␀")]}

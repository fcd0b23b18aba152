"""What must not become dangerous or lost on its way out: scripts, formulas, names like paths, files to write."""

from __future__ import annotations

import csv as csv_files
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.faults.fault import Fault, Played, Record, Refused, Scene, Survived
from tests.faults.happen import AS_THEY_WERE, assert_no_traceback, error_message, users_files
from tests.faults.rows import LABELLED, ROWS, csv
from tests.faults.undisturbed import undisturbed

_ROWS = {"rows.csv": ROWS}
_SCRIPT = "<script>alert(1)</script>"
_FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1+1)*cmd")


def _script_is_text(run: Path) -> None:
    for page in (run / "report.html", run / "README.md"):
        text = page.read_text(encoding="utf-8")
        assert _SCRIPT not in text, page.name
    assert "&lt;script&gt;alert(1)" in (run / "report.html").read_text(encoding="utf-8")


def play_predictions(scene: Scene) -> Mapping[str, Record]:
    """New rows for a finished run, and what can be wrong with them."""
    shutil.copytree(undisturbed(scene).folder, scene.folder, dirs_exist_ok=True)
    scene.write("new.csv", csv([(text,) for text in _FORMULAS], header="text"))
    scene.write("other.csv", "a,b\n1,2\n3,4\n")
    before, records = users_files(scene.folder), {}
    for name, typed, exit_code, words in (
        ("predict-no-file", "predict plan nwe.csv -o out.csv", 3, ("nwe.csv", "predict runs/plan new.csv -o out.csv")),
        ("predict-no-column", "predict plan other.csv -o out.csv", 3, ("other.csv", "text")),
        ("predict-over-itself", "predict plan new.csv -o new.csv", 2, ("new.csv",)),
        ("predict-unknown-ending", "predict plan new.csv -o out.docx", 2, ("out.docx",)),
        ("predict-no-name", "predict plan new.csv -o ''", 2, ("-o answers.csv",)),
        ("predict-plan", "predict plan plan.yaml -o out.csv", 3, ("plan.yaml", "data.format=txt")),
        ("predict-unused-column", "predict plan new.csv -o out.csv data.prompt_column=text", 2, ("data.text_column",)),
    ):
        told = scene.typed_warm(f"{typed} --quiet")
        message = error_message(told, exit_code=exit_code, words=words, folder=scene.folder)
        records[name] = Record(typed, exit_code, message, kept=AS_THEY_WERE)
    assert users_files(scene.folder) == before
    told = scene.typed_warm("predict plan new.csv -o out.csv")
    assert told.exit_code == 0, told.stderr
    assert_no_traceback(told)
    assert {name: digest for name, digest in users_files(scene.folder).items() if name in before} == before
    with (scene.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv_files.DictReader(file))
    assert [row["text"] for row in written] == list(_FORMULAS), "a cell was changed"
    assert all(row["prediction"] for row in written)
    last = re.sub(r" \(.*\)$", "", told.stdout.strip().splitlines()[0])  # without how long it took
    records["predict-formulas"] = Record(
        "predict plan new.csv -o out.csv", 0, last, kept="every row and cell as it was, in order"
    )
    return records


FAULTS: tuple[Fault, ...] = (
    Survived(
        "script",
        "texts and labels with <code>&lt;script&gt;</code>",
        {"rows.csv": csv([*LABELLED, *((f"{_SCRIPT} {i}", f"{_SCRIPT}") for i in range(12))])},
        60,
        "held_out_size",
        ("test rows",),
        also=_script_is_text,
    ),
    Survived(
        "formula-cells",
        "cells that a spreadsheet would run (=cmd())",
        {"rows.csv": csv([*LABELLED, *((text, "login") for text in _FORMULAS)])},
        52,
        "formulas",
        ("kept as text",),
    ),
    Survived(
        "unicode-name",
        "a run named in another alphabet",
        _ROWS,
        48,
        "held_out_size",
        ("test rows",),
        typed="run rows.csv run.name=Отчёт-票",
    ),
    *(
        Refused(
            name,
            f"a run named {shown}",
            f"run rows.csv 'run.name={word}'",
            2,
            ("one short folder name", "run.name=tickets"),
            _ROWS,
        )
        for name, shown, word in (
            ("name-above", "../x", "../x"),
            ("name-slash", "a/b", "a/b"),
            ("name-device", "CON", "CON"),
            ("name-option", "--json", "--json"),
            ("name-long", "by 61 letters", "x" * 61),
        )
    ),
    Refused("name-empty", "a run without a name", "run rows.csv run.name=", 2, ("run.name",), _ROWS),
    Played(
        {
            "predict-no-file": "rows to predict that are not there",
            "predict-no-column": "rows to predict without the text column",
            "predict-over-itself": "answers written over the rows they answer",
            "predict-unknown-ending": "answers in a format that is not written",
            "predict-no-name": "answers in a file without a name",
            "predict-plan": "a plan in place of rows to predict",
            "predict-unused-column": "a column of prompts for a model that labels texts",
            "predict-formulas": "the same in rows to predict",
        },
        play_predictions,
    ),
)

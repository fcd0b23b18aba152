"""`tunewright runs`: what each run came to, in 80 columns, whatever state it is in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tunewright.cli.main import main
from tunewright.cli.runs import runs_table
from tunewright.verbs.runs import RunLine, runs

STAGES = ("prepare", "select", "train", "evaluate")


def write_run(
    folder: Path, name: str, *, stages: dict[str, str], subject: str = "tuned", uses: int = 1, age: int = 0
) -> None:
    files: dict[str, Any] = {
        "run.json": {"started": "2026-05-04T10:11:12+0000", "stages": {s: {"status": w} for s, w in stages.items()}},
        "prepare/facts.json": {"task": "classify"},
        "select/card.json": {"name": "/models/tiny"},
        "evaluate/metrics.json": {
            "primary_metric": "accuracy",
            "subject": subject,
            "systems": {subject: {"accuracy": {"value": 0.9, "ci95": [0.8, 0.95]}}},
            "verdict": {"status": "better"},
            "test_set_uses": uses,
        },
    }
    for path, values in files.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(json.dumps(values), encoding="utf-8")
    os.utime(folder / name / "run.json", (1e9 - age, 1e9 - age))


def done(**more: str) -> dict[str, str]:
    return {**dict.fromkeys(STAGES, "done"), **more}


def line_of(folder: Path) -> RunLine:
    [line] = runs(folder)
    return line


def test_runs_name_verdict_number_and_what_else_was_done(tmp_path: Path) -> None:
    write_run(tmp_path, "tickets", stages=done(explain="done", export="done"), uses=3)
    text = runs_table((line_of(tmp_path),)).splitlines()
    assert text == [
        "tickets  better  Accuracy .900 [.800, .950]",
        "    2026-05-04 10:11, classify, tiny, explained, exported, test set used 3 times",
    ]


@pytest.mark.parametrize(
    ("stages", "status"),
    [
        ({"prepare": "refused"}, "prepare: refused"),
        (done(train="interrupted"), "train: interrupted"),
        (done(evaluate="outdated"), "evaluate: outdated"),
        ({"prepare": "done", "select": "done", "train": "running"}, "train: running"),
        ({"prepare": "done"}, "prepare: done"),
    ],
)
def test_runs_show_no_old_number_when_a_stage_before_it_is_not_done(
    stages: dict[str, str], status: str, tmp_path: Path
) -> None:
    write_run(tmp_path, "tickets", stages=stages)
    line = line_of(tmp_path)
    assert (line.status, line.value, line.primary_metric) == (status, None, "")


def test_runs_keep_the_number_when_only_a_later_stage_failed(tmp_path: Path) -> None:
    write_run(tmp_path, "tickets", stages=done(export="failed"))
    line = line_of(tmp_path)
    assert (line.status, line.value, line.unfinished) == ("better", 0.9, ("export: failed",))
    assert "export: failed" in runs_table((line,))


def test_runs_name_the_outside_model_when_the_run_measures_one(tmp_path: Path) -> None:
    write_run(tmp_path, "theirs", stages=done(), subject="path:/models/my-adapter")
    assert line_of(tmp_path).value == 0.9
    assert "outside model" in runs_table((line_of(tmp_path),))
    assert "my-adapter" in runs_table((line_of(tmp_path),))


def test_runs_list_a_damaged_run_and_the_others(tmp_path: Path) -> None:
    write_run(tmp_path, "fine", stages=done())
    write_run(tmp_path, "broken", stages=done(), age=10)
    (tmp_path / "broken/run.json").write_text("{", encoding="utf-8")
    assert {line.name: line.status for line in runs(tmp_path)} == {
        "fine": "better",
        "broken": "run.json: cannot be read",
    }


def test_runs_fit_80_columns_when_a_name_is_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "a-name-" * 8, stages=done(explain="done", export="done"), uses=12)
    write_run(tmp_path, "short", stages=done(), age=10)
    assert main(["runs", "--runs-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    names = [line.split()[0] for line in text.splitlines() if line[0] != " "]
    assert names == ["a-name-" * 8, "short"]


def test_runs_say_what_to_type_when_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs-dir", str(tmp_path / "none")]) == 0
    assert "tunewright demo" in capsys.readouterr().out

"""`tunewright init` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.data import write_labelled
from tests.starters import starter_folder
from tunewright.cli.main import main


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    starter_folder("minilm-l6")
    starter_folder("smollm2-135m-instruct")
    monkeypatch.chdir(tmp_path)
    write_labelled(tmp_path / "rows.csv")
    return tmp_path


def test_init_writes_plan_yaml_here_and_says_what_to_type_next(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "rows.csv"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("plan    plan.yaml\n")
    assert out.endswith("next    tunewright check plan.yaml\n")
    assert "train: rows.csv" in (place / "plan.yaml").read_text()
    assert main(["init", "rows.csv"]) == 9
    assert "try: tunewright init rows.csv -o plan-2.yaml" in capsys.readouterr().err


def test_init_prints_the_plan_alone_when_o_is_a_dash(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "rows.csv", "-o", "-"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# A plan for tunewright.")
    assert sorted(path.name for path in place.iterdir()) == ["rows.csv"]
    assert main(["init", "rows.csv", "-o", "mine.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == "mine.yaml"
    assert told["text"] == (place / "mine.yaml").read_text()
    assert told["plan"]["task"] == "classify"

"""`tunewright check` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled, write_pairs
from tunewright.cli.main import main
from tunewright.cli.token_view import token_lines
from tunewright.text.token_view import Piece


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labelled(tmp_path_factory.mktemp("cli check") / "rows.csv", n_endings=4)


def words(data: Path, model: Path, *more: str) -> list[str]:
    runs_dir = str(data.parent / "none")
    return ["check", str(data), f"model={model}", "run.threads=1", "--no-step", "--runs-dir", runs_dir, *more]


def told(typed: list[str], capsys: pytest.CaptureFixture[str], *, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*typed, "--json"]) == code
    return dict(json.loads(capsys.readouterr().out))


def test_check_tells_programs_what_was_read_and_found(
    labelled: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(words(labelled, tiny_encoder), capsys)
    assert (found["rows_read"], found["task"]) == (48, "classify")
    assert found["columns"] == {"text": "text", "label": "label"}
    assert set(found["findings"][0]) == {"check", "severity", "row_ids", "message", "suggestion", "action"}
    assert found["error"] is None
    assert found["model"]["plan"]["task"] == "classify"
    assert found["model"]["step"] is None
    assert found["model"]["tokens"]["train"]["rows"] == found["rows_kept"]["train"]
    assert not (labelled.parent / "none").exists()


def test_check_fits_80_columns_and_calls_what_did_not_run_not_run(
    tiny_decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").symlink_to(tiny_decoder)
    data = write_pairs(Path("pairs.jsonl"))
    assert main(["check", str(data), "model=./m", "--no-step"]) == 0
    out = capsys.readouterr().out
    assert not [line for line in out.splitlines() if len(line) > 80]
    assert "measured: not run (--no-step)" in " ".join(out.split())
    assert "time       not run: --no-step" in out
    assert " *  y|o|u| |s|a|i|d|" in out
    assert "* = trained on; | stands between tokens" in out
    assert out.endswith("tunewright run pairs.jsonl model=./m\n")


def test_check_of_refused_data_prints_what_was_found_and_exits_3(
    labelled: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaking = words(labelled, tiny_encoder, f"data.test={labelled}")
    capsys.readouterr()
    assert main(leaking) == 3
    streams = capsys.readouterr()
    assert "96 read" in streams.out
    assert "act        leakage: 48 test rows" in streams.out
    assert "           train:2  money back please\n           test:2   money back please" in streams.out
    assert "tunewright run" not in streams.out
    assert "leak" in streams.err
    found = told(leaking, capsys, code=3)
    assert (found["rows_read"], found["model"], found["error"]["exit_code"]) == (96, None, 3)


def test_check_shows_the_asked_row_whole(
    labelled: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(labelled, tiny_encoder, "--row", "train:2")) == 0
    out = capsys.readouterr().out
    assert "train:2 as the model sees it; its label is refund" in out
    assert "[CLS]|m|o|n|e|y| |b|a|c|k|" in out


def pieces(n: int) -> list[Piece]:
    return [Piece(i, f"<{i}>", "context") for i in range(n)]


def test_token_lines_break_between_tokens_and_hide_the_middle_of_a_long_stretch() -> None:
    lines = list(token_lines(pieces(200), width=60))
    assert "".join(line.text.removesuffix("|") + "|" for line in lines) == "|".join(f"<{i}>" for i in range(200)) + "|"
    assert max(len(line.text) for line in lines) <= 50
    assert [line.start for line in lines[:2]] == [0, -1]
    short = "".join(line.text for line in token_lines(pieces(200), width=60, most=10))
    assert " ... 190 tokens ... " in short
    assert "<4>" in short
    assert "<195>" in short
    assert "<100>" not in short


def test_token_lines_number_each_stretch_by_its_place_and_print_no_control_character() -> None:
    row = [Piece(0, "a\n", "context"), Piece(1, "\x1b[2J", "trained"), Piece(2, "\t", "trained"), Piece(3, "z", "cut")]
    lines = list(token_lines(row, width=80))
    assert [(line.start, line.mark, line.text) for line in lines] == [
        (0, "context", "a\\n"),
        (1, "trained", "?[2J|\\t"),
        (3, "cut", "z"),
    ]

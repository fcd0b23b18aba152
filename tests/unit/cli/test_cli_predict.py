"""`predict` as it is typed: words, exit codes, what people and programs are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.answering import classify_run
from tunewright.cli.main import main
from tunewright.cli.typed import typed
from tunewright.core.errors import PlanError

KEYS = {
    *("run", "input", "output", "rows", "rows_with_error", "seconds", "rows_per_second", "columns", "was_finished"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """runs/c is finished; new.csv has three rows, one of them empty."""
    folder = tmp_path_factory.mktemp("predict")
    classify_run(folder, tiny_encoder)
    (folder / "new.csv").write_text("id,text\n1,parcel late\n2,\n3,money back\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_predict_tells_people_where_the_answers_are_and_how_many_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "c", "new.csv", "-o", "people.csv"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("people.csv: 2 of 3 rows have an answer; the column error says why 1 have none")
    assert "the model reads the column text" in told.err

    assert main(["predict", "c", "new.csv", "-o", "people.csv"]) == 0
    assert capsys.readouterr().out.startswith("nothing to do: people.csv is finished; 2 of 3 rows")


def test_predict_tells_programs_the_counts_when_json_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "new.csv", "-o", "programs.jsonl", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == KEYS
    assert (told["rows"], told["rows_with_error"], told["was_finished"]) == (3, 1, False)
    assert Path(told["run"]).name == "c", "the newest run, when none is named"


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["c", "-o", "a.csv"], 3, "there is no such file"),
        (["c", "new.csv", "third", "-o", "a.csv"], 2, "[RUN] IN is expected"),
        (["nosuch", "new.csv", "-o", "a.csv"], 9, "there is no run nosuch"),
        (["c", "new.csv", "-o", "a.pdf"], 2, "try: -o a.csv"),
        (["c", "new.csv", "-o", "new.csv"], 2, "take the place of your file"),
        (["c", "new.csv", "-o", "rows.csv"], 9, "stays as it is"),
        (["c", "new.csv", "-o", "a.csv", "data.text_column=txet"], 3, "data.text_column=text"),
        (["c", "new.csv", "-o", "a.csv", "train.epochs=3"], 2, "made this model"),
        (["c", "new.csv", "-o", ""], 2, "try: -o answers.csv"),
        (["c", "new.csv", "-o", "a.csv", "data.prompt_column=text"], 2, "data.text_column=text"),
        (["c", "nwe.csv", "-o", "a.csv"], 3, "try: tunewright predict runs/c new.csv -o a.csv"),
        (["c", ".", "-o", "a.csv"], 3, "data files in it: new.csv, "),
        (["c", "runs/c/plan.yaml", "-o", "a.csv"], 3, "a plan and not rows"),
    ],
)
def test_predict_says_what_to_do_when_something_is_wrong(
    words: list[str], exit_code: int, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "rows.csv").read_bytes(), (folder / "new.csv").read_bytes()
    assert main(["predict", *words]) == exit_code
    assert said in capsys.readouterr().err
    assert ((folder / "rows.csv").read_bytes(), (folder / "new.csv").read_bytes()) == before
    assert not list(folder.glob("a.*")) + list(folder.glob(".a.*"))


def test_predict_loads_no_torch_when_the_column_is_missing(folder: Path) -> None:
    code = (
        "import sys; from tunewright.cli.main import main\n"
        "main(['predict', 'c', 'new.csv', '-o', 'b.csv', 'data.text_column=nothing'])\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout == "[]\n"


def test_typed_takes_the_newest_run_when_none_is_named() -> None:
    assert typed(["new.csv"], needs=("IN",), example="").run is None
    assert typed(["a.b=c"], needs=(), example="").overrides == ("a.b=c",)
    with pytest.raises(PlanError, match="not nothing"):
        typed([], needs=("IN",), example="")

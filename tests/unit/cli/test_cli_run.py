"""The verbs that work on a run, on one tiny run made by `tunewright run` itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled
from tunewright.cli.main import main
from tunewright.cli.show import line_text
from tunewright.core.plan import open_fields
from tunewright.core.planfile import load_plan
from tunewright.core.run import Run
from tunewright.pipeline import decide
from tunewright.verbs.show import ASKED, DEFAULT, Line, lines
from tunewright.verbs.trace import trace

PLAN = """
model: {model}
data: {{train: rows.csv, label: label}}
train: {{epochs: 1, batch_size: 8, lr: 3e-3}}
evaluate: {{systems: [tuned, majority, tfidf]}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A plan and its data: 48 rows, the third and last one a repetition."""
    place = tmp_path_factory.mktemp("cli run")
    data = write_labelled(place / "rows.csv", n_endings=4)
    with data.open("a", encoding="utf-8") as file:
        file.write("money back please,refund\n")
    (place / "plan.yaml").write_text(PLAN.format(model=tiny_encoder), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def ran(folder: Path) -> tuple[dict[str, Any], str]:
    """What `run --json` told: the object, and the words on stderr."""
    done = subprocess.run(command(folder, "run"), capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stderr


def command(folder: Path, verb: str, *words: str) -> list[str]:
    plan = str(folder / "plan.yaml")
    return [sys.executable, "-m", "tunewright", verb, plan, "--json", "--runs-dir", str(folder / "runs"), *words]


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_run_tells_programs_folder_verdict_and_metrics_when_json_is_asked(ran: tuple[dict[str, Any], str]) -> None:
    found, words = ran
    assert set(found) == {"run", "verdict", "metrics", "requirements", "report", "was_finished", "seconds"}
    assert Path(found["report"]).is_file()
    assert found["verdict"] == found["metrics"]["verdict"]
    assert found["was_finished"] is False
    assert "lr is read as train.learning_rate" in words
    assert "that is the number to beat" in words
    assert found["verdict"]["sentence"] in words
    assert words.index("prepare ") < words.index("train ") < words.index("evaluate ")
    for noise in ("Warning", "Traceback", "it/s"):
        assert noise not in words


def test_run_does_nothing_and_loads_no_torch_when_it_is_finished(folder: Path, ran: tuple[dict[str, Any], str]) -> None:
    code = (
        "import sys; from tunewright.cli.main import main\n"
        f"code = main({['run', str(folder / 'plan.yaml'), '--runs-dir', str(folder / 'runs')]!r})\n"
        "print('heavy:', [m for m in ('torch', 'transformers', 'sklearn', 'pyarrow') if m in sys.modules])\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nothing to do: plan is finished\n")
    assert ran[0]["verdict"]["sentence"] in done.stdout
    assert "report.html" in done.stdout
    assert done.stdout.endswith("heavy: []\n")


def test_report_and_runs_know_the_run_when_it_is_the_newest(
    folder: Path, ran: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs_dir = ["--runs-dir", str(folder / "runs")]
    same = {key: ran[0][key] for key in ("run", "report", "verdict")}
    assert told(["report", *runs_dir], capsys) == {**same, "is_opened": False}
    (line,) = told(["runs", *runs_dir], capsys)["runs"]
    assert (line["name"], line["task"], line["status"]) == ("plan", "classify", ran[0]["verdict"]["status"])
    assert line["value"] == ran[0]["metrics"]["systems"]["tuned"][line["primary_metric"]]["value"]
    assert line["test_set_uses"] == 1
    assert main(["runs", *runs_dir]) == 0
    assert f"plan  {line['status']}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["prepare", "select", "train", "evaluate"])
def test_stage_has_nothing_to_do_when_the_run_is_finished(
    verb: str, folder: Path, ran: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = [verb, str(folder / "plan.yaml"), "--runs-dir", str(folder / "runs")]
    assert main(words) == 0
    assert f"nothing to do: {verb} of plan is finished" in capsys.readouterr().out
    assert told(words, capsys)["stage"] == verb


def test_trace_follows_a_test_row_from_file_to_scores(
    folder: Path, ran: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    row_id = _row_id(folder, "test")
    found = trace(Run(folder / "runs/plan"), row_id)
    line = (folder / "rows.csv").read_text().splitlines()[int(row_id.split(":")[1]) - 1]
    assert found.source.values == dict(zip(("text", "label"), line.split(","), strict=True))
    assert found.row is not None
    assert f"{found.row.text},{found.row.label}" == line
    (tokens,) = found.tokens
    pieces = [piece.text for piece in tokens.pieces]
    assert "".join(pieces) == f"[CLS]{found.row.text}[SEP]"
    assert tokens.label_index is not None
    assert found.labels[tokens.label_index] == found.row.label
    assert [a.prediction.system for a in found.answers] == ["tuned", "majority", "tfidf"]
    for answer in found.answers:
        scores = {score.metric: score.value for score in answer.scores}
        assert scores["accuracy"] == (answer.prediction.answer == found.row.label)
    assert main(["trace", "plan", row_id]) == 0
    assert "answers (right:" in capsys.readouterr().out


def test_trace_says_why_when_a_row_was_dropped(folder: Path, ran: tuple[dict[str, Any], str]) -> None:
    found = trace(Run(folder / "runs/plan"), "train:50")
    assert found.dropped is not None
    assert found.dropped.reason.startswith("dup")
    assert (found.row, found.split, found.tokens, found.answers) == (None, None, (), ())


def test_trace_offers_a_row_that_is_there_when_the_id_is_wrong(
    folder: Path, ran: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["trace", "train:4999", "--runs-dir", str(folder / "runs")]) == 3
    assert f"try: tunewright trace '{folder / 'runs/plan'}' train:4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (
            ["plan", "train:4999"],
            3,
            ("plan has no row train:4999", "data.train are train:2 to train:50, by the"),
        ),
        (["plan", "train:1"], 3, ("train:2 to train:50",)),
        (["plan", "17"], 3, ("as in train:17", "/plan' train:")),
        (["plan"], 2, ("plan is a run; the row to trace is missing", "try: tunewright trace plan train:2")),
    ],
)
def test_trace_says_which_rows_there_are_when_it_finds_none(
    folder: Path,
    ran: tuple[dict[str, Any], str],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    says: tuple[str, ...],
) -> None:
    capsys.readouterr()
    assert main(["trace", *words, "--runs-dir", str(folder / "runs")]) == code
    error = " ".join(capsys.readouterr().err.split())
    assert [one for one in says if one not in error] == []


def test_trace_says_what_test_rows_are_called_when_they_were_split_from_train(
    folder: Path, ran: tuple[dict[str, Any], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert main(["trace", "plan", "test:5"]) == 3
    error = " ".join(capsys.readouterr().err.split())
    assert "its test rows were split from data.train and keep their ids there: train:" in error
    fix = error.partition("try: ")[2]
    assert trace(Run(folder / "runs/plan"), fix.split()[-1]).split == "test"
    assert main(fix.split()[1:]) == 0


def test_show_gives_every_field_one_reason_when_the_plan_is_resolved(folder: Path) -> None:
    loaded = load_plan(folder / "plan.yaml", overrides=("train.epochs=2",))
    reasons = {line.field: line.reason for line in lines(loaded, decide(loaded))}
    left_open = set(open_fields(loaded.plan))
    assert left_open
    for field, reason in reasons.items():
        assert (reason not in (ASKED, DEFAULT)) == (field in left_open), (field, reason)
    assert left_open <= set(reasons)
    assert all(len(reasons[field]) > 10 for field in left_open)
    asked = {field for field, reason in reasons.items() if reason == ASKED}
    assert asked == {
        *("model.name", "data.train", "data.label_column", "train.epochs", "train.batch_size"),
        *("train.learning_rate", "evaluate.systems"),
    }


def test_show_changes_nothing_when_it_answers(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(["show", str(folder / "plan.yaml"), "--runs-dir", str(tmp_path / "none")], capsys)
    assert found["plan"]["task"] == "classify"
    assert {"field", "value", "reason"} == set(found["choices"][0])
    assert any("train.learning_rate" in note for note in found["notes"])
    assert not (tmp_path / "none").exists()


def test_show_wraps_reasons_below_themselves_when_the_terminal_is_narrow() -> None:
    line = Line("train.method", "full", "because " * 20)
    for width in (80, 100):
        wrapped = line_text(line, width=width).split("\n")
        assert len(wrapped) > 1
        assert all(len(one) <= width for one in wrapped)
        assert wrapped[1].lstrip().startswith("because")
    assert len(line_text(line, width=None).split("\n")) == 1


def _row_id(folder: Path, split: str) -> str:
    import pyarrow.parquet as pq

    return str(pq.read_table(folder / f"runs/plan/prepare/{split}.parquet").column("row_id")[0].as_py())


def test_prepare_shows_the_lights_and_cards_of_the_data_and_what_waits_for_a_person(
    folder: Path, ran: tuple[dict[str, Any], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "runs", tmp_path / "runs")
    reviewed = "row_id,text,label,suggestion,reason,decision\ntrain:2,money,refund,,why,\n"
    (tmp_path / "runs/plan/prepare/review.csv").write_text(reviewed, encoding="utf-8")
    capsys.readouterr()
    assert main(["prepare", str(folder / "plan.yaml"), "--runs-dir", str(tmp_path / "runs")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].endswith("dropped: 1 duplicate")
    lights = ["act        1 to act on: held out size", "look       1 to look at: duplicates"]
    at = shown.index(lights[0])
    assert shown[at - 1 : at + 2] == ["", *lights]
    assert "           train:50  money back please" in shown
    waiting = shown.index("1 row waits for a person's decision (none is needed)")
    assert shown[waiting - 1] == ""
    assert shown[waiting + 1].startswith("  try: cp ")
    assert waiting > shown.index("           train:50  money back please")


def test_only_the_file_of_findings_is_named_where_json_does_not_have_them(
    folder: Path, ran: tuple[dict[str, Any], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "runs", tmp_path / "runs")
    path = tmp_path / "runs/plan/prepare/findings.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    found["findings"] += [{**found["findings"][0], "check": f"check_{i}"} for i in range(9)]
    path.write_text(json.dumps(found), encoding="utf-8")
    (tmp_path / "runs/plan/prepare/cards.json").unlink()
    capsys.readouterr()
    assert main(["prepare", str(folder / "plan.yaml"), "--runs-dir", str(tmp_path / "runs")]) == 0
    shown = capsys.readouterr().out
    assert "and 5 more that found something: findings.json has them all" in shown
    assert "--json" not in shown

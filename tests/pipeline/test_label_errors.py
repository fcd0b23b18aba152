"""Labels that the tuned model doubts: planted ones are found, a person can decide, a stopped search goes on."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tunewright.cli.main import main
from tunewright.core.errors import PlanError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.pipeline import run_plan
from tunewright.text.rows import read_rows
from tunewright.verbs.on_run import on_run

WORDS = ("red", "tall", "north", "seven", "hinge", "mild", "lemon", "cart", "dune", "folk", "grip", "stool")
MARKS = {"refund": "qqqq", "login": "zzzz"}
"""The one word that decides."""
N_WRONG = 8
ASKED = ("explain.methods=[label_errors]",)


def write_planted(path: Path) -> frozenset[str]:
    """240 rows of two labels, N_WRONG of them with the other one; the row ids of these."""
    draw = random.Random(5)
    lines = []
    for i in range(240):
        label = list(MARKS)[i % 2]
        words = [*draw.sample(WORDS, 1), MARKS[label]]
        draw.shuffle(words)
        lines.append([" ".join([*words, str(i)]), label])
    wrong = draw.sample(range(240), N_WRONG)
    for i in wrong:
        lines[i][1] = next(label for label in MARKS if label != lines[i][1])
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *lines])
    return frozenset(f"train:{i + 2}" for i in wrong)


def planned(folder: Path, encoder: Path, **explain: Any) -> dict[str, Any]:
    return {
        "model": str(encoder),
        "data": "rows.csv",
        "train": {"max_steps": 60, "batch_size": 16, "learning_rate": 3e-3},
        "evaluate": {"systems": ["tuned"]},
        "prepare": {"validation_fraction": 0.1, "test_fraction": 0.05},
        "explain": explain,
        "run": {"threads": 1},
    }


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Path, frozenset[str]]:
    """A run with label_errors from one go, and the rows that were planted wrong."""
    folder = tmp_path_factory.mktemp("doubted")
    wrong = write_planted(folder / "rows.csv")
    plan = planned(folder, tiny_encoder, methods=["label_errors", "occlusion"], rows=1)
    return run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / "runs").run.folder, wrong


def lines_of(run: Path) -> list[dict[str, str]]:
    with (run / "explain/label_errors.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_planted_labels_come_first_with_the_label_that_is_right(made: tuple[Path, frozenset[str]]) -> None:
    run, wrong = made
    train = {row.row_id: row for row in read_rows(run / "prepare", "train")}
    wrong = wrong & train.keys()
    lines = lines_of(run)
    assert len(wrong) >= 4
    assert {line["row_id"] for line in lines[: len(wrong)]} == wrong
    for line in lines[: len(wrong)]:
        assert (line["label"], line["text"]) == (train[line["row_id"]].label, train[line["row_id"]].text)
        assert MARKS[line["suggestion"]] in line["text"]
        assert line["decision"] == ""
    found = json.loads((run / "explain/explanations.json").read_text())
    doubts = found["label_errors"]
    assert (doubts["n_looked"], doubts["n_suspects"]) == (len(train), len(lines))
    assert doubts["seconds"] > 0
    assert len(found["rows"]) == 1
    assert not list((run / "explain").rglob("*.safetensors"))
    page = (run / "report.html").read_text()
    assert "Labels that are probably wrong" in page
    assert lines[0]["text"] in page


def test_a_person_can_give_the_file_back(made: tuple[Path, frozenset[str]], tmp_path: Path, tiny_encoder: Path) -> None:
    run, _ = made
    shutil.copy(run.parents[1] / "rows.csv", tmp_path)
    text = (run / "explain/label_errors.csv").read_text().splitlines()
    (tmp_path / "label_errors.csv").write_text("\n".join([text[0], text[1] + "fix", text[2] + "drop"]) + "\n")
    plan = planned(tmp_path, tiny_encoder, methods=[]) | {"prepare": {"review": "label_errors.csv"}}
    done = run_plan(plan_from(plan, folder=tmp_path, name="again"), runs_dir=tmp_path / "runs", until="prepare")
    ledger = json.loads((done.run.folder / "prepare/ledger.json").read_text())
    assert list(ledger["reviewed"].values()) == ["fix", "drop"]
    with pytest.raises(PlanError, match=r"run's own") as refused:
        run_plan(
            plan_from(plan | {"prepare": {"review": str(run / "explain/label_errors.csv")}}, folder=tmp_path, name="x"),
            runs_dir=tmp_path / "runs",
        )
    assert "prepare.review=label_errors.csv" in str(refused.value)


def test_a_stopped_search_does_not_train_a_finished_model_again(
    made: tuple[Path, frozenset[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = made
    whole = (run / "explain/label_errors.csv").read_bytes()
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "explain")
    heard: list[str] = []

    def stopped(event: Event) -> None:
        heard.append(event.text if isinstance(event, NoteEvent) else "")
        if "model 2 of 3" in heard[-1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_run(Run(copy), "explain", ASKED, tell=stopped)
    kept = copy / "explain/held_out/fold-1.parquet"
    before = kept.stat().st_mtime_ns
    assert main(["explain", str(copy), *ASKED]) == 0
    assert kept.stat().st_mtime_ns == before
    assert (copy / "explain/label_errors.csv").read_bytes() == whole
    said = capsys.readouterr()
    assert "model 1 of 3" not in said.err + said.out
    assert "3 more trainings" in said.out
    assert "prepare.review=label_errors.csv" in said.out

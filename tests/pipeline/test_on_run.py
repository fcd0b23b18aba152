"""`explain RUN` and `export RUN` take the model that the run has: wherever it lies, whatever became of its data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.data import write_labelled
from tunewright.cli.main import main
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.pipeline import run_plan
from tunewright.verbs.runs import run_line

LORA = {"method": "lora", "epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "lora_r": 4}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("on run")
    write_labelled(folder / "rows.csv")
    plan = {"model": str(tiny_encoder), "data": "rows.csv", "train": LORA, "explain": {"methods": []}}
    return run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / "runs").run.folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The run copied under another name, far from its data, which is gone."""
    shutil.copytree(made, tmp_path / "my copy")
    (made.parents[1] / "rows.csv").rename(made.parents[1] / "away.csv")
    yield tmp_path / "my copy"
    (made.parents[1] / "away.csv").rename(made.parents[1] / "rows.csv")


def files_of(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in folder.rglob("*")}


def test_export_of_a_copied_run_works_in_the_copy_without_the_data(
    made: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(made)
    assert main(["export", str(copy), "export.targets=[adapter]"]) == 0
    assert (copy / "export/adapter").is_dir()
    assert files_of(made) == before
    assert not (copy.parent / "runs").exists()
    assert f"next    tunewright report '{copy}'" in capsys.readouterr().out


def test_explain_of_a_copied_run_leaves_everything_before_it_alone(copy: Path) -> None:
    before = json.loads((copy / "run.json").read_text())["stages"]
    assert main(["explain", str(copy), "explain.rows=2", "--quiet"]) == 0
    after = json.loads((copy / "run.json").read_text())["stages"]
    assert {name: after[name] for name in before if name != "report"} == {n: before[n] for n in before if n != "report"}
    assert len(json.loads((copy / "explain/explanations.json").read_text())["rows"]) == 2
    assert after["report"]["status"] == "done"
    assert "explanations" in (copy / "report.html").read_text().lower()


def test_a_refused_export_leaves_verdict_report_and_plan_as_they_were(copy: Path) -> None:
    plan, page = (copy / "plan.yaml").read_bytes(), (copy / "report.html").read_bytes()
    assert main(["export", str(copy), "export.max_kl_nats=1e-30", "--quiet"]) == 7
    line = run_line(Run(copy))
    assert line.status == run_line_status(copy)
    assert line.unfinished == ("export: failed",)
    assert (copy / "plan.yaml").read_bytes() == plan
    assert (copy / "report.html").read_bytes() == page
    assert main(["export", str(copy), "--quiet"]) == 0
    assert run_line(Run(copy)).unfinished == ()


def run_line_status(folder: Path) -> str:
    return str(json.loads((folder / "evaluate/metrics.json").read_text())["verdict"]["status"])


def test_export_of_a_run_refuses_what_would_make_another_model(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(copy), "train.epochs=9"]) == 2
    assert "train.epochs made this model and cannot be changed now" in capsys.readouterr().err
    assert main(["export", str(copy), "export.targets=[gguf]"]) == 2
    assert not (copy / "export").exists()


def test_report_of_a_run_is_noted_as_made(copy: Path) -> None:
    record = json.loads((copy / "run.json").read_text())
    record["stages"]["report"]["status"] = "outdated"
    (copy / "run.json").write_text(json.dumps(record))
    assert main(["report", str(copy), "--no-open", "--quiet"]) == 0
    assert json.loads((copy / "run.json").read_text())["stages"]["report"]["status"] == "done"

"""Running again: what is lost comes back, what is old is never shown as new, what was half done is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled
from tunewright.core.errors import PlanError
from tunewright.core.planfile import load_plan, plan_from
from tunewright.pipeline import Outcome, run_plan
from tunewright.report.stage import write_report


def plan_of(encoder: Path, **sections: Any) -> dict[str, Any]:
    return {"model": str(encoder), "data": "rows.csv", "train": {"epochs": 1, "batch_size": 16}, **sections}


def outcome_of(folder: Path, plan: dict[str, Any], *, until: str = "report") -> Outcome:
    return run_plan(plan_from(plan, folder=folder, name="try"), runs_dir=folder / "runs", until=until)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A folder with rows.csv and the finished run runs/try. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("finished")
    write_labelled(folder / "rows.csv", n_endings=5)
    outcome_of(folder, plan_of(tiny_encoder))
    return folder


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "again"))


@pytest.mark.parametrize(
    "lost",
    [
        *("prepare/test.parquet", "prepare", "select/card.json", "train/summary.json", "train/model"),
        *("evaluate/metrics.json", "evaluate/predictions.parquet", "resolved.yaml", "report.html"),
    ],
)
def test_run_makes_again_what_was_lost(again: Path, tiny_encoder: Path, lost: str) -> None:
    path = again / "runs/try" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    outcome = outcome_of(again, plan_of(tiny_encoder))
    assert path.exists()
    assert outcome.was_finished == (lost == "resolved.yaml"), "decided again, alike: nothing else is to be made"
    assert outcome_of(again, plan_of(tiny_encoder)).was_finished


def test_run_makes_the_model_again_when_its_file_was_cut(again: Path, tiny_encoder: Path) -> None:
    path = again / "runs/try/train/model/model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert not outcome_of(again, plan_of(tiny_encoder)).was_finished
    assert path.read_bytes() == whole


def test_report_shows_no_old_verdict_when_the_model_was_trained_anew(again: Path, tiny_encoder: Path) -> None:
    outcome_of(again, plan_of(tiny_encoder, train={"epochs": 2, "batch_size": 16}), until="train")
    run = again / "runs/try"
    assert json.loads((run / "run.json").read_text())["stages"]["evaluate"]["status"] == "outdated"
    sentence = json.loads((run / "evaluate/metrics.json").read_text())["verdict"]["sentence"]
    assert sentence not in write_report(run).read_text(encoding="utf-8")


def test_explaining_again_leaves_evaluation_and_export_as_they_are(again: Path, tiny_encoder: Path) -> None:
    outcome_of(again, plan_of(tiny_encoder), until="export")
    outcome_of(again, plan_of(tiny_encoder, explain={"methods": ["occlusion"], "rows": 2}), until="explain")
    stages = json.loads((again / "runs/try/run.json").read_text())["stages"]
    assert {stages[name]["status"] for name in ("train", "evaluate", "explain", "export")} == {"done"}
    assert stages["report"]["status"] == "outdated"


def test_train_finds_its_earlier_result_when_a_plan_goes_back(again: Path, tiny_encoder: Path) -> None:
    weights = (again / "runs/try/train/model/head.safetensors").read_bytes()
    outcome_of(again, plan_of(tiny_encoder, train={"epochs": 2, "batch_size": 16}), until="train")
    assert (again / "runs/try/train/model/head.safetensors").read_bytes() != weights
    heard: list[str] = []
    loaded = plan_from(plan_of(tiny_encoder), folder=again, name="try")
    run_plan(loaded, runs_dir=again / "runs", until="train", tell=lambda e: heard.append(type(e).__name__))
    assert (again / "runs/try/train/model/head.safetensors").read_bytes() == weights
    assert "StepEvent" not in heard, "it was trained a second time"


def test_plan_in_the_run_folder_runs_from_anywhere(again: Path, finished: Path) -> None:
    loaded = load_plan(again / "runs/try/plan.yaml")
    assert loaded.plan.data.train == str((finished / "rows.csv").resolve())
    assert loaded.plan.run.name == "try"
    assert run_plan(loaded, runs_dir=again / "other").metrics["rows"] > 0


@pytest.mark.parametrize(
    ("section", "values", "meant"),
    [
        ("evaluate", {"systems": ["tuned", "majorty"]}, "majority"),
        ("evaluate", {"systems": ["majority"]}, "tuned"),
        ("evaluate", {"metrics": ["acuracy"]}, "accuracy"),
        ("evaluate", {"primary_metric": "acuracy"}, "accuracy"),
        ("train", {"layers": "last:99"}, "2 blocks"),
        ("prepare", {"test_fraction": 0.9, "validation_fraction": 0.5}, "nothing is left"),
        ("train", {"layers": [7]}, "2 blocks"),
    ],
)
def test_run_refuses_a_wrong_word_before_it_trains(
    tmp_path: Path, tiny_encoder: Path, section: str, values: dict[str, Any], meant: str
) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=5)
    with pytest.raises(PlanError, match=meant):
        outcome_of(tmp_path, plan_of(tiny_encoder, **{section: values}))
    assert not (tmp_path / "runs/try/train").exists()


def test_run_name_is_one_a_folder_can_have_when_the_file_has_odd_letters(tmp_path: Path) -> None:
    path = tmp_path / "report: final?.csv"
    write_labelled(path)
    assert load_plan(path).default_name == "report- final-"

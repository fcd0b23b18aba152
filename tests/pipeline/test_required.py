"""evaluate.require: a model that misses what its plan asks is measured, reported and not exported; exit 6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled
from tunewright.cli.main import main
from tunewright.core.errors import PlanError, RequirementsMissed
from tunewright.core.planfile import LoadedPlan, plan_from
from tunewright.core.run import find_run
from tunewright.pipeline import run_plan
from tunewright.verbs.on_run import on_run

QUICK = {"epochs": 4, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("required")
    write_labelled(folder / "rows.csv")
    return folder


def plan_of(folder: Path, encoder: Path, require: Any, *, targets: tuple[str, ...] = ("merged",)) -> LoadedPlan:
    plan = {
        "model": str(encoder),
        "data": "rows.csv",
        "train": QUICK,
        "evaluate": {"systems": ["tuned", "majority"], "require": require},
        "explain": {"methods": []},
        "export": {"targets": list(targets)},
    }
    return plan_from(plan, folder=folder, name="try")


@pytest.fixture(scope="module")
def missed(folder: Path, tiny_encoder: Path) -> RequirementsMissed:
    """The error of a run whose model must be better than it can be."""
    asked = {"accuracy": "> 0.1", "log_loss": "<= 1e-9", "better_than": "majority"}
    with pytest.raises(RequirementsMissed) as caught:
        run_plan(plan_of(folder, tiny_encoder, asked), runs_dir=folder / "runs")
    return caught.value


def test_a_missed_requirement_is_named_with_what_was_found(missed: RequirementsMissed, folder: Path) -> None:
    assert missed.exit_code == 6
    assert missed.what == "1 of 3 requirements is not met"
    assert missed.why.startswith("log_loss <= 1e-09: ")
    assert "95 % interval" in missed.why
    assert missed.facts()["run"] == str((folder / "runs/try").resolve())


def test_everything_but_the_export_is_there(missed: RequirementsMissed) -> None:
    run = Path(missed.folder)
    assert (run / "evaluate/metrics.json").is_file()
    assert not (run / "export").exists()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "log_loss &lt;= 1e-09: not met" in page
    assert "accuracy &gt; 0.1: met" in page
    assert "better than majority: met" in page
    assert "**not met**" in (run / "README.md").read_text(encoding="utf-8")


def test_the_run_itself_is_not_exported_either(missed: RequirementsMissed, folder: Path) -> None:
    run = find_run("try", runs_dir=folder / "runs")
    with pytest.raises(RequirementsMissed):
        on_run(run, "export", ["export.targets=[merged]"])
    assert not (run.folder / "export").exists()


def test_the_same_command_ends_with_the_same_error(
    missed: RequirementsMissed, folder: Path, tiny_encoder: Path
) -> None:
    asked = {"accuracy": "> 0.1", "log_loss": "<= 1e-9", "better_than": "majority"}
    with pytest.raises(RequirementsMissed) as again:
        run_plan(plan_of(folder, tiny_encoder, asked), runs_dir=folder / "runs")
    assert str(again.value) == str(missed)


def test_the_command_line_shows_the_table_and_ends_with_6(
    missed: RequirementsMissed, folder: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(folder / "rows.csv"), f"model={tiny_encoder}", "train.epochs=4", "train.learning_rate=3e-3"]
    words += ["evaluate.systems=[tuned, majority]", "explain.methods=[]", "export.targets=[merged]", "run.name=try"]
    words += ["evaluate.require={log_loss: '<= 1e-9'}", "--runs-dir", str(folder / "runs")]
    assert main(words) == 6
    told = capsys.readouterr()
    assert "Most common answer" in told.out
    assert "1 of 1 requirements is not met" in told.err

    assert main([*words, "--json"]) == 6
    found = json.loads(capsys.readouterr().out)
    assert (found["error"], found["exit_code"]) == ("RequirementsMissed", 6)
    assert found["run"] == missed.folder


def test_another_bound_scores_nothing_again_and_lets_the_export_through(
    missed: RequirementsMissed, folder: Path, tiny_encoder: Path
) -> None:
    metrics = Path(missed.folder) / "evaluate/metrics.json"
    before = metrics.stat().st_mtime_ns, metrics.read_bytes()

    outcome = run_plan(plan_of(folder, tiny_encoder, {"log_loss": "<= 5"}), runs_dir=folder / "runs")

    assert (metrics.stat().st_mtime_ns, metrics.read_bytes()) == before
    assert outcome.metrics["test_set_uses"] == 1
    assert [one.is_met for one in outcome.requirements] == [True]
    assert (outcome.run.folder / "export/merged").is_dir()
    assert "log_loss &lt;= 5: met" in (outcome.run.folder / "report.html").read_text(encoding="utf-8")


def test_export_alone_measures_first_where_the_plan_requires(folder: Path, tiny_encoder: Path) -> None:
    asked = plan_of(folder, tiny_encoder, {"accuracy": ">= 1", "log_loss": "<= 1e-9"})
    asked = LoadedPlan(asked.plan.with_(run=asked.plan.run.with_(name="alone")), folder=folder, default_name="alone")
    with pytest.raises(RequirementsMissed):
        run_plan(asked, runs_dir=folder / "runs", until="export")
    assert (folder / "runs/alone/evaluate/metrics.json").is_file()
    assert not (folder / "runs/alone/export").exists()


@pytest.mark.parametrize(
    ("require", "words"),
    [
        ({"accuracy": ">= 90"}, ("never reaches 90", ">= 0.9")),
        ({"accuracy": "> 1"}, ("never reaches 1", "> 0.9")),
        ({"acuracy": ">= 0.9"}, ("acuracy", "accuracy")),
        ({"mae": "<= 3"}, ("mae is not measured", "accuracy")),
        ({"better_than": "base"}, ("base is not among the systems", "evaluate.systems=[tuned, majority, base]")),
        ({"better_than": "tuned"}, ("tuned is not among the systems",)),
        ({"accuracy": 0.9}, ("cannot be read", ">= 0.9")),
    ],
)
def test_what_no_run_could_meet_is_refused_before_training(
    require: Any, words: tuple[str, ...], folder: Path, tiny_encoder: Path
) -> None:
    with pytest.raises(PlanError) as caught:
        run_plan(plan_of(folder, tiny_encoder, require), runs_dir=folder / "refused")
    for word in words:
        assert word in str(caught.value), caught.value
    assert not list((folder / "refused").glob("*/train"))

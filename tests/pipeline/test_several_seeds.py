"""`evaluate.seeds`: the plan trained again on the same split, and a verdict that covers every training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.pipeline.data import write_labelled
from tunewright.core.events import Event, NoteEvent, StepEvent, Tracker, null_tracker
from tunewright.core.planfile import plan_from
from tunewright.evaluate.again import read_scored
from tunewright.pipeline import Outcome, run_plan

STEPS = 40


def run(folder: Path, encoder: Path, *, runs: str = "runs", tell: Tracker = null_tracker, **run_: Any) -> Outcome:
    plan = {
        "model": str(encoder),
        "data": "rows.csv",
        "train": {"max_steps": STEPS, "batch_size": 16, "learning_rate": 3e-3},
        "evaluate": {"systems": ["tuned", "majority"], "seeds": 3, "require": {"better_than": "majority"}},
        "explain": {"methods": []},
        "run": {"threads": 1, "seed": 7, **run_},
    }
    return run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / runs, tell=tell)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("seeds")
    write_labelled(folder / "rows.csv")
    return folder, run(folder, tiny_encoder)


def test_each_training_is_scored_on_the_same_rows(made: tuple[Path, Outcome]) -> None:
    folder, done = made
    evaluate = folder / "runs/rows/evaluate"
    own = [r for r in pq.read_table(evaluate / "predictions.parquet").to_pylist() if r["system"] == "tuned"]
    trained = [read_scored(evaluate / f"seeds/seed-{seed}.parquet") for seed in (8, 9)]
    for one in trained:
        assert [p.row_id for p in one.predictions] == [r["row_id"] for r in own]
        assert (one.facts["steps"], one.facts["seconds"] > 0) == (STEPS, True)
    probabilities = [[max(p.probabilities) for p in one.predictions] for one in trained]
    assert probabilities[0] != probabilities[1]
    assert probabilities[0] != [r["probability"] for r in own]
    right = [np.mean([p.answer == p.reference for p in one.predictions]) for one in trained]
    seeds = done.metrics["seeds"]
    assert seeds["seeds"] == [7, 8, 9]
    assert seeds["values"]["accuracy"] == pytest.approx([np.mean([r["is_correct"] for r in own]), *right])
    assert seeds["primary"]["value"] == pytest.approx(np.mean(seeds["values"]["accuracy"]))
    assert seeds["training"]["steps"] == 2 * STEPS
    assert not list(evaluate.rglob("*.safetensors"))
    assert not [path for path in evaluate.rglob("*") if path.is_file() and path.name == "summary.json"]


def test_the_verdict_and_what_is_required_are_about_all_trainings(made: tuple[Path, Outcome]) -> None:
    folder, done = made
    seeds, (comparison,) = done.metrics["seeds"], done.metrics["comparisons"]
    rival = done.metrics["systems"]["majority"]["accuracy"]["value"]
    assert comparison["difference"] == pytest.approx(seeds["primary"]["value"] - rival)
    assert "and 3 trainings" in comparison["test"]
    assert done.verdict["sentence"].startswith("Over 3 trainings, the tuned model answers ")
    assert f"answers {100 * seeds['primary']['value']:.1f} %" in done.verdict["sentence"]
    assert any("with seeds 7, 8, 9, on the same split" in line for line in done.verdict["details"])
    assert not any("this trained model" in line for line in done.verdict["details"])
    (required,) = done.requirements
    assert f"{comparison['difference']:+.4g}" in required.found
    page = (folder / "runs/rows/report.html").read_text()
    assert "seed 7, the model that is kept" in page
    assert "mean, over seeds and rows" in page


class _Stopped(Exception):
    pass


def test_a_stopped_evaluation_goes_on_with_the_training_it_stopped_in(
    made: tuple[Path, Outcome], tiny_encoder: Path
) -> None:
    folder, whole = made
    copy = folder / "copied" / "rows"
    shutil.copytree(folder / "runs/rows", copy)
    shutil.rmtree(copy / "evaluate")
    steps: list[int] = []
    is_second = False

    def stop(event: Event) -> None:
        nonlocal is_second
        is_second = is_second or (isinstance(event, NoteEvent) and "training 3 of 3" in event.text)
        if is_second and isinstance(event, StepEvent) and event.step == 34:
            raise _Stopped

    def listen(event: Event) -> None:
        if isinstance(event, StepEvent):
            steps.append(event.step)

    with pytest.raises(_Stopped):
        run(folder, tiny_encoder, runs="copied", tell=stop)
    again = run(folder, tiny_encoder, runs="copied", tell=listen)
    assert steps == list(range(31, STEPS + 1))
    assert json.dumps(again.metrics["seeds"]["values"]) == json.dumps(whole.metrics["seeds"]["values"])
    assert again.metrics["comparisons"] == whole.metrics["comparisons"]


def test_one_training_says_that_it_is_one(tmp_path: Path, made: tuple[Path, Outcome], tiny_encoder: Path) -> None:
    folder, _ = made
    shutil.copytree(folder / "runs", tmp_path / "runs")
    shutil.copy(folder / "rows.csv", tmp_path)
    plan = json.loads(json.dumps({"model": str(tiny_encoder), "data": "rows.csv"}))
    plan |= {
        "train": {"max_steps": STEPS, "batch_size": 16, "learning_rate": 3e-3},
        "evaluate": {"systems": ["tuned", "majority"]},
        "explain": {"methods": []},
        "run": {"threads": 1, "seed": 7},
    }
    done = run_plan(plan_from(plan, folder=tmp_path, name="rows"), runs_dir=tmp_path / "runs")
    assert done.metrics["seeds"] is None
    assert any(line.startswith("This is said of this trained model") for line in done.verdict["details"])

"""The same architecture from random weights: equal operations, a rate of its own, nothing left but what was found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from tests.pipeline.data import write_labelled, write_numbers, write_pairs
from tunewright.core.events import Event, NoteEvent, StepEvent, Tracker, null_tracker
from tunewright.core.planfile import plan_from
from tunewright.evaluate.rivals.scratch_plan import FIRST, LEAST_TRIAL_STEPS
from tunewright.pipeline import Outcome, run_plan

STEPS = 24


def run(folder: Path, plan: dict[str, Any], *, runs: str = "runs", tell: Tracker = null_tracker) -> Outcome:
    return run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / runs, tell=tell)


def planned(encoder: Path, *systems: str) -> dict[str, Any]:
    return {
        "model": str(encoder),
        "data": "rows.csv",
        "train": {"max_steps": STEPS, "batch_size": 16, "learning_rate": 3e-3},
        "evaluate": {"systems": ["tuned", *systems]},
        "explain": {"methods": []},
        "run": {"threads": 1, "price_per_hour": 3.6},
    }


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Path, Outcome]:
    """A labelled run from one go, and the folder that it stands in."""
    folder = tmp_path_factory.mktemp("scratch")
    write_labelled(folder / "rows.csv")
    return folder, run(folder, planned(tiny_encoder, "base", "scratch"))


def test_it_takes_the_operations_that_the_tuned_model_took(made: tuple[Path, Outcome]) -> None:
    _, done = made
    cost = done.metrics["cost"]
    ours, theirs = cost["tuned"]["training"], cost["scratch"]["training"]
    assert (theirs["steps"], theirs["flops"]) == (STEPS, pytest.approx(ours["flops"]))
    for one in (ours, theirs):
        assert one["price"] == pytest.approx(one["seconds"] / 1000, abs=1e-5), "3.6 an hour"
    trials = cost["scratch"]["scratch"]["trials"]
    assert {trial["rate"] for trial in trials} >= set(FIRST)
    assert cost["scratch"]["search"]["steps"] == LEAST_TRIAL_STEPS * len(trials)
    best = min(trials, key=lambda trial: trial["validation_loss_nats"])
    assert cost["scratch"]["scratch"]["learning_rate"] == best["rate"]
    assert "training" not in cost["base"]


def test_its_answers_are_of_a_model_that_has_not_seen_the_checkpoint(made: tuple[Path, Outcome]) -> None:
    folder, done = made
    records = pq.read_table(folder / "runs/rows/evaluate/predictions.parquet").to_pylist()
    of = {system: [r for r in records if r["system"] == system] for system in ("tuned", "scratch")}
    assert [r["row_id"] for r in of["scratch"]] == [r["row_id"] for r in of["tuned"]]
    assert [r["probability"] for r in of["scratch"]] != [r["probability"] for r in of["tuned"]]
    (said,) = (line for line in done.verdict["details"] if line.startswith("From random weights"))
    share = sum(r["is_correct"] for r in of["scratch"]) / len(of["scratch"])
    assert f"reached {100 * share:.1f} % with as many operations" in said
    comparison = next(c for c in done.metrics["comparisons"] if c["b"] == "scratch")
    assert f"{comparison['ci95'][0]:+.4g} to {comparison['ci95'][1]:+.4g}" in said
    assert " p = " in said or " p < " in said
    assert "trained from scratch with as many operations" in done.verdict["sentence"]
    page = (folder / "runs/rows/report.html").read_text()
    assert "From random weights the same model reached" in page
    assert "Operations of training" in page


def test_nothing_is_left_of_its_weights_and_nothing_takes_a_public_name(made: tuple[Path, Outcome]) -> None:
    folder, _ = made
    evaluate = folder / "runs/rows/evaluate"
    assert not list(evaluate.rglob("*.safetensors"))
    names = {path.name for path in (evaluate / "scratch").rglob("*") if path.is_file()}
    assert all(name == "answers.parquet" or name.startswith("rate-") for name in names), names


class _Stopped(Exception):
    pass


def test_a_stopped_evaluation_does_no_finished_training_again(made: tuple[Path, Outcome], tiny_encoder: Path) -> None:
    folder, whole = made
    copy = folder / "copied" / "rows"
    shutil.copytree(folder / "runs/rows", copy)
    shutil.rmtree(copy / "evaluate")
    steps: list[int] = []
    is_final = False

    def stop_in_the_middle(event: Event) -> None:
        nonlocal is_final
        is_final = is_final or (isinstance(event, NoteEvent) and "steps at rate" in event.text)
        if is_final and isinstance(event, StepEvent) and event.step == 15:
            raise _Stopped

    def listen(event: Event) -> None:
        if isinstance(event, StepEvent):
            steps.append(event.step)

    plan = planned(tiny_encoder, "base", "scratch")
    with pytest.raises(_Stopped):
        run(folder, plan, runs="copied", tell=stop_in_the_middle)
    trials = {path: path.stat().st_mtime_ns for path in copy.rglob("rate-*.json")}
    assert len(trials) >= len(FIRST)
    assert not (copy / "evaluate/metrics.json").exists()
    again = run(folder, plan, runs="copied", tell=listen)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("rate-*.json")} == trials
    assert steps == list(range(11, STEPS + 1)), "from the checkpoint at step 10 on, and no trial"
    names = [folder / runs / "rows/evaluate/predictions.parquet" for runs in ("runs", "copied")]
    first, second = (pq.read_table(name).to_pylist() for name in names)
    assert first == second
    assert again.metrics["systems"] == whole.metrics["systems"]


def test_an_adapters_operations_buy_fewer_steps_of_full_training(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "rows.jsonl", n=60)
    plan = {
        "model": str(tiny_decoder),
        "data": "rows.jsonl",
        "train": {"max_steps": 30, "batch_size": 8, "method": "lora", "lora_r": 2},
        "evaluate": {"systems": ["tuned", "scratch"], "max_new_tokens": 4, "limit": 3},
        "run": {"threads": 1},
    }
    done = run(tmp_path, plan)
    cost = done.metrics["cost"]
    summary = json.loads((done.run.folder / "train/summary.json").read_text())
    assert summary["needed_flops"] < 0.9 * summary["full_flops"]
    n = round(30 * summary["needed_flops"] / summary["full_flops"])
    assert cost["scratch"]["training"]["steps"] == n < 30
    assert cost["scratch"]["training"]["flops"] == pytest.approx(summary["needed_flops"], rel=0.1), "rows differ"
    assert done.metrics["systems"]["scratch"]["bits_per_byte"]["n"] == done.metrics["rows"]
    assert done.metrics["systems"]["scratch"]["exact_match"]["n"] == 3
    (said,) = (line for line in done.verdict["details"] if line.startswith("From random weights"))
    assert "as not every weight learned" in said


def test_numbers_are_learned_from_random_weights_as_long_as_it_helps(tmp_path: Path, tiny_encoder: Path) -> None:
    write_numbers(tmp_path / "rows.csv", n_endings=4)
    plan = planned(tiny_encoder, "scratch:max") | {"task": "regress"}
    plan["train"] = {"max_steps": 4, "batch_size": 16, "learning_rate": 3e-3}
    cost = run(tmp_path, plan).metrics["cost"]["scratch:max"]
    assert cost["training"]["steps"] > 4
    assert cost["scratch"]["best_step"] < cost["training"]["steps"], "the best checkpoint answers"


def test_where_nothing_is_trained_there_are_no_operations_to_equal(
    made: tuple[Path, Outcome], tmp_path: Path, tiny_encoder: Path
) -> None:
    folder, _ = made
    shutil.copy(folder / "rows.csv", tmp_path)
    theirs = folder / "runs/rows/train/model"
    plan = planned(tiny_encoder, "scratch")
    plan["evaluate"] = {"systems": [f"path:{theirs}", "scratch", "majority"]}
    done = run(tmp_path, plan)
    assert "trains nothing" in done.metrics["not_run"]["scratch"]
    assert "training" not in done.metrics["cost"][f"path:{theirs}"]

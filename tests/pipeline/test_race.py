"""`select.race`: models and methods race on the user's rows, the winner is trained, and a stopped race goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from tests.pipeline.data import write_labelled, write_pairs
from tests.tiny import save_tiny_encoder
from tunewright.core.errors import ModelError, PlanError
from tunewright.core.events import Event, NoteEvent, Tracker, null_tracker
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.pipeline import Outcome, decide, run_plan
from tunewright.report.race import race_of
from tunewright.report.read import read_run
from tunewright.verbs.reproduce import reproduce

TRAINING = "race: "


def run(folder: Path, *, tell: Tracker = null_tracker, until: str = "train", **select: Any) -> Outcome:
    plan = {
        "task": "classify",
        "select": {"candidates": ["broken", "good"], "race": True, "budget": "30min", **select},
        "data": "rows.csv",
        "train": {"max_steps": 30, "learning_rate": 3e-3},
        "evaluate": {"systems": ["tuned", "majority"]},
        "explain": {"methods": []},
        "run": {"threads": 1},
    }
    return run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / "runs", tell=tell, until=until)


def write_models(folder: Path, names: tuple[str, ...] = ("broken", "good")) -> None:
    """`broken` has the same facts, and weights that are no numbers."""
    for name in names:
        save_tiny_encoder(folder / name)
    if "broken" in names:
        path = folder / "broken" / "model.safetensors"
        save_file({name: torch.full_like(w, torch.nan) for name, w in load_file(path).items()}, path, {"format": "pt"})


def read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "runs/rows" / name).read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Stopping:
    """Listens, and stops the run before the n-th short training."""

    def __init__(self, n: int) -> None:
        self.n, self.trained = n, list[str]()

    def __call__(self, event: Event) -> None:
        if isinstance(event, NoteEvent) and event.text.startswith(TRAINING) and event.text.endswith(" rows"):
            if len(self.trained) == self.n:
                raise KeyboardInterrupt
            self.trained.append(event.text)


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """A race that was stopped before its fourth training and went on; what each part trained."""
    folder = tmp_path_factory.mktemp("race")
    write_labelled(folder / "rows.csv")
    write_models(folder)
    first, second = Stopping(3), Stopping(99)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tell=first)
    run(folder, tell=second)
    return folder, first.trained, second.trained


def test_a_stopped_race_trains_nothing_twice(raced: tuple[Path, list[str], list[str]]) -> None:
    folder, first, second = raced
    finished = [one for one in first if "broken" not in one]
    assert finished
    assert not set(finished) & set(second)
    assert not list((folder / "runs/rows/select.race").rglob("*.safetensors"))


def test_the_one_that_fails_is_named_and_the_race_goes_on(raced: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = raced
    record = read(folder, "select/race.json")
    failed = {one["name"]: one["failure"] for one in record["candidates"] if one["failure"]}
    assert set(failed) == {"broken, full", "broken, head"}
    assert all("not a number" in why for why in failed.values())
    assert record["winner"] in ("good, full", "good, head")
    assert record["n_rows"] == 84
    assert record["spent_seconds"] < record["budget_seconds"] == 1800
    assert record["rival"]["unit"] == "wrong answers a row"
    assert 0 <= record["rival"]["loss"] < 0.5
    sizes = {one["name"]: list(one["losses"]) for one in record["candidates"] if not one["failure"]}
    assert sizes == {"good, full": ["16", "32", "64"], "good, head": ["16", "32", "64"]}


def test_the_winner_is_what_is_trained_and_the_reason_is_in_the_plan(raced: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = raced
    record = read(folder, "select/race.json")
    resolved = yaml.safe_load((folder / "runs/rows/resolved.yaml").read_text(encoding="utf-8"))
    model, method = record["winner"].split(", ")
    assert (resolved["plan"]["model"]["name"], resolved["plan"]["train"]["method"]) == (model, method)
    reasons = {one["field"]: one["reason"] for one in resolved["choices"]}
    assert reasons["train.method"] == reasons["model.name"] == record["reason"]
    assert reasons["model.name"].startswith("won the race")
    assert read(folder, "train/summary.json")["method"] == method
    assert read(folder, "select/candidates.json")["candidates"][0]["reason"].startswith("won the race")


def test_the_whole_training_completes_the_learning_curve(raced: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = raced
    curve, steps = read(folder, "train/learning_curve.json"), (folder / "runs/rows/train/steps.jsonl").read_text()
    measured = [json.loads(line) for line in steps.splitlines()]
    best = min(one["loss_nats"] for one in measured if one["event"] == "ValidationEvent")
    assert [size for size, _ in curve["measured"]] == [16, 32, 64, 84]
    assert curve["measured"][-1][1] == curve["became"] == best
    assert curve["sentence"].startswith("twice the data would buy ")


def test_the_page_shows_what_raced(raced: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = raced
    view = race_of(read_run(folder / "runs/rows"))
    assert view is not None
    assert view.lines[0].fate == "won"
    assert {line.fate for line in view.lines if "broken" in line.name} == {view.lines[-1].fate}
    assert "Twice the data would buy" in view.curve_words


def test_a_reproduction_trains_what_won_and_does_not_race_again(raced: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = raced
    run(folder, until="evaluate")
    found = reproduce(Run(folder / "runs/rows"))
    assert (found.found.verdict, found.found.changes) == ("identical", ())
    assert not (folder / "runs/rows-again/select.race").exists()
    assert not (folder / "runs/rows-again/select/race.json").exists()


def test_before_the_run_the_choice_by_facts_is_shown_and_said_to_be_that(tmp_path: Path) -> None:
    write_labelled(tmp_path / "rows.csv")
    write_models(tmp_path)
    plan = {"task": "classify", "data": "rows.csv", "select": {"candidates": ["broken", "good"], "budget": "1min"}}
    told: list[str] = []
    loaded = plan_from(plan, folder=tmp_path, name="rows")
    shown = decide(loaded, tell=lambda event: told.append(event.text) if isinstance(event, NoteEvent) else None)
    assert shown.plan.model.name == "broken"
    assert shown.plan.select.race is True
    assert "models race when this plan is run: what stands here is the choice by facts, before it" in told


def test_a_race_of_failures_ends_with_the_reason(tmp_path: Path) -> None:
    write_labelled(tmp_path / "rows.csv")
    write_models(tmp_path, ("broken",))
    with pytest.raises(ModelError, match="none of 2 candidates could be trained") as caught:
        run(tmp_path, candidates=["broken"])
    assert "not a number" in str(caught.value.why)


def test_a_budget_that_is_no_time_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'soon' is not a time") as caught:
        run(tmp_path, budget="soon")
    assert caught.value.where == "select.budget"


def test_models_that_write_race_in_bits_per_byte_against_the_model_before_tuning(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    """Of 28 train rows one round of 16 is possible."""
    write_pairs(tmp_path / "rows.jsonl")
    plan = {
        "model": str(tiny_decoder),
        "data": "rows.jsonl",
        "select": {"budget": "30min"},
        "train": {"max_steps": 10, "learning_rate": 3e-3},
        "evaluate": {"systems": ["tuned", "base"]},
        "run": {"threads": 1},
    }
    loaded = plan_from(plan, folder=tmp_path, name="rows")
    run_plan(loaded, runs_dir=tmp_path / "runs", until="select")
    record = read(tmp_path, "select/race.json")
    (frozen,) = record["frozen"]
    losses = [one["losses"]["16"] for one in record["candidates"]]
    assert [one["name"] for one in record["candidates"]] == [f"{tiny_decoder}, full", f"{tiny_decoder}, lora"]
    assert record["unit"] == "bits per byte"
    assert losses == sorted(losses)
    assert 0 < losses[0] < losses[1] < frozen["bits_per_byte"] < 10  # a random byte is 8 bits and a little
    rival = {"name": "the model before tuning", "loss": frozen["bits_per_byte"], "unit": "bits per byte", "noise": 0.0}
    assert record["rival"] == rival
    assert record["worth"].startswith("tuning is worth it")
    assert "not known: fewer than two sizes" in record["learning_curve"]["sentence"]

"""A rate that is tried for: read off the curve, never one that diverges, the default where the curve says nothing."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path

import pytest
import torch

from tests.numerics.training import tiny_training
from tests.tiny import tiny_card
from tunewright.core.errors import NonFiniteLoss
from tunewright.core.events import Event, NoteEvent, StepEvent, null_tracker
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Message, Row
from tunewright.text.rows import write_rows
from tunewright.train import found_rate
from tunewright.train import range_test as module
from tunewright.train.default_rate import DefaultRate, default_rate
from tunewright.train.found_rate import with_rate
from tunewright.train.inputs import TrainInputs
from tunewright.train.range_test import ALL, DIVERGES, Point, chosen, holds, range_test, trial_of
from tunewright.train.stage import train

DEFAULT = DefaultRate(1e-3, "because")


def curve(losses: list[float]) -> list[Point]:
    """At rates 1e-5, 2e-5, 4e-5 ..."""
    return [Point(1e-5 * 2**i, loss, loss) for i, loss in enumerate(losses)]


FALLS = [3.0, 3.0, 2.9, 2.7, 2.4, 2.2, 2.1, 2.0, 1.9, 1.8, 1.75, 1.9, 2.6, 5.0]


@pytest.mark.parametrize("ended", [ALL, DIVERGES, "24 seconds were over"])
def test_chosen_is_a_tenth_of_the_rate_with_the_lowest_loss(ended: str) -> None:
    rate, why = chosen(curve(FALLS), ended=ended)
    assert rate == pytest.approx(1e-6 * 2**10, rel=0.05), "two digits"
    assert "where the loss was lowest" in why
    assert "Smith 2017" in why


def test_chosen_is_a_tenth_of_the_highest_rate_when_the_loss_falls_to_the_end() -> None:
    rate, why = chosen(curve(FALLS[:11]), ended=ALL)
    assert rate == pytest.approx(1e-6 * 2**10, rel=0.05)
    assert "still fell" in why


def test_chosen_is_nothing_when_the_clock_stopped_a_loss_that_still_fell() -> None:
    """Seen: a tenth of the last rate was a third of the default, and learned half as much (minilm-l6, banking77)."""
    rate, why = chosen(curve(FALLS[:11]), ended="24 seconds were over")
    assert rate is None
    assert why == "the loss still fell when 24 seconds were over"


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ([3.0, 2.9, 2.8], "only 3 rates"),
        ([3.0 + 0.1 * i for i in range(20)], "never fell"),
        ([3.0] * 20, "never fell"),
        ([3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.999, *([3.0] * 9)], "no more than it jumps about"),
    ],
)
def test_chosen_says_why_a_curve_tells_nothing(losses: list[float], why: str) -> None:
    rate, reason = chosen(curve(losses), ended=ALL)
    assert rate is None
    assert why in reason


def test_range_test_tries_rising_rates_around_the_default_and_finds_the_same_again(tiny_encoder: Path) -> None:
    first, second = (range_test(tiny_training(tiny_encoder, task="classify", n_steps=40), DEFAULT) for _ in range(2))
    assert first.points == second.points
    assert (first.rate, first.is_found) == (second.rate, True)
    rates = [p.rate for p in first.points]
    assert rates[0] == pytest.approx(DEFAULT.value / 50)
    assert all(b / a == pytest.approx(rates[1] / rates[0]) for a, b in pairwise(rates))
    lowest = min(first.points, key=lambda p: p.smoothed_nats).rate
    assert first.rate <= lowest / 10 * 1.05, "two digits"


def test_range_test_takes_the_default_when_the_clock_ends_it_too_early(tiny_encoder: Path) -> None:
    ticks = count(step=11.0)
    found = range_test(tiny_training(tiny_encoder, task="classify", n_steps=40), DEFAULT, clock=lambda: next(ticks))
    assert (found.rate, found.is_found, found.ended) == (1e-3, False, "24 seconds were over")
    assert found.reason.endswith("the default instead (because)")


def test_range_test_ends_where_the_loss_diverges(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(training: object, *, done: int = 0) -> object:
        for i, loss in enumerate([*FALLS, math.inf], start=1):
            if math.isinf(loss):
                raise NonFiniteLoss(step=i, row_ids=("a",))
            yield StepEvent(i, 40, 0.0, loss, 1, 1, 1e-5 * 2**i, 1.0, 0.0)

    monkeypatch.setattr(module, "train_steps", steps)
    found = range_test(tiny_training(tiny_encoder, task="classify", n_steps=40), DEFAULT)
    assert found.ended == "the loss diverged"
    assert found.is_found
    assert found.rate < 1e-6 * 2**11


@pytest.mark.parametrize(("rate", "is_kept"), [(1e-3, True), (1.0, False)])
def test_holds_is_no_for_a_rate_at_which_the_loss_rises(rate: float, is_kept: bool, tiny_encoder: Path) -> None:
    assert holds(tiny_training(tiny_encoder, task="classify", n_steps=40), rate) == is_kept


def test_a_rate_that_was_found_and_makes_the_loss_rise_is_not_taken(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_rate, "holds", lambda training, rate: False)
    inputs = with_rate(inputs_of(tmp_path, tiny_decoder, rate="find"), work=tmp_path, tell=null_tracker)
    assert inputs.plan.train.learning_rate == default_rate(inputs.card, method="lora").value
    assert inputs.rate_search is not None
    assert "the loss rose at it: the default instead" in inputs.rate_search["reason"]


def test_trial_takes_smaller_batches_before_it_takes_fewer_steps(tiny_decoder: Path) -> None:
    training = replace(tiny_training(tiny_decoder, task="generate"), gradient_accumulation_steps=4, batch_size=8)
    card = tiny_card(tiny_decoder, "decoder")
    large = replace(card, n_layers=16, hidden_size=2048, intermediate_size=8192)
    small_trial, large_trial = (trial_of(training, c, method="full", threads=2) for c in (card, large))
    assert (small_trial.batch_size, small_trial.n_steps, small_trial.gradient_accumulation_steps) == (8, 40, 1)
    assert large_trial.batch_size < 8
    assert large_trial.n_steps >= 16


def inputs_of(folder: Path, model: Path, *, rate: float | str) -> TrainInputs:
    """Twenty questions, six steps."""
    turns = [(Message("user", f"say {i}"), Message("assistant", f"you said {i}", is_trained=True)) for i in range(20)]
    prepared = folder / "prepared"
    prepared.mkdir(exist_ok=True)
    for split in ("train", "validation", "test"):
        rows = [Row(f"train:{i}", messages=t) for i, t in enumerate(turns)] if split == "train" else []
        write_rows(prepared / f"{split}.parquet", rows)
    lora = {"lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": "all-linear"}
    steps = {"epochs": 1.0, "max_steps": 6, "batch_size": 4, "save_steps": 3, "eval_steps": 6, "patience": 3}
    plan = Plan.model_validate(
        {
            "task": "generate",
            "model": {"name": str(model), "dtype": "float32"},
            "prepare": {"max_length": 64},
            "train": {"method": "lora", "layers": "all", "learning_rate": rate, "warmup_ratio": 0.1}
            | {"weight_decay": 0.01}
            | lora
            | steps,
            "evaluate": {"primary_metric": "bits_per_byte"},
            "run": {"device": "cpu", "threads": 1, "name": "x"},
        }
    )
    facts = DataFacts(task="generate", n_rows={"train": 20}, labels=(), rows_per_label={}, bytes_per_row=20.0)
    return TrainInputs(plan, tiny_card(model, "decoder"), facts, prepared, "f", 0, predicted_memory={})


def test_training_at_a_found_rate_is_training_at_that_rate_and_never_searches_again(
    tiny_decoder: Path, tmp_path: Path
) -> None:
    told: list[str] = []

    def tell(event: Event) -> None:
        told.append(event.text if isinstance(event, NoteEvent) else "")

    work, plain = tmp_path / "find", tmp_path / "plain"
    work.mkdir()
    plain.mkdir()
    summary = train(inputs_of(tmp_path, tiny_decoder, rate="find"), work=work, tell=tell)
    record = json.loads((work / "learning_rate.json").read_text())
    assert summary["learning_rate"] == record["rate"] == summary["learning_rate_search"]["rate"]
    assert any(text.startswith(f"learning rate {record['rate']:g}") for text in told)
    train(inputs_of(tmp_path, tiny_decoder, rate=record["rate"]), work=plain)
    weights = (folder / "adapter/adapter_model.safetensors" for folder in (work, plain))
    assert next(weights).read_bytes() == next(weights).read_bytes(), "the search left a mark on the training"

    told.clear()
    (work / "learning_rate.json").write_text(json.dumps(record | {"rate": 2e-3}))
    torch.manual_seed(5)
    assert train(inputs_of(tmp_path, tiny_decoder, rate="find"), work=work, tell=tell)["learning_rate"] == 2e-3
    assert not any("learning rate" in text for text in told)

"""What tuning cost: bits on general text, KL, the alarm, and the curve over the adapter's weight."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.numerics.training import LORA, tiny_adapted, tiny_rows
from tests.tiny import tiny_card
from tunewright.core.plan import Plan
from tunewright.core.values import Comparison, Encoded, LossSum, Prediction, Row
from tunewright.evaluate.side_effects.forgetting import (
    ALARM_RISE,
    advice_for,
    alarm_of,
    general_encoded,
    general_predictions,
    general_record,
    kl_metric,
)
from tunewright.evaluate.side_effects.general import General, general_text
from tunewright.evaluate.side_effects.weight_curve import WEIGHTS, best_weight, how_to_weigh, sentence, weight_curve
from tunewright.model.load import Loaded, load_model
from tunewright.text.batch import batch_of
from tunewright.train.objective import OBJECTIVES

ROWS = tuple(Row(f"general:{i}", text=text) for i, text in enumerate(("a river", "é" * 300, "the moon"), start=1))
GENERAL = General("shipped", ROWS, 3)
SHORT = tuple(replace(row, text=row.text[:150]) for row in general_text("shipped", seed=0).rows[::16])


@pytest.fixture(scope="module")
def loaded(tiny_decoder: Path) -> Loaded:
    return load_model(tiny_card(tiny_decoder, "decoder"), task="generate")


@pytest.fixture(scope="module")
def reader(tiny_decoder: Path) -> Loaded:
    """A tiny model that has learned to read a few lines, so that it has something to forget."""
    found = load_model(tiny_card(tiny_decoder, "decoder"), task="generate")
    _learn(found, general_encoded(found, SHORT), rate=1e-2, steps=40)
    return found


def _learn(loaded: Loaded, encoded: tuple[Encoded, ...], *, rate: float, steps: int) -> None:
    batch = batch_of(encoded, pad_id=loaded.pad_id)
    optimizer = torch.optim.AdamW(loaded.model.parameters(), lr=rate)
    for _ in range(steps):
        loss = OBJECTIVES["generate"](loaded.model, batch)
        (loss.nats / loss.n_targets).backward()
        optimizer.step()
        optimizer.zero_grad()
    loaded.model.eval()


def test_a_paragraph_costs_its_nats_one_token_at_a_time(loaded: Loaded) -> None:
    """Oracle: the naive loop. The second paragraph has 600 bytes, which this model reads in two pieces."""
    found = general_predictions(loaded, ROWS, system="tuned")
    for row, prediction in zip(ROWS, found, strict=True):
        ids = loaded.tokenizer(row.text, add_special_tokens=False)["input_ids"]
        pieces = [ids[i : i + 512] for i in range(0, len(ids), 512)]
        assert prediction.reference_nats == pytest.approx(sum(_nats(loaded, piece) for piece in pieces), rel=1e-5)
    assert [p.reference_bytes for p in found[::2]] == [len("river") + 1, len("he moon")]
    assert len(general_encoded(loaded, ROWS)) == 4


def test_the_end_of_a_paragraph_is_no_end_of_an_answer(loaded: Loaded) -> None:
    """Tuning on answers changes when a model stops; that is not forgetting."""
    (piece,) = general_encoded(loaded, ROWS[:1])
    assert loaded.tokenizer.decode(piece.ids) == "a river"


def test_general_record_is_the_paired_difference_over_paragraphs() -> None:
    before = [Prediction(f"g:{i}", "base", reference_nats=math.log(2) * 80, reference_bytes=100) for i in range(4)]
    after = [replace(p, system="tuned", reference_nats=math.log(2) * (84 + i)) for i, p in enumerate(before)]
    found, compared = general_record(after, before, general=GENERAL, seed=0)
    assert (found["base"]["value"], found["tuned"]["value"]) == (pytest.approx(0.8), pytest.approx(0.855))
    assert found["rise"] == pytest.approx(0.055 / 0.8)
    assert (compared.a, compared.b, found["not_finite"]) == ("tuned", "base", 0)
    assert compared.ci95[0] > 0.03


def test_kl_is_a_mean_over_tokens_and_says_what_is_not_a_number() -> None:
    found = kl_metric([LossSum(2.0, 4), LossSum(1.0, 8), LossSum(math.nan, 5), LossSum()], seed=0)
    assert (found.value, found.n, found.unit) == (0.25, 2, "nats/token")
    assert found.reason == "1 rows gave no finite number"
    nothing = kl_metric([LossSum()], seed=0)
    assert (math.isnan(nothing.value), nothing.n, nothing.reason) == (True, 0, "no test row has a token to score")


@pytest.mark.parametrize(
    ("rise", "interval", "is_on"),
    [
        (2 * ALARM_RISE, (0.01, 0.2), True),
        (2 * ALARM_RISE, (-0.01, 0.2), False),  # may be nothing at all
        (0.5 * ALARM_RISE, (0.001, 0.02), False),
        (-0.02, (-0.03, -0.01), False),
        (2 * ALARM_RISE, (math.nan, math.nan), None),  # one paragraph
        (math.nan, (math.nan, math.nan), None),
    ],
)
def test_alarm_needs_a_rise_over_the_threshold_that_is_no_chance(
    rise: float, interval: tuple[float, float], is_on: bool | None
) -> None:
    found = alarm_of(_record(rise), _compared(interval), advice=("do this",))
    assert (found.is_on, found.threshold) == (is_on, ALARM_RISE)
    assert bool(found.advice) == (is_on is True or math.isnan(rise))
    assert ("has forgotten" in found.sentence) == (is_on is True)


def test_alarm_is_on_when_the_tuned_model_gives_no_number() -> None:
    found = alarm_of(_record(math.nan, not_finite=3), _compared((math.nan, math.nan)), advice=())
    assert found.is_on
    assert "no finite number" in found.sentence


def test_one_paragraph_has_a_value_and_no_interval(loaded: Loaded) -> None:
    (one,) = general_predictions(loaded, ROWS[:1], system="tuned")
    found, compared = general_record([one], [replace(one, system="base")], general=GENERAL, seed=0)
    assert found["rise"] == 0.0
    assert math.isnan(compared.ci95[0])
    assert "cannot be said" in alarm_of(found, compared, advice=()).sentence


@pytest.mark.parametrize(("rate", "is_on"), [(1e-4, False), (30 * 1e-4, True)])
def test_thirty_times_the_rate_sounds_the_alarm_and_the_meant_one_does_not(
    reader: Loaded, rate: float, is_on: bool
) -> None:
    before = general_predictions(reader, SHORT, system="base")
    tuned = replace(reader, model=copy.deepcopy(reader.model))
    _learn(tuned, tiny_rows(tuned, task="generate", n_rows=8), rate=rate, steps=20)
    found, compared = general_record(general_predictions(tuned, SHORT, system="tuned"), before, general=GENERAL, seed=0)
    assert found["rise"] > 0
    assert alarm_of(found, compared, advice=()).is_on is is_on


def test_advice_is_lines_to_copy() -> None:
    train = {"learning_rate": 3e-3, "layers": "all", "epochs": 3}
    told = advice_for(Plan.model_validate({"train": train}), n_layers=30, weight="half of it")
    assert [line.partition(":")[0] for line in told] == [
        "half of it",
        "train.learning_rate=0.001",
        "train.layers=last",
        "train.epochs=1",
    ]
    assert (
        advice_for(Plan.model_validate({"train": {"learning_rate": "find", "epochs": 1}}), n_layers=1, weight="") == ()
    )


def test_curve_runs_from_the_base_to_the_tuned_model(tiny_decoder: Path, loaded: Loaded) -> None:
    tuned = tiny_adapted(tiny_decoder, task="generate", plan=LORA)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in tuned.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    tuned.model.eval()
    rows = general_text("shipped", seed=0).rows[::10]
    task = general_encoded(loaded, rows[:2])
    found = weight_curve(tuned, task, rows)
    assert [point["weight"] for point in found["points"]] == list(WEIGHTS)
    for model, point in ((loaded, found["points"][0]), (tuned, found["points"][-1])):
        predictions = general_predictions(model, rows, system="x")
        nats, n_bytes = (sum(getattr(p, f"reference_{what}") for p in predictions) for what in ("nats", "bytes"))
        assert point["general"] == pytest.approx(nats / math.log(2) / n_bytes, rel=1e-5)
    assert (found["rows"], found["paragraphs"], found["reason"]) == (2, 10, "")
    assert weight_curve(loaded, task, rows)["reason"] == "every weight was trained: there is no adapter to weigh"
    assert weight_curve(tuned, (), rows)["points"] == []


def test_best_weight_keeps_nine_tenths_of_the_best_gain_at_the_least_forgetting() -> None:
    points = _points((1.0, 0.8, 0.62, 0.6, 0.58), (1.0, 1.01, 1.02, 1.1, 1.4))
    assert best_weight(points) == 0.5  # .38 of .42
    told = sentence(points, best=0.5)
    assert told == "At weight 0.5 the adapter keeps 90 % of the gain on the task and 5 % of the rise on general text."
    too_far = _points((1.0, 0.8, 0.9, 1.2, 2.0), (1.0, 1.1, 1.2, 1.3, 1.4))
    assert best_weight(too_far) == 0.25
    assert "where the full weight has none" in sentence(too_far, best=0.25)
    assert best_weight(_points((1.0, 1.1, 1.2, 1.3, 1.4), (1.0,) * 5)) is None
    assert best_weight(_points((1.0, 0.9, math.nan, math.nan, math.nan), (1.0,) * 5)) == 0.25
    assert best_weight(_points((1.0, 0.9, 0.8, 0.7, 0.6), (1.0,) * 5)) == 1.0
    assert "At no weight" in sentence(points, best=None)


def test_how_to_weigh_names_the_alpha_that_a_copy_needs(tiny_decoder: Path, loaded: Loaded) -> None:
    tuned = tiny_adapted(tiny_decoder, task="generate", plan=LORA)
    told = how_to_weigh(tuned, weight=0.25, folder="train/adapter of the run")
    assert 'in a copy of train/adapter of the run set "lora_alpha": 2 (now 8) in adapter_config.json' in told
    for weight in (None, 0.0, 1.0):
        assert how_to_weigh(tuned, weight=weight, folder="x") == ""
    assert how_to_weigh(loaded, weight=0.5, folder="x") == ""


def _points(task: tuple[float, ...], general: tuple[float, ...]) -> list[dict[str, Any]]:
    return [{"weight": w, "task": t, "general": g} for w, t, g in zip(WEIGHTS, task, general, strict=True)]


def _record(rise: float, *, not_finite: int = 0) -> dict[str, Any]:
    of = {"value": 0.9, "n": 3}
    found = {"rise": rise, "not_finite": not_finite, "base": of, "tuned": {**of, "value": 0.9 * (1 + rise)}}
    json.dumps(found)
    return found


def _compared(interval: tuple[float, float]) -> Comparison:
    return Comparison("tuned", "base", "bits_per_byte", 0.0, interval, 0.01, "a test", "not distinguishable")


def _nats(loaded: Loaded, ids: list[int]) -> float:
    with torch.inference_mode():
        log_p_TV = loaded.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return -sum(float(log_p_TV[t - 1, token]) for t, token in enumerate(ids) if t)

"""check says what a run would find, stops where a run would stop, and leaves no file anywhere."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.pipeline.data import write_labelled, write_pairs
from tunewright.core.events import NoteEvent
from tunewright.core.planfile import LoadedPlan, load_plan
from tunewright.core.values import Encoded
from tunewright.pipeline import decide, run_plan
from tunewright.verbs.check import Check, check
from tunewright.verbs.measured_step import MeasuredSteps, Timed
from tunewright.verbs.model_check import time_estimate
from tunewright.verbs.resolution import resolution


def plan(data: Path, model: Path, *overrides: str) -> LoadedPlan:
    return load_plan(data, overrides=(f"model={model}", "run.threads=1", *overrides))


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 rows, the third and last one a repetition."""
    data = write_labelled(tmp_path_factory.mktemp("check") / "rows.csv", n_endings=4)
    with data.open("a", encoding="utf-8") as file:
        file.write("money back please,refund\n")
    return data


def test_check_measures_a_step_and_writes_nothing(
    labelled: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(labelled.parent)
    before = listing(labelled.parent), listing(tiny_encoder)
    told: list[object] = []
    found = check(plan(labelled, tiny_encoder), tell=told.append)
    assert (listing(labelled.parent), listing(tiny_encoder)) == before
    assert found.error is None
    model = found.model
    assert model is not None
    assert model.step is not None
    assert model.time is not None
    assert model.memory.measured_bytes == model.step.peak_memory_bytes
    assert model.time.low_seconds <= model.time.seconds <= model.time.high_seconds
    assert any(isinstance(e, NoteEvent) and "measuring" in e.text for e in told)


def test_check_accounts_for_every_row_and_token(labelled: Path, tiny_encoder: Path) -> None:
    found = check(plan(labelled, tiny_encoder, "prepare.max_length=14"), takes_step=False)
    assert found.rows_read == 49 == sum(found.rows_kept.values()) + sum(found.dropped.values())
    assert found.dropped == {"duplicate": 1}
    assert found.columns == {"text": "text", "label": "label"}
    assert (found.task, found.n_labels) == ("classify", 3)
    model = found.model
    assert model is not None
    train = model.tokens["train"]
    assert (train.rows, train.turns, train.turns_trained) == (found.rows_kept["train"],) * 3
    assert train.rows_cut > 0
    assert found.checks["long_rows"]["status"] == "found"
    (card,) = (card for card in found.cards if card.check == "long_rows")
    assert card.groups[0].rows[0].row_id in {i for f in found.findings if f.check == "long_rows" for i in f.row_ids}
    assert (model.step, model.time, model.memory.measured_bytes) == (None, None, None)
    assert model.why_no_step == "--no-step"


def test_check_counts_answers_and_their_tokens(tiny_decoder: Path, tmp_path: Path) -> None:
    found = check(plan(write_pairs(tmp_path / "pairs.jsonl"), tiny_decoder), takes_step=False)
    assert found.model is not None
    test = found.model.tokens["test"]
    assert test.turns_trained == test.turns == test.rows == found.rows_kept["test"]
    answers = sum(len(f"you said {i}, fine") + 1 for i in range(40))
    assert sum(of.tokens_trained for of in found.model.tokens.values()) == answers
    assert {probe.status for probe in found.model.probes} == {"ok"}


def test_check_shows_the_row_of_median_length_or_the_one_asked_for(labelled: Path, tiny_encoder: Path) -> None:
    found = check(plan(labelled, tiny_encoder), takes_step=False)
    asked = check(plan(labelled, tiny_encoder), row_id="train:2", takes_step=False)
    assert found.model is not None
    assert asked.model is not None
    assert len(found.model.shown.tokens[0].pieces) == found.model.tokens["train"].median
    assert asked.model.shown.row.row_id == "train:2"
    text = "".join(piece.text for piece in asked.model.shown.tokens[0].pieces)
    assert text == f"[CLS]{asked.model.shown.row.text}[SEP]"


def stopped(found: Check, *, code: int, said: str) -> None:
    assert found.error is not None
    assert found.error.exit_code == code
    assert said in str(found.error)
    assert found.error.fix


def test_check_still_says_what_was_found_when_the_test_rows_leak(labelled: Path, tiny_encoder: Path) -> None:
    found = check(plan(labelled, tiny_encoder, f"data.test={labelled}"), takes_step=False)
    stopped(found, code=3, said="leak")
    assert [f.severity for f in found.findings if f.check == "leakage"] == ["error"]
    assert found.rows_read == 98
    assert found.model is None


def test_check_still_says_what_was_found_when_nothing_can_be_divided(tiny_encoder: Path, tmp_path: Path) -> None:
    data = tmp_path / "one.csv"
    data.write_text("text,label\n" + "".join(f"row {i},same\n" for i in range(8)) + ",same\n")
    found = check(plan(data, tiny_encoder, "task=classify"), takes_step=False)
    stopped(found, code=3, said="same label")
    assert found.rows_read == 9
    assert found.dropped == {"empty": 1}
    assert [finding.check for finding in found.findings] == ["empty"]


def test_check_still_says_what_was_found_when_no_row_fits_or_the_model_is_missing(
    labelled: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    small = check(plan(labelled, tiny_encoder, "run.memory_limit=100MB"), takes_step=False)
    stopped(small, code=4, said="fit")
    assert small.rows_read == 49
    none = check(plan(labelled, tmp_path / "no-model"), takes_step=False)
    stopped(none, code=4, said="no such model folder")
    assert none.rows_read == 49


def test_check_names_a_row_to_show_when_the_asked_one_is_not_there(labelled: Path, tiny_encoder: Path) -> None:
    stopped(check(plan(labelled, tiny_encoder), row_id="train:999", takes_step=False), code=3, said="no row train:999")
    gone = check(plan(labelled, tiny_encoder), row_id="train:50", takes_step=False)
    stopped(gone, code=3, said="left out: duplicate")


def encoded(n_tokens: int) -> Encoded:
    return Encoded("train:1", (1,) * n_tokens, (False,) * n_tokens)


def test_time_is_the_tokens_of_all_steps_and_validations_at_the_measured_rate(
    labelled: Path, tiny_encoder: Path
) -> None:
    resolved = decide(plan(labelled, tiny_encoder, "train.batch_size=2", "train.epochs=3", "train.eval_steps=2")).plan
    step = MeasuredSteps(
        peak_memory_bytes=1,
        longest=Timed(5.0, 100),
        typical=(Timed(1.0, 10), Timed(2.0, 40)),
        validation=Timed(1.0, 10),
        n_trainable=1,
        n_total=1,
    )
    found = time_estimate(resolved, step, train=[encoded(10)] * 4, validation=[encoded(5)] * 2)
    assert found.n_steps == 6  # 4 rows, 2 a step, 3 epochs
    validating = 3 * 10 * 0.1  # after steps 2, 4, 6: 10 tokens
    assert found.seconds == pytest.approx(120 * 3 / 50 + validating)
    assert found.low_seconds == pytest.approx(120 * 2 / 40 + validating)
    assert found.high_seconds == pytest.approx(120 * 1 / 10 + validating)
    assert time_estimate(resolved, replace(step, validation=None), train=[encoded(10)] * 4, validation=[]).seconds == (
        pytest.approx(120 * 3 / 50)
    )


@pytest.mark.parametrize("method", ["full", "lora"])
def test_disk_is_enough_for_what_a_training_leaves(method: str, tiny_decoder: Path, tmp_path: Path) -> None:
    loaded = plan(write_pairs(tmp_path / "pairs.jsonl"), tiny_decoder, f"train.method={method}", "train.max_steps=25")
    found = check(loaded, takes_step=False).model
    run = run_plan(loaded, runs_dir=tmp_path / "runs", until="train").run
    weights = sum(p.stat().st_size for p in run.stage("train").rglob("*.safetensors"))
    assert found is not None
    assert weights < found.disk_bytes < 2.5 * weights


def test_resolution_is_nan_without_test_rows_and_halves_with_four_times_the_rows() -> None:
    assert math.isnan(resolution(0, is_classify=True).in_points)
    assert math.isnan(resolution(100, is_classify=False).in_points)
    assert resolution(400, is_classify=True).in_points == pytest.approx(resolution(100, is_classify=True).in_points / 2)

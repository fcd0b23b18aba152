"""Nested subsets, and the steps of a short training."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from tunewright.core.plan import Plan
from tunewright.core.values import Message, Row
from tunewright.racing.kept import Kept
from tunewright.racing.subsets import VALIDATION_ROWS, nested, sides
from tunewright.racing.trained import answer_bytes, last_loss, short_plan
from tunewright.text.rows import write_rows

ROWS = tuple(Row(f"train:{i}", text=f"row {i}", label="rare" if i % 10 == 0 else "often") for i in range(100))


def test_nested_gives_every_beginning_the_labels_in_their_shares() -> None:
    order = nested(ROWS, seed=0)
    assert sorted(row.row_id for row in order) == sorted(row.row_id for row in ROWS)
    for size in (20, 40, 80):
        assert abs(Counter(row.label for row in order[:size])["rare"] - size / 10) <= 1


def test_nested_is_another_order_for_another_seed_and_the_same_for_the_same() -> None:
    assert nested(ROWS, seed=1) == nested(ROWS, seed=1) != nested(ROWS, seed=2)


def test_nested_does_not_take_numbers_or_answers_for_labels() -> None:
    numbers = tuple(Row(f"train:{i}", text="x", label=str(i / 7)) for i in range(50))
    assert nested(numbers, seed=0) != numbers
    assert sorted(row.row_id for row in nested(numbers, seed=0)) == sorted(row.row_id for row in numbers)


def test_sides_measure_on_rows_that_are_never_trained_on() -> None:
    train, held = sides({"train": ROWS, "validation": (), "test": ()}, seed=0)
    assert (len(train), len(held)) == (75, 25)
    assert not {row.row_id for row in train} & {row.row_id for row in held}
    many = tuple(Row(f"validation:{i}", label="a") for i in range(2 * VALIDATION_ROWS))
    assert len(sides({"train": ROWS, "validation": many, "test": ()}, seed=0)[1]) == VALIDATION_ROWS


def plan(**train: object) -> Plan:
    usual = {"batch_size": 32, "epochs": 5, "eval_steps": 7, "save_steps": 7, "patience": 3, "method": "full"}
    return Plan.model_validate({"task": "classify", "train": {**usual, **train}})


@pytest.mark.parametrize(("size", "batch", "n_steps"), [(40, 5, 40), (1000, 32, 160), (4, 1, 20)])
def test_short_plan_takes_eight_steps_an_epoch_where_it_can(size: int, batch: int, n_steps: int) -> None:
    short = short_plan(plan(), size=size).train
    assert (short.batch_size, short.eval_steps, short.save_steps, short.patience) == (batch, n_steps, n_steps, None)


def test_short_plan_takes_no_more_steps_than_the_whole_training_may() -> None:
    assert short_plan(plan(max_steps=11), size=40).train.eval_steps == 11


def test_last_loss_of_answers_is_in_bits_a_byte(tmp_path: Path) -> None:
    """2 ln 2 nats over 6 tokens are 12 bits; the answers have 2 + 4 bytes: 2 bits a byte."""
    turns = (Message("user", "not counted"), Message("assistant", "ab", True))
    more = (Message("user", "x"), Message("assistant", "ää", True))
    rows = (Row("v:1", messages=turns), Row("v:2", messages=more))
    write_rows(tmp_path / "validation.parquet", rows)
    line = f'{{"event": "ValidationEvent", "loss_nats": {2 * math.log(2)}, "n_targets": 6, "step": 1}}\n'
    (tmp_path / "steps.jsonl").write_text('{"event": "StepEvent", "step": 1}\n' + line)
    assert answer_bytes(rows) == 6
    steps = tmp_path / "steps.jsonl"
    assert last_loss(steps, prepared=tmp_path, task="generate") == pytest.approx(2.0)
    assert last_loss(steps, prepared=tmp_path, task="classify") == pytest.approx(2 * math.log(2))


def test_kept_makes_each_thing_once_and_leaves_no_folder(tmp_path: Path) -> None:
    made: list[int] = []

    def make(work: Path) -> dict[str, int]:
        work.mkdir()
        (work / "weights").write_text("large")
        made.append(len(made))
        return {"value": made[-1]}

    kept = Kept(tmp_path / "race")
    found = [kept.record({"size": size}, make)["value"] for size in (1, 1, 2)]
    assert found == [0, 0, 1]
    assert [path.suffix for path in (tmp_path / "race").iterdir()] == [".json", ".json"]


def test_kept_makes_a_damaged_record_anew(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.record({"size": 1}, lambda _: {"value": 1})
    next(tmp_path.iterdir()).write_text("{")
    assert kept.record({"size": 1}, lambda _: {"value": 2}) == {"value": 2}


def test_kept_keeps_nothing_of_what_fails(tmp_path: Path) -> None:
    def make(work: Path) -> dict[str, int]:
        work.mkdir()
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        Kept(tmp_path).record({}, make)
    assert not list(tmp_path.iterdir())

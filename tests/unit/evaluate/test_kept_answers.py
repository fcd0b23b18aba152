"""Answers are kept a part of the rows at a time: nobody is asked twice, and nothing stale is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.values import Prediction, Row
from tunewright.evaluate import kept_answers
from tunewright.evaluate.kept_answers import Answered, in_parts, read_answers, write_answers

ROWS = tuple(Row(f"test:{i + 2}", text=f"text {i}", label="fee") for i in range(5))


@dataclass
class Model:
    """Answers with the text, and remembers what it was asked."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    stops_at: str = ""

    def __call__(self, part: tuple[Row, ...]) -> tuple[Prediction, ...]:
        self.asked.append(tuple(row.row_id for row in part))
        if self.stops_at in self.asked[-1]:
            raise KeyboardInterrupt
        return tuple(Prediction(row.row_id, "base", answer=row.text, probabilities=(0.25, 0.75)) for row in part)


@pytest.fixture(autouse=True)
def _parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "PART_ROWS", 2)


def answered(asked: Model, folder: Path | None, rows: Sequence[Row] = ROWS, **settings: Any) -> Answered:
    return in_parts(rows, folder=folder, depends_on=lambda part: {"model": "m", **settings}, answer=asked)


def test_rows_come_back_in_order_and_are_asked_once(tmp_path: Path) -> None:
    model = Model()
    first = answered(model, tmp_path / "answers")
    assert model.asked == [("test:2", "test:3"), ("test:4", "test:5"), ("test:6",)]
    again = answered(model, tmp_path / "answers")
    assert len(model.asked) == 3
    assert [p.row_id for p in again.predictions] == [row.row_id for row in ROWS]
    assert [(p.answer, list(p.probabilities)) for p in again.predictions] == [
        (p.answer, list(p.probabilities)) for p in first.predictions
    ]
    assert again.seconds == pytest.approx(first.seconds)  # of answering, not of reading


def test_a_stopped_evaluation_goes_on_with_the_part_it_stopped_in(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        answered(Model(stops_at="test:4"), tmp_path / "answers")
    model = Model()
    found = answered(model, tmp_path / "answers")
    assert model.asked == [("test:4", "test:5"), ("test:6",)]
    assert len(found.predictions) == 5


@pytest.mark.parametrize("changed", ["text", "label", "group", "row_id"])
def test_a_changed_row_is_asked_again_with_its_part_alone(tmp_path: Path, changed: str) -> None:
    answered(Model(), tmp_path / "answers")
    rows = (*ROWS[:3], replace(ROWS[3], **{changed: "another"}), ROWS[4])
    model = Model()
    answered(model, tmp_path / "answers", rows)
    assert model.asked == [(ROWS[2].row_id, rows[3].row_id)]


def test_other_settings_or_another_model_are_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(Model(), tmp_path / "answers")
    for settings in ({"model": "other"}, {"max_new_tokens": 9}):
        model = Model()
        answered(model, tmp_path / "answers", **settings)
        assert len(model.asked) == 3
    monkeypatch.setattr(kept_answers, "code_digest", lambda packages: "newer")
    model = Model()
    answered(model, tmp_path / "answers")
    assert len(model.asked) == 3


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_file_that_cannot_be_read_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    answered(Model(), tmp_path / "answers")
    whole = sorted((tmp_path / "answers").iterdir())
    assert len(whole) == 3
    whole[0].write_bytes(whole[0].read_bytes()[:-40] if content is None else content)
    model = Model()
    assert len(answered(model, tmp_path / "answers").predictions) == 5
    assert len(model.asked) == 1


def test_without_a_folder_nothing_is_kept() -> None:
    model = Model()
    answered(model, None)
    answered(model, None)
    assert len(model.asked) == 6


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    some = (
        Prediction("test:2", "tuned", answer="é\n", reference="", is_stopped=True, n_tokens=3, reference_nats=1.5),
        Prediction("test:3", "tuned", probabilities=(0.1, 0.9), is_missing=True, group="g"),
    )
    write_answers(tmp_path / "a.parquet", some, {"seconds": 2})
    found, facts = read_answers(tmp_path / "a.parquet")
    assert facts == {"seconds": 2}
    for one, other in zip(some, found, strict=True):
        same = replace(other, probabilities=tuple(other.probabilities))
        assert repr(same) == repr(one)  # nan is not nan

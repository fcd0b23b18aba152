"""Rivals for numbers: the mean by hand, the linear models against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tunewright.core.values import Row
from tunewright.evaluate.rivals.numbers import (
    keyword_number_predictions,
    mean_predictions,
    number_probe_predictions,
)


def rows(*pairs: tuple[str, str], of: str = "train") -> tuple[Row, ...]:
    return tuple(Row(f"{of}:{i}", text=text, label=label) for i, (text, label) in enumerate(pairs, 1))


TRAIN = rows(*((f"{thing} number {i}", str(price)) for i in range(6) for thing, price in (("tent", 90), ("rope", 10))))
TEST = rows(("a tent", "88"), ("a rope", "12"), of="test")


def test_mean_answers_the_mean_of_train_for_every_row() -> None:
    found = mean_predictions(rows(("a", "1"), ("b", "2.5")), TEST)
    assert [(p.system, p.answer, p.reference) for p in found] == [("mean", "1.75", "88"), ("mean", "1.75", "12")]
    assert all(p.probabilities == () for p in found)


def test_keyword_model_reads_the_number_off_the_words() -> None:
    tent, rope = (float(p.answer) for p in keyword_number_predictions(TRAIN, (), TEST))
    assert tent > 70 > 30 > rope


def test_keyword_model_falls_back_on_the_mean_without_a_word() -> None:
    train = rows((":)", "1"), (":(", "3"))
    assert [p.answer for p in keyword_number_predictions(train, (), TEST)] == ["2", "2"]


def test_probe_is_scikit_learns_ridge_of_the_strength_that_validation_likes_best() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(40, 3)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = (unit @ np.array([3.0, -1.0, 2.0]) + 5).tolist()
    found = number_probe_predictions(
        TEST, vectors_NH=vectors[:2], train=(vectors[2:30], numbers[2:30]), validation=(vectors[30:], numbers[30:])
    )
    weakest = Ridge(alpha=0.01).fit(unit[2:30], numbers[2:30])  # the numbers are a line: the weakest penalty is best
    assert [float(p.answer) for p in found] == pytest.approx(weakest.predict(unit[:2]).tolist(), rel=1e-5)


def test_probe_takes_the_usual_strength_without_validation_rows() -> None:
    vectors = np.eye(3, dtype=np.float32)
    found = number_probe_predictions(
        TEST, vectors_NH=vectors[:2], train=(vectors, [1.0, 2.0, 6.0]), validation=(vectors[:0], [])
    )
    usual = Ridge(alpha=1.0).fit(vectors, [1.0, 2.0, 6.0])
    assert [float(p.answer) for p in found] == pytest.approx(usual.predict(vectors[:2]).tolist(), rel=1e-5)

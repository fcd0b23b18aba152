"""Where the model is weak: planted weak parts are found, chance is not, and small parts are left alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tunewright.core.values import Message, Prediction, Row
from tunewright.evaluate.slices import LEAST_ROWS, features, slices


def planted(
    n: int, *, seed: int, weak: float, strong: float = 0.9
) -> tuple[tuple[Row, ...], list[Prediction], list[Prediction]]:
    """Rows of two channels, a quarter by phone, where the model is right with probability `weak`."""
    random = np.random.default_rng(seed)
    rows, subject, rival = [], [], []
    for i in range(n):
        channel = "phone" if i % 4 == 0 else "mail"
        label = "ab"[i % 2 if i % 4 else random.integers(2)]
        rows.append(Row(f"r:{i}", text="x" * int(random.integers(5, 59)), label=label, columns=(("channel", channel),)))
        for found, system, share in (
            (subject, "tuned", weak if channel == "phone" else strong),
            (rival, "base", 0.5),
        ):
            answer = label if random.random() < share else "c"
            found.append(Prediction(f"r:{i}", system, answer, label))
    return tuple(rows), subject, rival


def found(rows: tuple[Row, ...], subject: list[Prediction], rival: list[Prediction] | None = None, seed: int = 0):
    return slices(rows, subject, rival, metric="accuracy", task="classify", labels=("a", "b"), seed=seed)


def test_a_planted_weak_part_is_found_beside_its_rival() -> None:
    rows, subject, rival = planted(400, seed=0, weak=0.6)
    by_name = {(one.feature, one.value): one for one in found(rows, subject, rival)}
    phone, mail = by_name["channel", "phone"], by_name["channel", "mail"]
    assert (phone.word, mail.word) == ("weaker", "stronger")
    assert phone.n == 100
    right = [p.answer == p.reference for p, row in zip(subject, rows, strict=True) if row.columns[0][1] == "phone"]
    assert phone.subject.value == pytest.approx(np.mean(right))
    assert phone.difference == pytest.approx(phone.subject.value - mail.subject.value)
    assert phone.rival is not None
    assert 0.35 < phone.rival.value < 0.65
    assert {one.feature for one in by_name.values()} == {"length", "label", "channel"}, (
        "all texts are too short to tell"
    )
    others = [one.word for one in by_name.values() if one.feature == "length"]
    assert others == [""] * 4
    assert sum(one.n for one in by_name.values() if one.feature == "length") == 400


def test_where_nothing_is_planted_a_part_is_seldom_called_weak() -> None:
    alarms = [any(one.word for one in found(*planted(200, seed=s, weak=0.9)[:2], seed=s)) for s in range(60)]
    assert np.mean(alarms) <= 0.13  # 5 % for all parts together, and 2.8 standard errors


def test_a_metric_without_a_row_value_is_shown_and_not_compared() -> None:
    rows, subject, _ = planted(200, seed=1, weak=0.5)
    for one in slices(rows, subject, None, metric="f1_macro", task="classify", labels=("a", "b"), seed=0):
        assert 0 < one.subject.value < 1
        assert (math.isnan(one.difference), math.isnan(one.p_value), one.word, one.rival) == (True, True, "", None)


def test_lower_is_better_for_bits_per_byte() -> None:
    rows = tuple(
        Row(f"r:{i}", messages=(Message("user", "q" * (10 + i)), Message("assistant", "a"))) for i in range(160)
    )
    subject = [
        Prediction(f"r:{i}", "tuned", reference="a", reference_nats=5.0 + 5 * (i >= 120) + i % 3, reference_bytes=10)
        for i in range(160)
    ]
    made = slices(rows, subject, None, metric="bits_per_byte", task="generate", labels=(), seed=0)
    (weak,) = (one for one in made if one.word == "weaker" and one.feature == "length")
    assert (weak.value, weak.n) == ("over 129 characters", 40)


def test_groups_move_together_and_a_part_that_cuts_through_them_is_not_compared() -> None:
    rows, subject, _ = planted(400, seed=2, weak=0.6)
    whole = [replace(p, group=f"{'phone' if i % 4 == 0 else 'mail'} {i // 40}") for i, p in enumerate(subject)]
    cut = [replace(p, group=str(i // 8)) for i, p in enumerate(subject)]
    phone = {
        name: next(one for one in found(rows, answers) if one.value == "phone")
        for name, answers in (("whole", whole), ("cut", cut))
    }
    assert phone["whole"].word == "weaker"
    assert math.isnan(phone["cut"].p_value)


def test_parts_with_few_rows_are_left_out() -> None:
    rows, subject, _ = planted(4 * LEAST_ROWS - 4, seed=0, weak=0.2)  # 19 rows by phone
    assert all(one.feature != "channel" for one in found(rows, subject))
    assert found(rows[:10], subject[:10]) == ()
    assert found((), []) == ()


def test_features_name_language_labels_and_groups() -> None:
    german = "Ich habe meine Karte verloren und weiss nicht, was ich jetzt tun soll, bitte helfen Sie mir."
    rows = (
        Row("r:1", text=german, label='["a", "b"]', group="ann"),
        Row("r:2", text="Hi", label='["a"]'),
    )
    made = features(rows, task="multilabel")
    assert made["label"] == {"a": {"r:1", "r:2"}, "b": {"r:1"}}
    assert made["language"] == {"de": {"r:1"}, "too short to tell": {"r:2"}}
    assert made["group"] == {"ann": {"r:1"}}

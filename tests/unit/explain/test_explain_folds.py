"""Folds: every text is held out once, alone with its copies, wherever it stands."""

from __future__ import annotations

from collections import Counter

import pytest

from tunewright.core.values import Row
from tunewright.explain.folds import N_FOLDS, folds_of


def rows(**counts: int) -> tuple[Row, ...]:
    return tuple(
        Row(f"train:{label}{i}", text=f"{label} number {i}", label=label)
        for label, n in counts.items()
        for i in range(n)
    )


def test_every_label_is_dealt_out_evenly_and_no_fold_gets_all_the_remainders() -> None:
    some = rows(a=10, b=10, c=10, d=4)
    folds = folds_of(some, seed=0)
    for label in "abcd":
        n = Counter(fold for row, fold in zip(some, folds.fold_of, strict=True) if row.label == label)
        assert set(n) == {0, 1, 2}
        assert max(n.values()) - min(n.values()) <= 1
    sizes = Counter(folds.fold_of)
    assert max(sizes.values()) - min(sizes.values()) <= 2


def test_rows_that_say_the_same_are_held_out_together_whatever_their_label() -> None:
    some = (*rows(a=9, b=9), Row("train:x", text="A  number 3!", label="b"))
    folds = folds_of(some, seed=0)
    assert folds.fold_of[-1] == folds.fold_of[3]


def test_a_row_more_leaves_the_texts_of_other_labels_where_they_were() -> None:
    before, after = folds_of(rows(a=9, b=9), seed=1), folds_of(rows(a=9, b=12), seed=1)
    assert before.fold_of[:9] == after.fold_of[:9]
    assert before.fold_of[:9] != folds_of(rows(a=9, b=9), seed=2).fold_of[:9]


def test_labels_with_fewer_texts_than_folds_are_learned_from_and_counted() -> None:
    some = (*rows(a=6, b=6, rare=N_FOLDS - 1), Row("train:y", text="rare number 0", label="rare"))
    folds = folds_of(some, seed=0)
    assert folds.labels == ("a", "b")
    assert folds.fold_of[12:] == (None, None, None)
    assert folds.n_rare == 3


def test_rows_beyond_what_can_be_kept_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.explain.folds.MOST_CELLS", 2 * 10)
    folds = folds_of(rows(a=9, b=9), seed=0)
    assert folds.n_too_many == 8
    assert sum(fold is None for fold in folds.fold_of) == 8
    assert {label: n for label, n in Counter(zip("a" * 9 + "b" * 9, folds.fold_of, strict=True)).items() if n > 2} == {
        ("a", None): 4,
        ("b", None): 4,
    }

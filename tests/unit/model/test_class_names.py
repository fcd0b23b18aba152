"""Another tool's class names meet the run's labels by name, or are refused in words that say what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import ModelError
from tunewright.model.class_names import class_names


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1, unique=True), st.randoms())
def test_class_names_find_themselves_in_any_order(labels: list[str], random: object) -> None:
    own = sorted(labels, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert class_names(own, labels=labels, where="") == tuple(own)


@pytest.mark.parametrize(
    ("own", "labels", "expected"),
    [
        (["Card Arrival", "FEE"], ("card_arrival", "fee"), ("card_arrival", "fee")),
        (["fee", "Fee"], ("Fee", "fee"), ("fee", "Fee")),  # exact names win over alike ones
        (["+", "-"], ("+", "-"), ("+", "-")),  # nothing is left of them once normalised
        (["LABEL_0", "LABEL_1"], ("0", "1"), ("0", "1")),
        (["a", "b", "c"], ("a", "b"), ("a", "b", "c")),  # a class that the rows do not have
        (["a"], ("a", "b"), ("a",)),  # a label that the model does not know
    ],
)
def test_class_names_are_the_runs_where_they_mean_the_same(
    own: list[str], labels: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert class_names(own, labels=labels, where="") == expected


@pytest.mark.parametrize(
    ("own", "labels", "said"),
    [
        (["LABEL_0", "LABEL_1"], ("fee", "card"), "the model's classes have no names"),
        ([], ("fee", "card"), "the model's classes have no names"),
        (["fees", "cards"], ("fee", "card"), "only the model has fees, cards; only the rows have fee, card"),
        (["fees", "card"], ("fee", "card"), "only the model has fees; only the rows have fee"),
        (["fee", "FEE"], ("fee",), "two classes mean fee"),
    ],
)
def test_class_names_are_refused_when_they_are_another_spelling(
    own: list[str], labels: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ModelError) as caught:
        class_names(own, labels=labels, where="their-model")
    assert said in str(caught.value)
    assert "id2label in its config.json" in caught.value.fix

"""Several labels as one text: equal sets are equal texts, whatever the labels contain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.label_sets import answered, joined, labels_of, listed, set_text

LABELS = st.lists(st.text(min_size=1), max_size=5)


@given(LABELS)
def test_labels_are_read_back_in_order_each_once(labels: list[str]) -> None:
    assert labels_of(set_text(labels)) == tuple(sorted(set(labels)))
    assert set_text(labels) == set_text([*reversed(labels), *labels])


@given(LABELS, st.sampled_from(["|", ";", ","]))
def test_joined_labels_say_the_same_or_stay_a_list(labels: list[str], separator: str) -> None:
    text = joined(set_text(labels), separator=separator)
    cell = listed(text)
    read = text.split(separator) if cell is None else cell
    has_mark = any(separator in label for label in labels)
    if has_mark or not labels:
        assert text == set_text(labels)
    elif not text.startswith("["):  # a label may itself look like a list
        assert tuple(read) == labels_of(set_text(labels))


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (["a", 2, None], ["a", 2, None]),
        ("[]", []),
        ('["a", "b"]', ["a", "b"]),
        ("[sic] a text", None),
        ("a", None),
        (None, None),
        ([{"role": "user"}], None),
        ({"a": 1}, None),
    ],
)
def test_listed_knows_lists_of_plain_values(cell: Any, found: list[Any] | None) -> None:
    assert listed(cell) == found


def test_a_label_is_answered_from_one_half_on() -> None:
    assert answered([0.5, 0.4999, 0.9], ("late", "rude", "damaged")) == '["damaged", "late"]'
    assert answered([0.1, 0.2], ("late", "rude")) == "[]"

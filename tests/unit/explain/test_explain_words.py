"""Words: joined they are the text, and leaving some out changes nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.values import Message, Row
from tunewright.explain.words import MAX_PIECES, pieces_of, without, words

TURNS = (
    Message("system", "Be kind."),
    Message("user", "Where is it?"),
    Message("assistant", "What is?", is_trained=True),
    Message("user", "My parcel"),
    Message("assistant", "On its way.", is_trained=True),
)


@given(st.text())
def test_words_give_the_text_back_when_joined(text: str) -> None:
    assert "".join(words(text)) == text


@given(st.text(alphabet="ab 我。ก\n", min_size=1), st.integers(min_value=1, max_value=9))
def test_pieces_give_the_text_back_and_stay_few_when_joined_to_chunks(text: str, limit: int) -> None:
    found = pieces_of(Row("a:1", text=text), limit=limit)
    assert "".join(piece.text for piece in found.pieces) == text
    assert len(found.pieces) <= limit
    assert all(len(words(piece.text)) <= found.words_a_piece for piece in found.pieces)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("don't e-mail me", ["don't ", "e-mail ", "me"]),
        ("我的卡丢了。", ["我", "的", "卡", "丢", "了。"]),
        ("「卡」 lost", ["「卡」 ", "lost"]),
        ("ラーメン", ["ラ", "ー", "メ", "ン"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("안녕 세상", ["안녕 ", "세상"]),
    ],
)
def test_words_are_what_a_reader_takes_for_one(text: str, parts: list[str]) -> None:
    assert list(words(text)) == parts


def test_pieces_are_words_of_user_turns_only_when_a_row_is_a_conversation() -> None:
    found = pieces_of(Row("a:1", messages=TURNS))
    assert [(piece.text, piece.turn) for piece in found.pieces] == [
        *(("Where ", 1), ("is ", 1), ("it?", 1)),
        *(("My ", 3), ("parcel", 3)),
    ]


def test_pieces_never_span_two_turns_when_they_are_chunks() -> None:
    found = pieces_of(Row("a:1", messages=TURNS), limit=3)
    assert [piece.text for piece in found.pieces] == ["Where is ", "it?", "My parcel"]
    assert found.words_a_piece == 2


def test_pieces_are_bounded_when_the_text_is_long() -> None:
    assert len(pieces_of(Row("a:1", text="word " * 5000)).pieces) <= MAX_PIECES


def test_without_leaves_the_words_out_and_nothing_else() -> None:
    row = Row("a:1", text="I never got it", label="b", group="g")
    pieces = pieces_of(row).pieces
    assert without(row, pieces, frozenset()) is row
    assert without(row, pieces, {1, 3}) == Row("a:1", text="I got", label="b", group="g")


def test_without_leaves_other_turns_as_they_are_when_a_row_is_a_conversation() -> None:
    row = Row("a:1", messages=TURNS)
    left = without(row, pieces_of(row).pieces, {0, 4})
    assert [turn.content for turn in left.messages] == ["Be kind.", "is it?", "What is?", "My", "On its way."]

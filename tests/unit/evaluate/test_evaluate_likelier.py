"""Words that became likelier: a word is all its tokens, a token counts once, only what many rows say is clear."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.tiny import CHATML, DECODER_SPECIAL, byte_tokenizer
from tunewright.core.values import Encoded, Example, Message
from tunewright.evaluate.side_effects.likelier import LEAST_ROWS, _words, likelier_words, row_words
from tunewright.text.chat import special_ids
from tunewright.text.encode import encode

TOKENIZER = byte_tokenizer(DECODER_SPECIAL, template=CHATML)
SPECIAL = special_ids(TOKENIZER)


def answer(text: str, *, row_id: str = "test:1") -> Encoded:
    """A row whose answer is the text: one token a byte, then the end token."""
    turns = (Message("user", "Say it"), Message("assistant", text, is_trained=True))
    [row] = encode([Example(row_id, messages=turns)], tokenizer=TOKENIZER, task="generate")
    return row


def words_of(row: Encoded, gains: list[float]) -> list[tuple[str, float]]:
    return list(row_words(row, gains, tokenizer=TOKENIZER, special=SPECIAL))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The parcel, please.", [("The", 3), ("parcel", 6), ("please", 6)]),
        ("Don’t 42!", [("Don’t", 7), ("42", 2)]),
        ("naïve é 😀 café", [("naïve", 6), ("é", 2), ("café", 5)]),
        ("卡丢", [("卡", 3), ("丢", 3)]),
        ("", []),
    ],
)
def test_a_word_has_the_gain_of_all_its_bytes(text: str, expected: list[tuple[str, int]]) -> None:
    row = answer(text)
    assert words_of(row, [1.0] * sum(row.trained)) == expected


def test_tokens_of_a_word_are_those_that_stand_in_it() -> None:
    row = answer("ab cd")
    assert words_of(row, [1, 2, 4, 8, 16, 32, 64][: sum(row.trained)]) == [("ab", 3), ("cd", 24)]


def test_private_values_are_no_words() -> None:
    row = answer("Write to ann@example.org today")
    assert [word for word, _ in words_of(row, [1.0] * sum(row.trained))] == ["Write", "to", "today"]


def test_first_token_of_a_document_has_no_gain_and_its_word_is_left_out() -> None:
    [row] = encode([Example("test:1", text="one two")], tokenizer=TOKENIZER, task="text")
    assert row.ids[0] not in SPECIAL
    assert words_of(row, [1.0] * sum(row.trained[1:])) == [("two", 3)]


def made(gain: dict[str, list[float]]) -> list[tuple[Encoded, list[float]]]:
    """Rows of one word each: the word's gain, spread over its bytes."""
    rows = []
    for word, gains in gain.items():
        for i, one in enumerate(gains):
            row = answer(word, row_id=f"test:{word}:{i}")
            rows.append((row, [one / len(word)] * len(word) + [0.0] * (sum(row.trained) - len(word))))
    return rows


def test_words_stand_by_their_gain_and_rare_ones_are_not_looked_at() -> None:
    rows = made(
        {"parcel": [2.0] * 20, "sorry": [0.5, -0.1] * 10, "maybe": [-1.0] * 20, "rare": [9.0] * (LEAST_ROWS - 1)}
    )
    found = likelier_words([row for row, _ in rows], [gains for _, gains in rows], tokenizer=TOKENIZER)
    assert (found["looked_at"], found["occurrences"], found["rows"]) == (3, 64, 64)
    assert [(one["word"], one["n"], one["rows"], one["rows_gained"]) for one in found["gained"]] == [
        ("parcel", 20, 20, 20),
        ("sorry", 20, 20, 10),
    ]
    assert [one["word"] for one in found["lost"]] == ["maybe"]
    assert [one["gain_nats"] for one in found["gained"]] == pytest.approx([2.0, 0.2])
    p_value = binomtest(20, 20).pvalue
    assert found["gained"][0]["p_holm"] == pytest.approx(3 * p_value)
    assert [one["is_clear"] for one in (*found["gained"], *found["lost"])] == [True, False, True]
    assert (found["n_clear_gained"], found["n_clear_lost"]) == (1, 1)
    low, high = found["gained"][1]["ci95"]
    sums = np.array([0.5, -0.1] * 10)
    half = 2.093 * sums.std(ddof=1) / math.sqrt(20)  # Student's t, 19 degrees of freedom
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-3)


def test_upper_and_lower_case_are_one_word_and_a_row_counts_once() -> None:
    rows = [answer("The the", row_id=f"test:{i}") for i in range(LEAST_ROWS)]
    found = likelier_words(rows, [[1.0] * sum(row.trained) for row in rows], tokenizer=TOKENIZER)
    [word] = found["gained"]
    assert (word["word"], word["n"], word["rows"], word["gain_nats"]) == ("the", 2 * LEAST_ROWS, LEAST_ROWS, 3.0)


def test_nothing_is_said_where_no_word_is_in_enough_rows() -> None:
    row = answer("once")
    found = likelier_words([row], [[1.0] * sum(row.trained)], tokenizer=TOKENIZER)
    assert found["reason"] == f"no word stands in the references of {LEAST_ROWS} rows"
    assert (found["gained"], found["lost"]) == ([], [])


def test_without_a_change_a_word_is_clear_in_no_more_than_5_of_100_runs() -> None:
    """40 words, each in 30 rows, gains drawn as often up as down and with heavy tails: any clear word is false."""
    random, n_runs = np.random.default_rng(2), 400
    alarms = 0
    for _ in range(n_runs):
        gains = random.standard_t(2, size=(40, 30))
        words = {f"w{i}": {f"r{r}": [float(gains[i, r])] for r in range(30)} for i in range(40)}
        alarms += any(one.is_clear for one in _words(words))
    assert alarms / n_runs <= 0.05

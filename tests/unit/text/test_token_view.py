"""A row token by token: nothing is lost, what was cut is marked, what is trained reads as the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.plan import Plan, PreparePlan
from tunewright.core.values import Message, Row
from tunewright.model.load import load_tokenizer
from tunewright.text.token_view import Tokens, kept_positions, row_tokens


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_kept_positions_find_each_kept_element_in_order_whatever_was_left_out(pairs: list[tuple[str, bool]]) -> None:
    whole = [letter for letter, _ in pairs]
    kept = [letter for letter, stays in pairs if stays]
    assert [whole[i] for i in sorted(kept_positions(whole, kept))] == kept


def shown(tokens: Tokens, *marks: str) -> str:
    return "".join(piece.text for piece in tokens.pieces if piece.mark in marks)


def test_row_tokens_strike_out_the_end_of_a_text_when_it_is_too_long(tiny_encoder: Path) -> None:
    plan = Plan(task="classify", prepare=PreparePlan(max_length=8))
    (tokens,) = row_tokens(
        Row("train:2", text="abcdefghij", label="x"), plan=plan, labels=("x",), tokenizer=load_tokenizer(tiny_encoder)
    )
    assert shown(tokens, "context") == "[CLS]abcdef[SEP]"
    assert shown(tokens, "cut") == "ghij"
    assert (tokens.n_cut, tokens.n_trained) == (4, 0)


@pytest.mark.parametrize("max_length", [500, 45])
def test_row_tokens_train_the_answer_and_its_end_also_when_the_prompt_is_cut(
    max_length: int, tiny_decoder: Path
) -> None:
    row = Row("train:1", messages=(Message("user", "q" * 20), Message("assistant", "yes", is_trained=True)))
    plan = Plan(task="generate", prepare=PreparePlan(max_length=max_length))
    (tokens,) = row_tokens(row, plan=plan, labels=(), tokenizer=load_tokenizer(tiny_decoder))
    assert shown(tokens, "trained") == "yes<|im_end|>"
    whole = "<|im_start|>user\n" + "q" * 20 + "<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n"
    assert shown(tokens, "trained", "context", "cut") == whole
    assert len(shown(tokens, "cut")) == tokens.n_cut == max(0, len(tokens.pieces) - max_length)
    assert set(shown(tokens, "cut")) <= {"q"}


def test_row_tokens_divide_a_document_and_cut_nothing(tiny_decoder: Path) -> None:
    plan = Plan(task="text", prepare=PreparePlan(max_length=8))
    found = row_tokens(Row("train:1", text="abcdefghij"), plan=plan, labels=(), tokenizer=load_tokenizer(tiny_decoder))
    assert [shown(tokens, "trained", "context") for tokens in found] == ["abcdefgh", "ij<|im_end|>"]
    assert [shown(tokens, "cut") for tokens in found] == ["", ""]

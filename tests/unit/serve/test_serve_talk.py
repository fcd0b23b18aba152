"""A conversation: rendered as in training, told while it is written, forgetting the oldest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from tests.tiny import CHATML, DECODER_SPECIAL, byte_tokenizer, tiny_card
from tunewright.core.errors import PlanError
from tunewright.core.values import Encoded, Example, Message
from tunewright.model.generate import answers, streamed_answer
from tunewright.model.load import Loaded, load_model
from tunewright.serve.talk import continuation, fitting, reply
from tunewright.serve.untuned import untuned
from tunewright.text.chat import conversation
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import opening, said

TOKENIZER = byte_tokenizer(DECODER_SPECIAL, template=CHATML)
SYSTEM = Message("system", "Be kind.")
CONTEXT_TOKENS = 512
"""Of the tiny decoder."""


@pytest.fixture(scope="module")
def loaded(talkative_decoder: Path) -> Loaded:
    return load_model(tiny_card(talkative_decoder, "decoder"), task="generate")


def exchange(i: int, *, length: int = 10) -> tuple[Message, Message]:
    return Message("user", f"q{i}" + "x" * length), Message("assistant", f"a{i}" + "y" * length)


@pytest.mark.parametrize("text", ["say 3", "hello", "ü"])
def test_streamed_answer_equals_the_one_that_is_not_streamed(loaded: Loaded, text: str) -> None:
    prompt = encode_prompt((Message("user", text),), tokenizer=loaded.tokenizer)
    told: list[str] = []

    answer = streamed_answer(loaded, prompt, max_new_tokens=24, tell=told.append)

    assert (answer,) == answers(loaded, [prompt], max_new_tokens=24)
    assert "".join(told) == answer.text
    assert len(told) > 3, "it came in one piece"


def test_prompt_equals_the_trained_text_when_the_conversation_goes_on(loaded: Loaded) -> None:
    first = reply(loaded, (*opening(" Be  kind. "), said(" hi  there ")), max_new_tokens=8)
    asked = (*first.messages, said("bye"))
    trained = conversation((*asked, Message("assistant", "Bye.", is_trained=True)), tokenizer=loaded.tokenizer)
    (row,) = encode(
        (Example("", messages=(*asked, Message("assistant", "Bye.", is_trained=True))),),
        tokenizer=loaded.tokenizer,
        task="generate",
    )
    prompt = fitting(asked, tokenizer=loaded.tokenizer, max_length=400).prompt

    assert first.messages[:2] == (SYSTEM, Message("user", "hi there"))
    assert row.ids[: len(prompt)] == prompt.ids
    assert loaded.tokenizer.decode(prompt.ids) == trained.text[: trained.trained[0].start]


@given(n=st.integers(1, 6), max_length=st.integers(60, 400), has_system=st.booleans())
def test_fitting_keeps_system_and_the_newest_turns_and_counts_the_others(
    n: int, max_length: int, has_system: bool
) -> None:
    head = (SYSTEM,) if has_system else ()
    talk = (*head, *(turn for i in range(n) for turn in exchange(i)), said("the last"))

    fit = fitting(talk, tokenizer=TOKENIZER, max_length=max_length)

    rest = talk[len(head) :]
    assert fit.messages == (*head, *rest[fit.n_forgotten :])
    assert fit.messages[len(head)].role == "user"
    assert len(fit.prompt) <= max_length
    if fit.n_forgotten:
        one_more = (*head, *rest[fit.n_forgotten - 2 :])
        assert len(encode_prompt(one_more, tokenizer=TOKENIZER)) > max_length, "more was forgotten than had to be"


def test_fitting_cuts_the_last_message_when_it_is_alone_too_long() -> None:
    fit = fitting((SYSTEM, *exchange(0), said("z" * 500)), tokenizer=TOKENIZER, max_length=100)
    assert (fit.n_forgotten, len(fit.prompt), fit.prompt.n_cut > 300) == (2, 100, True)


def test_reply_refuses_when_the_answer_may_fill_the_context(loaded: Loaded) -> None:
    with pytest.raises(PlanError, match=r"evaluate\.max_new_tokens=128"):
        reply(loaded, (said("hi"),), max_new_tokens=CONTEXT_TOKENS)


def test_continuation_goes_on_from_the_end_of_the_text_without_an_end_token(loaded: Loaded) -> None:
    raw = replace(loaded, task="text")
    ids = tuple(TOKENIZER("note 1", add_special_tokens=False)["input_ids"])
    (expected,) = answers(raw, [Encoded("", ids, (False,) * len(ids))], max_new_tokens=12)

    assert continuation(raw, "note 1", max_new_tokens=12).answer == expected.text
    assert continuation(raw, "note 1 " * 100, max_new_tokens=12).n_cut == len("note 1 " * 100) - 1 - 500


def test_untuned_sets_the_adapter_aside_and_puts_it_back(talkative_decoder: Path, loaded: Loaded) -> None:
    torch.manual_seed(1)
    tuned = load_model(tiny_card(talkative_decoder, "decoder"), task="generate")
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    tuned = replace(tuned, model=get_peft_model(tuned.model, config).eval())  # type: ignore[arg-type]
    prompt = encode_prompt((Message("user", "say 3"),), tokenizer=loaded.tokenizer)

    def written(model: Loaded) -> str:
        return answers(model, [prompt], max_new_tokens=12)[0].text

    before = written(tuned)
    with untuned(tuned, load=_no_second_model) as base:
        assert written(base) == written(loaded)
    assert written(tuned) == before != written(loaded)


def test_untuned_loads_the_base_when_the_weights_themselves_were_tuned(loaded: Loaded) -> None:
    other = replace(loaded, labels=("a",))
    with untuned(loaded, load=lambda: other) as base:
        assert base is other


def _no_second_model() -> Loaded:
    raise AssertionError("a second model was loaded")

"""Chat: where the trained turns lie in a conversation that the model's own template wrote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.tiny import DECODER_SPECIAL, byte_tokenizer
from tests.unit.text.conversations import DECODER, END, NO_THOUGHT, THINKER, conversations, turns_of
from tunewright.core.errors import ModelError
from tunewright.core.values import Message
from tunewright.text.chat import conversation, end_token_ids, prompt_text, special_ids, untrained_content

ASK, ANSWER = Message("user", "2+2?"), Message("assistant", "4", is_trained=True)


@settings(max_examples=60)
@given(messages=conversations())
def test_conversation_is_what_the_template_writes(messages: tuple[Message, ...]) -> None:
    rendered = conversation(messages, tokenizer=DECODER)

    assert rendered.text == DECODER.apply_chat_template(turns_of(messages), tokenize=False)
    expected = [f"{m.content}<|im_end|>\n" for m in messages if m.is_trained]
    assert [rendered.text[s.start : s.end] for s in rendered.trained] == expected
    assert rendered.n_turns_untrainable == 0


@pytest.mark.parametrize("tokenizer", [DECODER, THINKER], ids=["chatml", "thinking"])
def test_conversation_begins_with_the_prompt_that_asks_for_its_answer(tokenizer: object) -> None:
    rendered = conversation((ASK, ANSWER), tokenizer=tokenizer)
    prompt = prompt_text((ASK,), tokenizer=tokenizer)

    assert rendered.text.startswith(prompt)
    assert rendered.trained[0].start == len(prompt)


def test_prompt_text_starts_after_the_empty_thought_when_the_template_can_think() -> None:
    assert prompt_text((ASK,), tokenizer=THINKER).endswith(f"<|im_start|>assistant\n{NO_THOUGHT}")


def test_conversation_counts_turns_that_the_template_rewrites_later_and_trains_the_last() -> None:
    rendered = conversation((ASK, ANSWER, ASK, Message("assistant", "5", is_trained=True)), tokenizer=THINKER)

    assert rendered.n_turns_untrainable == 1
    assert [rendered.text[s.start : s.end] for s in rendered.trained] == ["5<|im_end|>\n"]


def test_conversation_trains_nothing_that_was_not_asked_for() -> None:
    assert conversation((ASK, Message("assistant", "4")), tokenizer=DECODER).trained == ()


def test_conversation_needs_a_chat_template() -> None:
    with pytest.raises(ModelError, match="no chat template") as caught:
        conversation((ASK, ANSWER), tokenizer=byte_tokenizer(DECODER_SPECIAL))
    assert caught.value.where == "model.name"


def test_conversation_says_what_the_template_refuses() -> None:
    strict = "{{ raise_exception('roles must alternate') if messages[0]['role'] != 'user' }}"
    tokenizer = byte_tokenizer(DECODER_SPECIAL, template=strict)

    with pytest.raises(ModelError, match="roles must alternate") as caught:
        conversation((Message("system", "be brief"), ASK), tokenizer=tokenizer)
    assert "system, user" in caught.value.why


@pytest.mark.parametrize("tokenizer", [DECODER, THINKER], ids=["chatml", "thinking"])
def test_end_token_is_the_one_that_closes_a_turn(tokenizer: object) -> None:
    assert end_token_ids(tokenizer) == (END,)


def test_end_tokens_are_the_templates_first_and_then_the_tokenizers_own() -> None:
    tokenizer = byte_tokenizer(DECODER_SPECIAL, template=DECODER.chat_template)
    tokenizer.eos_token = "<|endoftext|>"

    assert end_token_ids(tokenizer) == (END, 0)
    tokenizer.chat_template = None
    assert end_token_ids(tokenizer) == (0,)


def test_special_ids_hold_the_templates_markers() -> None:
    assert {1, 2} <= special_ids(DECODER)
    assert not special_ids(DECODER) & set(DECODER("user")["input_ids"])


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(
    ("contents", "found"),
    [
        (("be brief", "a longer question"), "a longer question"),
        (("user", "im"), "user"),
        (("", "u"), "u"),
        (("twice", "twice"), "twice"),
        (("", "  padded  "), "padded"),
        (("", "   "), ""),
    ],
)
def test_untrained_content_is_the_longest_message_and_never_the_templates_own_words(
    contents: tuple[str, str], found: str, asks: bool
) -> None:
    messages = (Message("system", contents[0]), Message("user", contents[1]))
    if not asks:
        messages = (*messages, Message("assistant", "a very long answer that is trained", is_trained=True))
    span = untrained_content(messages, tokenizer=DECODER, asks=asks)
    text = DECODER.apply_chat_template(turns_of(messages), tokenize=False, add_generation_prompt=asks)

    assert text[span.start : span.end] == found
    if found:
        line = text[: span.start].rpartition("<|im_start|>")[2].strip(" ")
        assert line in ("system\n", "user\n")


def test_untrained_content_is_empty_when_the_template_changes_the_text() -> None:
    loud = "{% for m in messages %}<|im_start|>{{ m['content'] | upper }}<|im_end|>{% endfor %}"
    tokenizer = byte_tokenizer(DECODER_SPECIAL, template=loud)

    span = untrained_content((Message("user", "hello"),), tokenizer=tokenizer, asks=True)

    assert span.start == span.end

"""Conversations as text, by the model's own chat template, and where the trained turns lie in it.

In: messages and a tokenizer. Out: the rendered text, the prompt that asks for an answer, the spans of trained turns.
Its own file because the template is the model's; everything that must know its habits stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.values import Message

Tokenizer = Any
"""A transformers fast tokenizer; its class differs by model, so the type says no more."""

THINKING_SWITCH = "enable_thinking"
"""Variable of templates that can think first. Source: Qwen3's and SmolLM3's chat templates."""

_MARK = "\ue000tunewright\ue000"
"""Stands for a message's text while we look where the template puts it; private-use characters, in no one's data."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a rendered conversation."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """One conversation as the model reads it."""

    text: str
    trained: tuple[Span, ...]
    """Each trained turn: from where the model starts to write to the end of the turn's own markup."""
    n_turns_untrainable: int
    """Turns asked to be trained that this template shows differently once the conversation goes on."""


def conversation(messages: Sequence[Message], *, tokenizer: Tokenizer) -> Rendered:
    """The whole conversation and its trained spans.

    A trained turn starts where the prompt that asks for it ends, found by rendering that prompt, never by looking
    for marker text. If a template rewrites earlier turns (drops their thinking), such a turn cannot be trained in
    place; it is counted, not trained wrongly.
    """
    whole = _apply(messages, tokenizer=tokenizer, asks=False)
    spans, n_untrainable = [], 0
    for i, message in enumerate(messages):
        if not message.is_trained:
            continue
        before = _apply(messages[:i], tokenizer=tokenizer, asks=True)
        through = whole if i == len(messages) - 1 else _apply(messages[: i + 1], tokenizer=tokenizer, asks=False)
        if whole.startswith(before) and whole.startswith(through):
            spans.append(Span(len(before), len(through)))
        else:
            n_untrainable += 1
    return Rendered(whole, tuple(spans), n_untrainable)


def prompt_text(messages: Sequence[Message], *, tokenizer: Tokenizer) -> str:
    """The text after which the model writes its answer; the same in training, evaluation and serving."""
    return _apply(messages, tokenizer=tokenizer, asks=True)


def untrained_content(messages: Sequence[Message], *, tokenizer: Tokenizer, asks: bool) -> Span:
    """The longest message that is not trained: where a row that is too long is cut first.

    asks: the text is a prompt, as prompt_text makes it, not a whole conversation.
    Found by rendering with another word in its place, so that a message `user` is not taken for the template's own
    word. An empty span when there is no such message or the template changes its text.
    """
    untrained = [i for i, message in enumerate(messages) if not message.is_trained and message.content.strip()]
    if not untrained:
        return Span(0, 0)
    longest = max(untrained, key=lambda i: len(messages[i].content.strip()))
    content = messages[longest].content.strip()
    marked = replace(messages[longest], content=_MARK)
    text = _apply(messages, tokenizer=tokenizer, asks=asks)
    other = _apply([*messages[:longest], marked, *messages[longest + 1 :]], tokenizer=tokenizer, asks=asks)
    before, _, after = other.partition(_MARK)
    start = text.find(content, len(before))
    is_same = start >= 0 and text.startswith(before) and not text[len(before) : start].strip() and _MARK not in after
    return Span(start, start + len(content)) if is_same else Span(0, 0)


def shipped_template(tokenizer: Tokenizer) -> str:
    """The chat template with the thinking that was trained: a program that knows no switch must do the same."""
    template = str(tokenizer.chat_template or "")
    return f"{{%- set {THINKING_SWITCH} = false %}}{template}" if THINKING_SWITCH in template else template


def end_token_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Tokens that end an answer: the one the chat template closes a turn with, and the tokenizer's own end token."""
    ends = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    if tokenizer.chat_template:
        turn = conversation((Message("user", "a"), Message("assistant", "b", is_trained=True)), tokenizer=tokenizer)
        tail = turn.text[turn.trained[0].start :] if turn.trained else ""
        special = special_ids(tokenizer)
        ends = [t for t in tokenizer(tail, add_special_tokens=False)["input_ids"] if t in special][:1] + ends
    return tuple(dict.fromkeys(ends))


def special_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Ids of control tokens, the template's own markers included."""
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


def _apply(messages: Sequence[Message], *, tokenizer: Tokenizer, asks: bool) -> str:
    if not tokenizer.chat_template:
        raise ModelError(
            "this model has no chat template, so prompts and answers cannot be told apart",
            where="model.name",
            fix="use an instruct (chat) model, or task=text for raw text",
        )
    turns = [{"role": message.role, "content": message.content} for message in messages]
    switches = {THINKING_SWITCH: False} if THINKING_SWITCH in str(tokenizer.chat_template) else {}
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asks, **switches)
    except Exception as error:  # a template may raise anything: jinja errors carry the model author's own words
        raise ModelError(
            f"the model's chat template refuses this conversation: {error}",
            where="model.name",
            why=f"its roles are {', '.join(message.role for message in messages)}",
            fix="prepare.actions.conversation_shape=fix puts turns in order; or leave the system message out",
        ) from error
    return str(text)

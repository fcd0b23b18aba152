"""A conversation with the model: what it is given to answer, and its answer while it is written.

In: the messages so far. Out: Reply: the answer and the messages with it. Its own file because a conversation grows
beyond what a model can read, and what then leaves must be the oldest and must be said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.core.values import Encoded, Example, Message
from tunewright.model.generate import streamed_answer
from tunewright.model.load import Loaded
from tunewright.serve.answer import prompt_limit
from tunewright.text.chat import Tokenizer
from tunewright.text.clean import clean_text
from tunewright.text.encode import encode, encode_prompt

Tell = Callable[[str], None]
"""Told each new piece of an answer."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """A conversation that the model can read whole."""

    messages: tuple[Message, ...]
    prompt: Encoded
    """n_cut: tokens that even the last message alone had too many."""
    n_forgotten: int
    """Messages that left, the oldest first."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in a conversation."""

    answer: str
    is_stopped: bool
    """The model ended the answer itself; False: the cap did."""
    n_forgotten: int
    """Messages that had to leave, so that the rest and the answer fit into the context."""
    n_cut: int
    """Tokens of the last message that had to leave as well."""
    messages: tuple[Message, ...]
    """The conversation with this answer, to go on from."""


def reply(loaded: Loaded, messages: Sequence[Message], *, max_new_tokens: int, tell: Tell = lambda _: None) -> Reply:
    """The answer to the last message.

    Raises PlanError when max_new_tokens leaves no room for a question, ModelError when there is no chat template.
    """
    limit = prompt_limit(loaded, max_new_tokens=max_new_tokens)
    fit = fitting(messages, tokenizer=loaded.tokenizer, max_length=limit)
    answer = streamed_answer(loaded, fit.prompt, max_new_tokens=max_new_tokens, tell=tell)
    messages = (*fit.messages, Message("assistant", answer.text))
    return Reply(answer.text, answer.is_stopped, fit.n_forgotten, fit.prompt.n_cut, messages)


def fitting(messages: Sequence[Message], *, tokenizer: Tokenizer, max_length: int) -> Fitting:
    """The newest part of the conversation that fits, its system message always; the last message is never left out.

    An answer leaves with its question: what stays begins with a user's turn, as in training.
    max_length: tokens of the rendered prompt; a last message that is alone too long is cut like a training row.
    """
    n_system = sum(1 for message in messages[:1] if message.role == "system")
    head, rest = tuple(messages[:n_system]), tuple(messages[n_system:])
    starts = [i for i, message in enumerate(rest) if message.role == "user"] or [0]
    for start in starts:
        prompt = encode_prompt((*head, *rest[start:]), tokenizer=tokenizer)
        if len(prompt) <= max_length:
            return Fitting((*head, *rest[start:]), prompt, n_forgotten=start)
    last = (*head, *rest[starts[-1] :])
    prompt = encode_prompt(last, tokenizer=tokenizer, max_length=max_length)
    return Fitting(last, prompt, n_forgotten=starts[-1])


def continuation(loaded: Loaded, text: str, *, max_new_tokens: int, tell: Tell = lambda _: None) -> Reply:
    """How a model of raw text goes on from a beginning; of one that is too long the end counts. No messages."""
    limit = prompt_limit(loaded, max_new_tokens=max_new_tokens)
    (document,) = encode((Example("", text=clean_text(text)),), tokenizer=loaded.tokenizer, task="text")
    n_end = 0 if loaded.tokenizer.eos_token_id is None else 1
    whole = document.ids[: len(document) - n_end]
    ids = whole[-limit:]
    prompt = Encoded("", ids, (False,) * len(ids))
    answer = streamed_answer(loaded, prompt, max_new_tokens=max_new_tokens, tell=tell)
    return Reply(answer.text, answer.is_stopped, n_forgotten=0, n_cut=len(whole) - len(ids), messages=())

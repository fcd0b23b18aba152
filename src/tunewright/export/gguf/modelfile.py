"""Modelfile: what Ollama needs beside the weights, so that it asks and stops as training did.

In: the tokenizer with its chat template. Out: the file's text. Its own file because Ollama has a template language of
its own: the chat template is taken apart by asking it, put together in that language, and held beside the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.errors import ModelError
from tunewright.core.values import Message
from tunewright.text.chat import Tokenizer, conversation, end_token_ids, prompt_text

_SYSTEM, _USER, _ASSISTANT, _AGAIN = (f"\ue000{word}\ue000" for word in ("system", "user", "assistant", "again"))
"""Stand for messages; private-use characters, in no template."""
NOTE = "Ollama's template language cannot say this chat template: Modelfile has none, so look at what it asks first"


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a chat template puts around messages."""

    start: str
    """Once, in front of everything."""
    before: dict[str, str]
    after: dict[str, str]
    """By role."""
    asks: str
    """After which the model writes."""
    default_system: str
    """Said when no system message is given; empty for none."""

    def text(self, messages: Sequence[Message]) -> str:
        """The prompt that asks for an answer, as Ollama puts it together."""
        if self.default_system and messages[0].role != "system":
            messages = [Message("system", self.default_system), *messages]
        parts = (f"{self.before[one.role]}{one.content}{self.after[one.role]}" for one in messages)
        return f"{self.start}{''.join(parts)}{self.asks}"


def modelfile(tokenizer: Tokenizer, *, file: str, context: int) -> tuple[str, str]:
    """Its text, and a note: empty when Ollama asks as training did.

    context: tokens. Greedy and without a penalty for repetition, as it was measured.
    """
    lines = [f"FROM ./{file}", "PARAMETER temperature 0", "PARAMETER repeat_penalty 1", f"PARAMETER num_ctx {context}"]
    lines += [f'PARAMETER stop "{tokenizer.convert_ids_to_tokens(i)}"' for i in end_token_ids(tokenizer)]
    if not tokenizer.chat_template:
        return "\n".join([*lines, 'TEMPLATE """{{ .Prompt }}"""', ""]), ""
    found = pieces(tokenizer)
    if found is None:
        return "\n".join([*lines, ""]), NOTE
    if found.default_system:
        lines.append(f'SYSTEM """{found.default_system}"""')
    return "\n".join([*lines, f'TEMPLATE """{_in_go(found, tokenizer)}"""', ""]), ""


def pieces(tokenizer: Tokenizer) -> Pieces | None:
    """None when messages in a row do not say how the template treats every conversation."""
    try:
        found = _taken_apart(tokenizer)
        is_same = found and all(found.text(turns) == prompt_text(turns, tokenizer=tokenizer) for turns in _TRIED)
    except (ModelError, ValueError):  # it refuses a system message, or hides a message
        return None
    return found if is_same and found and not any(mark in repr(found) for mark in ("{{", '"""', "\ue000")) else None


def _taken_apart(tokenizer: Tokenizer) -> Pieces:
    """Raises ValueError when a piece is not where it should be."""
    system, user, assistant = Message("system", _SYSTEM), Message("user", _USER), Message("assistant", _ASSISTANT)
    again = Message("user", _AGAIN)
    one, asked = conversation([user], tokenizer=tokenizer).text, prompt_text([user], tokenizer=tokenizer)
    start, after_user = _cut(one, _USER)
    asks = _without(asked, front=one)
    _, after_assistant = _cut(conversation([user, assistant], tokenizer=tokenizer).text, _ASSISTANT)
    several = prompt_text([user, assistant, again], tokenizer=tokenizer)
    before_assistant = _without(_between(several, _USER, _ASSISTANT), front=after_user)
    before_user = _without(_between(several, _ASSISTANT, _AGAIN), front=after_assistant)
    start = start.removesuffix(before_user)
    with_system = prompt_text([system, user], tokenizer=tokenizer)
    before_system, _ = _cut(with_system, _SYSTEM)
    after_system = _between(with_system, _SYSTEM, _USER).removesuffix(before_user)
    default = ""
    if start.startswith(before_system) and start.endswith(after_system) and len(start) > len(before_system):
        default, start = start[len(before_system) : len(start) - len(after_system)], ""
    return Pieces(
        start=start,
        before={"system": _without(before_system, front=start), "user": before_user, "assistant": before_assistant},
        after={"system": after_system, "user": after_user, "assistant": after_assistant},
        asks=asks,
        default_system=default,
    )


_TRIED: tuple[tuple[Message, ...], ...] = (
    (Message("user", "a"),),
    (Message("system", "s"), Message("user", "a")),
    (Message("user", "a"), Message("assistant", "b"), Message("user", "c")),
    (
        *(Message("system", "s"), Message("user", "a"), Message("assistant", "b")),
        *(Message("user", "c"), Message("assistant", "d"), Message("user", "e")),
    ),
)


def _in_go(found: Pieces, tokenizer: Tokenizer) -> str:
    """No {{- -}}: they would eat line breaks that are part of the prompt. A first token that llama.cpp adds itself is
    left out.
    """
    adds_bos = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    start = found.start.removeprefix(tokenizer.bos_token or "") if adds_bos else found.start
    roles = [
        f'{{{{ {"else if" if i else "if"} eq .Role "{role}" }}}}{front}{{{{ .Content }}}}{found.after[role]}'
        for i, (role, front) in enumerate(found.before.items())
    ]
    return f"{start}{{{{ range .Messages }}}}{''.join(roles)}{{{{ end }}}}{{{{ end }}}}{found.asks}"


def _cut(text: str, mark: str) -> tuple[str, str]:
    before, found, after = text.partition(mark)
    if not found or mark in after:
        raise ValueError(mark)
    return before, after


def _between(text: str, first: str, second: str) -> str:
    return _cut(_cut(text, first)[1], second)[0]


def _without(text: str, *, front: str) -> str:
    if not text.startswith(front):
        raise ValueError(text)
    return text[len(front) :]

"""When two rows count as the same: by everything they say, or by what they ask.

In: rows. Out: Keyed rows, each with the forms that are compared. Its own file because duplicates, leakage and the split
must agree on what "the same" means.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Row
from tunewright.text.clean import normalised
from tunewright.text.render import prompt_of

FIXED_PROMPT_SHARE = 0.1
FIXED_PROMPT_ROWS = 5
"""A prompt that more than a tenth of the rows (and at least five) share is an instruction, not a question: rows that
only share it are not the same. Ours: questions of real data repeat a few times, an instruction stands in most rows."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A row and the forms it is compared in."""

    row: Row
    whole_exact: str
    """All it says, cleaned: text, or every turn."""
    whole: str
    """The same, normalised."""
    asked_exact: str
    """What is given to the model: text, or the turns before the last answer."""
    asked: str
    """The same, normalised."""


def keyed(rows: Sequence[Row], *, fixed: frozenset[str] = frozenset()) -> tuple[Keyed, ...]:
    """Every row with its keys, in order.

    fixed: normalised prompts that do not tell rows apart; their rows are compared whole.
    """
    return tuple(_keyed_conversation(row, fixed) if row.messages else _keyed_text(row) for row in rows)


def fixed_prompts(rows: Sequence[Row]) -> frozenset[str]:
    """Normalised prompts shared by so many rows that they ask nothing of their own."""
    prompts = (prompt_of(row.messages) for row in rows if row.messages)
    counts = Counter(_TURN.join(_turn(m.role, comparable(m.content)) for m in prompt) for prompt in prompts)
    least = max(FIXED_PROMPT_ROWS, math.floor(FIXED_PROMPT_SHARE * len(rows)) + 1)
    return frozenset(prompt for prompt, n in counts.items() if n >= least)


def comparable(text: str) -> str:
    """Normalised; a text without a letter or digit stays as it is, so that two emoji are two texts.

    >>> comparable("Hello, World!"), comparable(":)")
    ('hello world', ':)')
    """
    return normalised(text) or text


def text_of(row: Row) -> str:
    """All that a row says, for counting bytes and guessing its language."""
    return row.text or "\n".join(message.content for message in row.messages)


def asked_words(k: Keyed) -> str:
    """What a row asks, normalised, without system messages: they are the same in many rows and tell none apart."""
    return _words(k.asked)


def whole_words(k: Keyed) -> str:
    """All that a row says, likewise."""
    return _words(k.whole)


def answer_words(k: Keyed) -> str:
    """The answers that are learned, normalised; empty for a row that has none."""
    return " ".join(comparable(message.content) for message in k.row.messages if message.is_trained)


def by_text(some: Sequence[Keyed]) -> list[list[Keyed]]:
    """Rows that say the same, in order, by first appearance; only texts that stand there twice or more."""
    texts: dict[str, list[Keyed]] = {}
    for k in some:
        texts.setdefault(k.whole, []).append(k)
    return [text for text in texts.values() if len(text) > 1]


def _keyed_text(row: Row) -> Keyed:
    whole = comparable(row.text)
    return Keyed(row, row.text, whole, row.text, whole)


def _keyed_conversation(row: Row, fixed: frozenset[str]) -> Keyed:
    prompt = prompt_of(row.messages)
    exact = [_turn(message.role, message.content) for message in row.messages]
    turns = [_turn(message.role, comparable(message.content)) for message in row.messages]
    whole_exact, whole = _TURN.join(exact), _TURN.join(turns)
    asked = _TURN.join(turns[: len(prompt)])
    if asked in fixed or not any(message.content for message in prompt):
        return Keyed(row, whole_exact, whole, whole_exact, whole)
    return Keyed(row, whole_exact, whole, _TURN.join(exact[: len(prompt)]), asked)


_TURN = "\x1e"
"""Between turns; cleaned text holds no control characters, so that a key can be read in one way only."""


def _turn(role: str, content: str) -> str:
    return f"{role}\x1f{content}"


def _words(key: str) -> str:
    turns = [turn.partition("\x1f") for turn in key.split(_TURN)]
    said = [content for role, mark, content in turns if mark and role != "system"]
    return " ".join(said) if said else key.replace(_TURN, " ").replace("\x1f", " ")

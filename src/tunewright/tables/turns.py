"""A conversation as messages, from the shapes that fine-tuning files use.

In: turns as dicts, OpenAI's (role, content, weight) or ShareGPT's (from, value). Out: Conversation: messages with the
trained turns marked, or why there are none. Its own file because other tools' formats change, rows do not.
Sources: OpenAI fine-tuning guide (messages, weight, developer role, content parts, tool_calls); FastChat's ShareGPT.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.core.values import Message
from tunewright.tables.notes import Note, cell_notes
from tunewright.tables.table import cell_text
from tunewright.text.clean import clean_text

ROLES: dict[str, str] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "customer": "user", "client": "user", "patient": "user", "student": "user",
    "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "model": "assistant", "bot": "assistant", "ai": "assistant", "agent": "assistant", "claude": "assistant",
    "tool": "tool", "function": "tool", "function_response": "tool", "observation": "tool", "ipython": "tool",
}  # fmt: skip
"""Every spelling that we know of a role."""


_TRAINED_KEYS = ("weight", "train", "training")
"""Whether an answer is learned. Sources: OpenAI fine-tuning guide (weight 0 or 1), axolotl's chat_template datasets
(message_field_training: train or training, true or false)."""


@dataclass(frozen=True, slots=True)
class Conversation:
    messages: tuple[Message, ...] = ()
    why_not: str = ""
    """Why this is no row: empty, unreadable, unknown_role, no_prompt, no_answer, no_trained_turn; empty when it is."""
    detail: str = ""
    notes: tuple[Note, ...] = ()
    """What was mended or left out."""


def conversation(
    turns: Sequence[Mapping[str, Any]], *, row_id: str = "", system: str | None = None, mends_mojibake: bool = True
) -> Conversation:
    """Messages up to the last assistant turn, every assistant turn trained but those of weight 0.

    What the assistant says before anybody asked is not trained: there is no prompt that it could answer.
    row_id: of the row that the notes are about.

    >>> answer = conversation([{"from": "human", "value": "hi"}, {"from": "gpt", "value": "Hello."}]).messages[1]
    >>> answer.role, answer.content, answer.is_trained
    ('assistant', 'Hello.', True)
    """
    messages: list[Message] = []
    cells: list[str] = []
    notes: list[Note] = []
    call_is_lost = False
    for turn in turns:
        role, content = _role(turn), _content(turn)
        if role is None:
            return Conversation(why_not="unknown_role", detail=repr(turn.get("role") or turn.get("from")))
        if content is None:
            return Conversation(why_not="unreadable", detail=_shown(turn))
        clean = clean_text(content, mends_mojibake=mends_mojibake)
        is_call = bool(turn.get("tool_calls") or turn.get("function_call"))
        call_is_lost = (is_call and not clean) or (call_is_lost and role == "tool")
        if is_call:
            notes.append(Note(row_id, "tool_calls_left_out"))
        elif not clean and role != "user":
            notes.append(Note(row_id, "empty_turns"))
        if not clean and role != "user":
            continue
        is_asked = any(message.role == "user" for message in messages)
        is_trained = role == "assistant" and is_asked and _is_trained(turn)
        messages.append(Message(role, clean, is_trained, lost_its_call=role == "tool" and call_is_lost))
        cells.append(content)
    last = max((i for i, message in enumerate(messages) if message.role == "assistant"), default=-1)
    if last < len(messages) - 1 and last >= 0:
        notes.append(Note(row_id, "turns_after_last_answer"))
    why_not = _why_not(messages, last=last)
    if why_not:
        return Conversation(why_not=why_not, detail=messages[0].content if messages else "")
    kept = messages[: last + 1]
    if system and system.strip() and all(message.role != "system" for message in kept):
        kept, cells = [Message("system", clean_text(system)), *kept], [system, *cells]
    for i, cell in enumerate(cells[: len(kept)], start=1):
        notes += cell_notes(row_id, cell, field=f"message {i}", mends_mojibake=mends_mojibake)[1]
    return Conversation(tuple(kept), notes=tuple(dict.fromkeys(notes)))


def turns_of(cell: Any) -> list[dict[str, Any]] | None:
    """A cell's conversation: a list of turns, also as JSON text; None when it is none.

    >>> turns_of('[{"role": "user", "content": "hi"}]')
    [{'role': 'user', 'content': 'hi'}]
    """
    if isinstance(cell, str) and cell.lstrip()[:1] == "[":
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    is_list = isinstance(cell, list) and bool(cell) and all(isinstance(turn, dict) for turn in cell)
    return cell if is_list and all({"role", "from"} & turn.keys() for turn in cell) else None


def _role(turn: Mapping[str, Any]) -> str | None:
    return ROLES.get(str(turn.get("role") or turn.get("from") or "").strip().lower())


def _why_not(messages: Sequence[Message], *, last: int) -> str:
    if not any(message.content for message in messages):
        return "empty"
    if last < 0:
        return "no_answer"
    if not any(message.role == "user" and message.content for message in messages[:last]):
        return "no_prompt"
    return "" if any(message.is_trained for message in messages) else "no_trained_turn"


def _content(turn: Mapping[str, Any]) -> str | None:
    """The turn's text as it stands there; None for what is not text (pictures, sound)."""
    value = next((turn[key] for key in ("content", "value", "text") if turn.get(key) is not None), "")
    if isinstance(value, list):
        if not all(isinstance(part, str) or (isinstance(part, dict) and _is_text(part)) for part in value):
            return None
        value = "\n".join(part if isinstance(part, str) else str(part.get("text") or "") for part in value)
    return None if isinstance(value, dict) else cell_text(value)


def _is_text(part: Mapping[str, Any]) -> bool:
    return part.get("type", "text") in ("text", "input_text", "output_text") and isinstance(part.get("text"), str)


def _is_trained(turn: Mapping[str, Any]) -> bool:
    """As the first of the known keys says, 0 or false being no; anything that is no number counts as yes."""
    said = next((turn[key] for key in _TRAINED_KEYS if turn.get(key) is not None), 1)
    if isinstance(said, str) and said.strip().lower() in ("false", "no"):
        return False
    try:
        return float(said) != 0
    except (TypeError, ValueError):
        return True


def _shown(turn: Mapping[str, Any]) -> str:
    return json.dumps(turn, ensure_ascii=False, default=str)

"""Conversations whose turns do not follow each other: two answers in a row, a system message in the middle.

In: conversations. Out: a finding for each kind, and the rows with such turns put together. Its own file because a chat
template may refuse such a row, or show the model an answer that nobody asked for. What cannot be read, is empty or has
no answer was left out or told before, while files were read; so was a call that has no text, and its result is not
held against the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from tunewright.core.values import Dropped, Finding, Message, Severity
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.tables.words import few, rows, told

NAME = "conversation_shape"
Oddity = Literal["two_answers", "two_questions", "late_system", "answer_first", "empty_question", "result_without_call"]

_WORDS: dict[Oddity, tuple[Severity, str, str]] = {
    "two_answers": ("warning", "has two answers in a row", "have two answers in a row"),
    "two_questions": ("info", "has two user turns in a row", "have two user turns in a row"),
    "late_system": ("warning", "has a system turn that is not the first", "have a system turn that is not the first"),
    "answer_first": (
        "info",
        "begins with an answer that nobody asked for, which is read and not learned",
        "begin with an answer that nobody asked for, which is read and not learned",
    ),
    "empty_question": ("warning", "has an empty user turn", "have an empty user turn"),
    "result_without_call": (
        "warning",
        "has a tool's result that no answer asked for",
        "have a tool's result that no answer asked for",
    ),
}
MENDED: frozenset[Oddity] = frozenset({"two_answers", "two_questions", "late_system"})
"""What fix puts right without a word of its own: turns are joined or moved, nothing is invented."""
_NOT_JOINED = "an answer that is learned is not joined to one that is not"


def look(shown: Look) -> Found:
    """fix joins neighbours of one role and puts system turns first; drop takes every odd row out of train."""
    action = shown.actions[NAME]
    found = {k.row.row_id: oddities(k.row.messages) for part in shown.rows.values() for k in part}
    odd = [(split, k.row) for split, part in shown.rows.items() for k in part if found[k.row.row_id]]
    mended = {row.row_id: in_turn(row.messages) for _, row in odd} if action == "fix" else {}
    left = {row_id: oddities(messages) for row_id, messages in mended.items()}
    findings = []
    for kind, (severity, one, many) in _WORDS.items():
        ids = tuple(row.row_id for _, row in odd if kind in found[row.row_id])
        if not ids:
            continue
        n_gone = sum(split == "train" for split, row in odd if kind in found[row.row_id])
        n_left = sum(kind in left[row_id] for row_id in ids) if mended else 0
        done, change = _done(kind, action, n_gone=n_gone, n_left=n_left, n=len(ids))
        place = found[ids[0]][kind]
        acts = action == "drop" or (action == "fix" and kind in MENDED and n_left < len(ids))
        message = f"{told(len(ids), one, many)}, as {few(ids)} (there turn {place}); {done}"
        findings.append(Finding(NAME, severity, message, ids, change, action if acts else "report"))
    return Found(
        tuple(findings),
        dropped=tuple(Dropped(row.row_id, NAME) for split, row in odd if split == "train" and action == "drop"),
        repaired={
            row.row_id: replace(row, messages=mended[row.row_id])
            for _, row in odd
            if mended and mended[row.row_id] != row.messages
        },
        suspects=tuple(
            Suspect(row.row_id, NAME, f"turn {place}: {_WORDS[kind][1]}")
            for _, row in odd
            for kind, place in found[row.row_id].items()
        ),
    )


CHECK = Check(
    "turn out of order in a conversation",
    ("reading", "repair"),
    look,
    actions=("report", "fix", "drop"),
    tasks=("generate",),
)


def oddities(messages: Sequence[Message]) -> dict[Oddity, int]:
    """What is odd, and at which turn (from 1) first; empty for most conversations.

    >>> oddities([Message("user", "hi"), Message("assistant", "Hello."), Message("assistant", "How are you?")])
    {'two_answers': 3}
    """
    found: dict[Oddity, int] = {}
    spoken = [message.role for message in messages if message.role != "system"]
    if spoken and spoken[0] == "assistant":
        found["answer_first"] = next(i for i, m in enumerate(messages, start=1) if m.role == "assistant")
    for i, (before, here) in enumerate(pairwise(messages), start=2):
        if here.role == before.role == "assistant":
            found.setdefault("two_answers", i)
        if here.role == before.role == "user":
            found.setdefault("two_questions", i)
        if here.role == "system":
            found.setdefault("late_system", i)
    for i, here in enumerate(messages, start=1):
        if here.role == "user" and not here.content:
            found.setdefault("empty_question", i)
        is_called = here.lost_its_call or (i > 1 and messages[i - 2].role in ("assistant", "tool"))
        if here.role == "tool" and not is_called:
            found.setdefault("result_without_call", i)
    return found


def in_turn(messages: Sequence[Message]) -> tuple[Message, ...]:
    """System turns first, as one; neighbours of one role as one turn, a blank line between them.

    An answer that is learned is not joined to one that is not; results of tools stay apart, each belongs to a call.

    >>> [m.content for m in in_turn([Message("user", "a"), Message("user", "b"), Message("assistant", "c")])]
    ['a\\n\\nb', 'c']
    """
    ordered = [m for m in messages if m.role == "system"] + [m for m in messages if m.role != "system"]
    joined: list[Message] = []
    for message in ordered:
        last = joined[-1] if joined else None
        is_same = last is not None and (last.role, last.is_trained) == (message.role, message.is_trained)
        if last is None or not is_same or message.role == "tool":
            joined.append(message)
            continue
        content = "\n\n".join(part for part in (last.content, message.content) if part)
        joined[-1] = replace(last, content=content)
    return tuple(joined)


def _done(kind: Oddity, action: str, *, n_gone: int, n_left: int, n: int) -> tuple[str, str]:
    """What was done, and what to type for something else.

    n_left: how many of the n rows have it after their repair too.
    """
    if action == "drop":
        return f"{rows(n_gone, 'train')} left out", f"keep them: prepare.actions.{NAME}=report"
    if kind not in MENDED:
        return "left as they are", f"mend them in the file, or leave them out: prepare.actions.{NAME}=drop"
    if action == "fix" and n_left:
        begun = "left as they are" if n_left == n else f"put in order, but {rows(n_left)} left as they are"
        return f"{begun}: {_NOT_JOINED}", f"mend them in the file, or leave them out: prepare.actions.{NAME}=drop"
    if action == "fix":
        return "put in order", f"keep them as they are: prepare.actions.{NAME}=report"
    return "left as they are", f"put them in order: prepare.actions.{NAME}=fix, or leave them out: =drop"

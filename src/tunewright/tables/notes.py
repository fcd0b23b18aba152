"""What reading changed in a row, and what is said about it.

In: notes of the rows of one table. Out: counts by reason, findings with the rows, the mended cells as they were and as
they are. Its own file because a row is mended where its cells are read, and told where a person looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunewright.core.values import Action, Change, Finding, Severity
from tunewright.tables.words import few, told
from tunewright.text.clean import clean_label, clean_text
from tunewright.text.private import masked

Reason = Literal[
    "spacing",
    "characters",
    "mojibake",
    "mojibake_kept",
    "label_blanks",
    "first_of_several_answers",
    "tool_calls_left_out",
    "empty_turns",
    "turns_after_last_answer",
]


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is not as the user's file has it."""

    row_id: str
    reason: Reason
    field: str = ""
    """text, label, or message 3; empty where no cell was mended but something was left out."""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    check: str
    severity: Severity
    one: str
    many: str
    suggestion: str
    action: Action = "fix"


BLANK = "\u2423"
"""Open box: a blank that a person can see. Source: Unicode, Control Pictures."""
_LOOK = "see each before and after: prepare/changes.parquet"
_SAID: dict[Reason, _Said] = {
    "mojibake": _Said(
        "mojibake",
        "warning",
        "holds text that was read with the wrong encoding, which is put right",
        "hold text that was read with the wrong encoding, which is put right",
        f"{_LOOK}; or keep it: prepare.actions.mojibake=report",
    ),
    "mojibake_kept": _Said(
        "mojibake",
        "warning",
        "holds text that was read with the wrong encoding and stays as it is",
        "hold text that was read with the wrong encoding and stay as they are",
        "put it right: prepare.actions.mojibake=fix",
        "report",
    ),
    "characters": _Said(
        "characters",
        "info",
        "holds control characters or letters written in parts, read without and in one piece",
        "hold control characters or letters written in parts, read without and in one piece",
        _LOOK,
    ),
    "label_blanks": _Said(
        "label_spelling",
        "warning",
        "has a label with blanks that nobody sees",
        "have a label with blanks that nobody sees",
        "take the blanks out of the file, so that other tools read the same classes",
    ),
    "first_of_several_answers": _Said(
        "several_answers",
        "info",
        "has several answers; the first one is taken",
        "have several answers; the first one is taken",
        "give each answer a row of its own to learn from all of them",
    ),
    "tool_calls_left_out": _Said(
        "conversation_shape",
        "warning",
        "calls tools, and the calls are left out: only text is learned",
        "call tools, and the calls are left out: only text is learned",
        "write the calls into the text of the turns if the model must learn to make them",
    ),
    "empty_turns": _Said(
        "conversation_shape",
        "warning",
        "has empty turns, which are left out",
        "have empty turns, which are left out",
        "fill them in, or delete them in the file",
    ),
    "turns_after_last_answer": _Said(
        "conversation_shape",
        "info",
        "goes on after the last answer; what follows has no answer to learn and is left out",
        "go on after the last answer; what follows has no answer to learn and is left out",
        "nothing to do, unless an answer is missing in the file",
    ),
}
"""Spacing is counted and not told: it stands in most files and changes nothing that is said."""


def cell_notes(row_id: str, text: str, *, field: str, mends_mojibake: bool) -> tuple[str, tuple[Note, ...]]:
    """The clean cell, and what cleaning it changed."""
    clean = clean_text(text, mends_mojibake=mends_mojibake)
    notes: list[Note] = []
    if clean != text:
        notes.append(Note(row_id, how_changed(text, clean), field, text, clean))
    if not mends_mojibake and not clean.isascii() and clean_text(clean) != clean:
        notes.append(Note(row_id, "mojibake_kept"))
    return clean, tuple(notes)


def label_notes(row_id: str, label: str) -> tuple[str, tuple[Note, ...]]:
    """The label's name, and whether the file has it with other blanks."""
    clean = clean_label(label)
    return clean, (Note(row_id, "label_blanks", "label", label, clean),) if clean and clean != label else ()


def how_changed(text: str, clean: str) -> Reason:
    """What cleaning changed: `spacing` only, `mojibake`, or other `characters`.

    >>> how_changed("a  b", "a b"), how_changed("cafÃ©", "café"), how_changed("a\\0b", "ab")
    ('spacing', 'mojibake', 'characters')
    """
    if "".join(text.split()) == "".join(clean.split()):
        return "spacing"
    return "mojibake" if clean_text(text, mends_mojibake=False) != clean else "characters"


def counts(notes: Sequence[Note]) -> dict[str, int]:
    """Rows that were changed, by reason; what was kept is no repair."""
    rows: dict[str, set[str]] = {}
    for note in notes:
        if note.reason != "mojibake_kept":
            rows.setdefault(note.reason, set()).add(note.row_id)
    return {reason: len(ids) for reason, ids in rows.items()}


def changes(notes: Sequence[Note]) -> tuple[Change, ...]:
    """Mended cells as they were and as they are; spacing is not kept twice."""
    return tuple(
        Change(note.row_id, _SAID[note.reason].check, note.field, note.before, note.after)
        for note in notes
        if note.field and note.reason in _SAID
    )


def note_findings(notes: Sequence[Note], *, path: Path) -> tuple[Finding, ...]:
    """One for each reason, naming the rows; labels say which names were read as one."""
    found = []
    for reason, said in _SAID.items():
        ids = tuple(dict.fromkeys(note.row_id for note in notes if note.reason == reason))
        if ids:
            message = f"{told(len(ids), said.one, said.many)} ({path.name}), as {few(ids)}"
            if reason == "label_blanks":
                message += f": {_label_words(notes)}"
            found.append(Finding(said.check, said.severity, message, ids, said.suggestion, said.action))
    return tuple(found)


def _label_words(notes: Sequence[Note]) -> str:
    """`'2␣␣␣' is read as '2'`: each spelling once, its blanks to be seen."""
    pairs = dict.fromkeys((note.before, note.after) for note in notes if note.reason == "label_blanks")
    return few([f"{masked(before).replace(' ', BLANK)!r} is read as {masked(after)!r}" for before, after in pairs])

"""Answers that stand in for one: n/a, a dash, "to do".

In: conversations. Out: a finding with the words and the rows. Its own file because such a row is not empty and still
teaches nothing but to say nothing.
"""

from __future__ import annotations

from collections import Counter

from tunewright.core.values import Dropped, Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.tables.words import few, rows, told
from tunewright.text.clean import normalised

NAME = "filler_answers"
FILLERS = frozenset(
    {"n a", "na", "none", "null", "nil", "nan", "idk", "i don t know", "i dont know", "dunno", "todo", "to do", "tbd"}
    | {"to be done", "to be determined", "fixme", "xxx", "placeholder", "lorem ipsum", "no answer", "no response"}
    | {
        "no comment",
        "not available",
        "not applicable",
        "no data",
        "blank",
        "empty",
        "undefined",
        "unanswered",
        "answer",
    }
    | {"answer here", "your answer here", "see above", "same as above", "as above", "test", "asdf", "k a"}
    | {
        "keine angabe",
        "sin respuesta",
        "sans objet",
        "non applicable",
        "нет ответа",
        "없음",
        "なし",
        "無し",
        "无",
        "没有",
    }
)
"""As `normalised` writes them. Ours: what people leave in a cell that a form would not let them leave empty. Yes, no
and unknown are answers."""
_SIGNS = frozenset("-–—_.…?*/\\#x ")
"""An answer of nothing else is a dash."""


def look(shown: Look) -> Found:
    """drop leaves such rows out of train."""
    found = [(split, k.row, word) for split, part in shown.rows.items() for k in part if (word := filler_in(k.row))]
    if not found:
        return Found()
    action = shown.actions[NAME]
    ids = tuple(row.row_id for _, row, _ in found)
    gone = [row for split, row, _ in found if split == "train"] if action == "drop" else []
    words = few([f"{word!r} {n:,}" for word, n in Counter(word for _, _, word in found).most_common()])
    done = f"{rows(len(gone), 'train')} left out" if action == "drop" else "they are learned"
    change = f"prepare.actions.{NAME}={'report keeps' if action == 'drop' else 'drop leaves out'} them"
    message = f"{told(len(ids), 'has', 'have')} an answer that only stands in for one ({words}), as {few(ids)}; {done}"
    return Found(
        (Finding(NAME, "warning", message, ids, change, action),),
        dropped=tuple(Dropped(row.row_id, NAME) for row in gone),
        suspects=tuple(Suspect(row.row_id, NAME, f"the answer is {word!r}") for _, row, word in found),
    )


CHECK = Check("answer that only stands in for one", ("given",), look, actions=("report", "drop"), tasks=("generate",))


def filler_in(row: Row) -> str:
    """The first answer to learn that says nothing, as it stands there; empty when there is none."""
    return next((m.content for m in row.messages if m.is_trained and is_filler(m.content)), "")


def is_filler(answer: str) -> bool:
    """
    >>> [is_filler(answer) for answer in ("N/A", "--", "tbd:", "no", "42", "None of them came.")]
    [True, True, True, False, False, False]
    """
    return normalised(answer) in FILLERS or (bool(answer) and _SIGNS.issuperset(answer.lower()))

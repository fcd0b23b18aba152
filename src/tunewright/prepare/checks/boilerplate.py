"""One answer that is given again and again.

In: conversations. Out: a finding with the most frequent ones. Its own file because the model will give it to everybody.
"""

from __future__ import annotations

from tunewright.core.values import Finding
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.keys import answer_words
from tunewright.tables.words import percent, rows
from tunewright.text.private import quoted

NAME = "boilerplate"
LEAST_SHARE, LEAST_ROWS = 0.05, 10
"""Of the train rows that give one answer. Ours: below it an answer that comes back is an answer, not a habit."""
SHORT_WORDS = 3
"""Yes, no, a name: answers that are chosen, not written."""


def look(shown: Look) -> Found:
    said: dict[str, list[str]] = {}
    as_said: dict[str, str] = {}
    for k in shown.rows["train"]:
        said.setdefault(answer_words(k), []).append(k.row.row_id)
        as_said.setdefault(answer_words(k), " ".join(m.content for m in k.row.messages if m.is_trained))
    n = len(shown.rows["train"])
    often = {
        text: ids
        for text, ids in said.items()
        if len(ids) >= max(LEAST_ROWS, LEAST_SHARE * n) and len(text.split()) > SHORT_WORDS
    }
    if not often:
        return Found()
    top = max(often, key=lambda text: len(often[text]))
    ids = tuple(row_id for group in often.values() for row_id in group)
    message = (
        f"{rows(len(ids), 'train')} ({percent(len(ids), n)}) give one of {len(often)} answers that come "
        f"again and again, most often {quoted(as_said[top])} ({len(often[top]):,} times)"
    )
    return Found((Finding(NAME, "warning", message, ids, "leave some of them out of the file"),))


CHECK = Check("answer given again and again", ("given",), look, tasks=("generate",))

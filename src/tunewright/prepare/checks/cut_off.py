"""Answers that stop in the middle of a sentence.

In: conversations. Out: a finding that names them. Its own file because a model learns to stop where its examples do.
"""

from __future__ import annotations

from tunewright.core.values import Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.tables.words import few, percent, told
from tunewright.text.private import masked

NAME = "cut_off"
LEAST_WORDS = 20
"""A shorter answer need not be a sentence."""
USUAL_SHARE = 0.8
"""Of the long answers that must end like sentences: where most do not (code, lists), the others are not cut off."""
ENDS = frozenset(".!?…。！？؟।\"')]}»”’*`|>:;%")
"""Signs that end a sentence or close what it stands in."""


def look(shown: Look) -> Found:
    answers = [(k.row.row_id, text) for part in shown.rows.values() for k in part for text in _long_answers(k.row)]
    odd = [(row_id, text) for row_id, text in answers if text[-1] not in ENDS and not text[-1].isdigit()]
    if not odd:
        return Found()
    if len(odd) > (1 - USUAL_SHARE) * len(answers):
        return Found(
            not_run=f"{percent(len(odd), len(answers))} of the long answers end without a full stop: it is usual here"
        )
    ids = tuple(dict.fromkeys(row_id for row_id, _ in odd))
    message = (
        f"{told(len(ids), 'ends', 'end')} an answer without a full stop, which may be cut off "
        f"(of {len(answers):,} long ones), as {few(ids)}"
    )
    return Found(
        (Finding(NAME, "info", message, ids, f"look at one: tunewright trace {ids[0]}"),),
        suspects=tuple(Suspect(row_id, NAME, f"ends in {masked(text[-1000:])[-30:]!r}") for row_id, text in odd),
    )


CHECK = Check("answer that is cut off", ("given",), look, tasks=("generate",))


def _long_answers(row: Row) -> list[str]:
    return [m.content for m in row.messages if m.is_trained and len(m.content.split()) >= LEAST_WORDS]

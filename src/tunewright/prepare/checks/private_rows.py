"""Rows that hold something private, found, masked or left out.

In: rows and which kinds are meant. Out: Found. Its own file because personal data and secrets differ only in the kinds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunewright.core.values import Dropped, Finding, Row
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.ends import ends, is_long, partly
from tunewright.tables.words import few, rows, told
from tunewright.text.private import Kind, masked, private_in

WORDS: dict[Kind, str] = {
    "email": "e-mail", "phone": "phone", "card": "card", "iban": "IBAN", "ip": "IP address", "key": "key",
}  # fmt: skip


def private_rows(shown: Look, *, name: str, kinds: Sequence[Kind], what: str) -> Found:
    """The rows of every split that hold one of these kinds. No finding shows what it found.

    Of texts of megabytes the ends are looked at when it is only reported; fix and drop look at everything.
    """
    action = shown.actions[name]
    looked_at = ends if action == "report" else _whole
    counts: Counter[Kind] = Counter()
    holding: list[tuple[str, Row]] = []
    long: list[str] = []
    for split, part in shown.rows.items():
        for k in part:
            texts = texts_of(k.row)
            found = [one.kind for text in texts for piece in looked_at(text) for one in private_in(piece, kinds=kinds)]
            counts.update(found)
            holding += [(split, k.row)] if found else []
            long += [k.row.row_id] if looked_at is ends and any(map(is_long, texts)) else []
    all_of_it = f"look at all of it: prepare.actions.{name}=fix or =drop"
    in_part = partly(name, long, what=what, suggestion=all_of_it)
    if not holding:
        return Found(in_part)
    ids = tuple(row.row_id for _, row in holding)
    listed = ", ".join(f"{n:,} {WORDS[kind]}" for kind, n in counts.most_common())
    gone = [row for split, row in holding if split == "train"] if action == "drop" else []
    done = {
        "report": "they stay in the data",
        "fix": "each is replaced by its kind in brackets",
        "drop": f"{rows(len(gone), 'train')} left out",
    }[action]
    change = f"replace them: prepare.actions.{name}=fix" if action != "fix" else f"keep: prepare.actions.{name}=report"
    message = f"{told(len(ids), 'holds', 'hold')} {what} ({listed}), as {few(ids)}; {done}"
    return Found(
        (Finding(name, "warning", message, ids, change, action), *in_part),
        dropped=tuple(Dropped(row.row_id, name) for row in gone),
        repaired={row.row_id: without(row, kinds) for _, row in holding} if action == "fix" else {},
    )


def _whole(text: str) -> tuple[str, ...]:
    return (text,)


def texts_of(row: Row) -> tuple[str, ...]:
    return (row.text, *(message.content for message in row.messages)) if row.messages else (row.text,)


def without(row: Row, kinds: Sequence[Kind]) -> Row:
    """The row with each of these kinds replaced by its name in brackets."""
    return replace(
        row,
        text=masked(row.text, kinds=kinds),
        messages=tuple(replace(message, content=masked(message.content, kinds=kinds)) for message in row.messages),
    )

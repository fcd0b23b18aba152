"""Texts far longer than the others.

In: all rows. Out: a finding that names them. Its own file because one pasted document among short messages decides how
long every batch is.
"""

from __future__ import annotations

import statistics

from tunewright.core.values import Finding
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.prepare.keys import text_of
from tunewright.tables.words import few, told

NAME = "lengths"
TIMES_MEDIAN = 20
LEAST_CHARACTERS = 1_000
"""Ours: twenty times the middle and a page long is another kind of text."""


def look(shown: Look) -> Found:
    sizes = [(k.row.row_id, len(text_of(k.row))) for part in shown.rows.values() for k in part]
    if not sizes:
        return Found()
    middle = statistics.median(n for _, n in sizes)
    far = [(row_id, n) for row_id, n in sizes if n > max(LEAST_CHARACTERS, TIMES_MEDIAN * middle)]
    if not far:
        return Found()
    ids = tuple(row_id for row_id, _ in far)
    longest = max(n for _, n in far)
    message = (
        f"{told(len(ids), 'is', 'are')} more than {TIMES_MEDIAN} times as long as the middle one of {middle:,.0f} "
        f"characters, the longest {longest:,}, as {few(ids)}"
    )
    return Found(
        (Finding(NAME, "info", message, ids, f"look at one: tunewright trace {ids[0]}"),),
        suspects=tuple(Suspect(row_id, NAME, f"{n:,} characters") for row_id, n in far),
    )


CHECK = Check("text far longer than the others", ("given",), look)

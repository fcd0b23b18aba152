"""rows.html: every test row with both answers side by side, those that tuning fixed and broke first, to be searched.

In: RunFiles. Out: the page's text; empty where nothing can be held against a rival. Its own file because the report
shows a few rows that were drawn, and here a person looks for the one that worries them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunewright.core.systems import TUNED
from tunewright.core.tasks import LABELLED
from tunewright.report import words
from tunewright.report.examples import Row, answered_rows, clipped, gain_bits, is_right
from tunewright.report.read import RunFiles
from tunewright.report.scripted import scripted_html

ROWS = "rows.html"
"""In the run folder, beside the report."""
MOST_ROWS = 5_000
"""On the page: a browser searches so many at once. Fixed and broken rows come first."""
_LABELLED_KINDS = {
    (False, True): "fixed",
    (True, False): "broken",
    (False, False): "still wrong",
    (True, True): "right",
}
"""(the rival is right, the subject is right)."""
KINDS = {
    "fixed": "Fixed",
    "broken": "Broken",
    "still wrong": "Both wrong",
    "right": "Both right",
    "likelier": "Reference likelier",
    "less likely": "Reference less likely",
    "unknown": "Cannot be said",
}
"""In the order they are shown."""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One test row, as the script draws it; texts are clipped and masked."""

    id: str
    kind: str
    text: str
    reference: str
    ours: str
    theirs: str
    note: str


def has_rows_page(run: RunFiles) -> bool:
    """Something stands against something."""
    return bool(rows_of(run))


def rows_html(run: RunFiles) -> str:
    """Empty where there is no rival, or the task's answers are neither right nor likely."""
    shown = rows_of(run)
    if not shown:
        return ""
    _, rival = answered_rows(run)
    counts = {kind: sum(row.kind == kind for row in shown) for kind in KINDS}
    kept = sorted(shown, key=lambda row: list(KINDS).index(row.kind))[:MOST_ROWS]
    return scripted_html(
        "rows",
        data=[[row.id, row.kind, row.text, row.reference, row.ours, row.theirs, row.note] for row in kept],
        title=run.name,
        kinds=[(kind, name, counts[kind]) for kind, name in KINDS.items() if counts[kind]],
        n_rows=len(shown),
        n_left_out=len(shown) - len(kept),
        ours=words.system_name(run.subject),
        theirs=words.system_name(rival),
    )


def rows_of(run: RunFiles) -> tuple[ShownRow, ...]:
    """Of tasks with labels by right and wrong; of written answers by the reference's likelihood."""
    rows, rival = answered_rows(run)
    if not rival or (run.task not in LABELLED and run.task != "generate"):
        return ()
    rows = [row for row in rows if rival in row]
    if run.task == "generate":
        rows = sorted(rows, key=lambda row: -abs(gain) if math.isfinite(gain := gain_bits(row, rival)) else math.inf)
    return tuple(_shown(row, rival=rival, task=run.task) for row in rows)


def _shown(row: Row, *, rival: str, task: str) -> ShownRow:
    own, other = row[TUNED], row[rival]
    gain = gain_bits(row, rival)
    if task == "generate":
        kind = "unknown" if not math.isfinite(gain) else "likelier" if gain > 0 else "less likely"
    else:
        kind = "unknown"
        theirs, ours = is_right(row, rival), is_right(row, TUNED)
        if theirs is not None and ours is not None:
            kind = _LABELLED_KINDS[theirs, ours]
    return ShownRow(
        id=str(own.get("row_id")),
        kind=kind,
        text=_clipped(own.get("text")),
        reference=_clipped(own.get("reference")),
        ours=_clipped(own.get("answer")),
        theirs=_clipped(other.get("answer")),
        note=f"{gain:+.3f} bits per byte" if math.isfinite(gain) else "",
    )


def _clipped(value: object) -> str:
    text, more = clipped(value)
    return f"{text} … ({more:,} more characters)" if more else text

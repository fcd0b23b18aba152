"""Labels with hardly any train row.

In: train rows. Out: a finding that names them. Its own file because such a class is not learned, and its score means
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunewright.core.values import Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.tables.words import few

NAME = "rare_labels"
FEW_ROWS = 5
"""A class with fewer train rows is hardly learned. Source: DESIGN 5, the task rule's 5 rows a class."""


def look(shown: Look) -> Found:
    train = [k.row for k in shown.rows["train"]]
    return Found(_rare(train, Counter(row.label for row in train if row.label is not None)))


CHECK = Check("label with too few train rows", ("split",), look, tasks=("classify",))


def _rare(train: Sequence[Row], counts: Counter[str]) -> tuple[Finding, ...]:
    rare = [label for label, n in sorted(counts.items(), key=lambda item: (item[1], item[0])) if n < FEW_ROWS]
    if not rare:
        return ()
    n_single = sum(counts[label] == 1 for label in rare)
    single = f", {n_single} of them one" if n_single else ""
    named = few([f"{label!r} {counts[label]}" for label in rare])
    text = f"{len(rare)} of {len(counts)} labels have fewer than {FEW_ROWS} train rows{single}: {named}"
    ids = tuple(row.row_id for row in train if row.label in rare)
    return (Finding(NAME, "warning", text, ids, "add rows for them, or merge them in the file"),)

"""A label far more frequent than another.

In: train rows. Out: a finding. Its own file because it changes which metric is honest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunewright.core.values import Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.tables.words import rows

NAME = "class_imbalance"
IMBALANCE = 10
"""Largest class over smallest. Ours: past it a model that never names the rare class still scores above 90 %."""


def look(shown: Look) -> Found:
    return Found(_imbalance([k.row for k in shown.rows["train"] if k.row.label is not None]))


CHECK = Check("label far more frequent than another", ("split",), look, tasks=("classify",))


def _imbalance(labelled: Sequence[Row]) -> tuple[Finding, ...]:
    """One finding at most; its rows are those of the rarest label."""
    counts = Counter(str(row.label) for row in labelled)
    if len(counts) < 2:
        return ()
    large, small = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    if counts[large] < IMBALANCE * counts[small]:
        return ()
    ids = tuple(row.row_id for row in labelled if row.label == small)
    text = (
        f"the label {large!r} has {rows(counts[large], 'train')}, {small!r} has {counts[small]:,}: "
        f"{counts[large] / counts[small]:.0f} times as many; accuracy hardly sees the rare one"
    )
    return (Finding(NAME, "info", text, ids, "count every label the same: evaluate.primary_metric=f1_macro"),)

"""A label far more frequent than another.

In: train rows. Out: a finding. Its own file because it changes which metric is honest.
"""

from __future__ import annotations

from collections import Counter

from tunewright.core.values import Finding
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.tables.words import rows

NAME = "class_imbalance"
IMBALANCE = 10
"""Largest class over smallest. Ours: past it a model that never names the rare class still scores above 90 %."""


def look(shown: Look) -> Found:
    return Found(_imbalance(Counter(k.row.label for k in shown.rows["train"] if k.row.label is not None)))


CHECK = Check("label far more frequent than another", ("split",), look, tasks=("classify",))


def _imbalance(counts: Counter[str]) -> tuple[Finding, ...]:
    if len(counts) < 2:
        return ()
    large, small = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    if counts[large] < IMBALANCE * counts[small]:
        return ()
    text = (
        f"the label {large!r} has {rows(counts[large], 'train')}, {small!r} has {counts[small]:,}: "
        f"{counts[large] / counts[small]:.0f} times as many; accuracy hardly sees the rare one"
    )
    return (Finding(NAME, "info", text, (), "count every label the same: evaluate.primary_metric=f1_macro"),)

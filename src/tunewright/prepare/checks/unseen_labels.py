"""Labels of validation or test that train does not have.

In: the rows of every split. Out: a finding for each split. Its own file because these rows are scored wrong whatever
the model learns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tunewright.core.values import SPLITS, Finding, Row, Split
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.tables.words import few, rows

NAME = "unseen_labels"


def look(shown: Look) -> Found:
    splits = {split: [k.row for k in part] for split, part in shown.rows.items()}
    return Found(_unseen(splits, Counter(row.label for row in splits["train"] if row.label is not None)))


CHECK = Check("label that train does not have", ("split",), look, tasks=("classify",))


def _unseen(splits: Mapping[Split, Sequence[Row]], counts: Counter[str]) -> tuple[Finding, ...]:
    findings = []
    for split in SPLITS[1:]:
        unseen = [row for row in splits[split] if row.label is not None and row.label not in counts]
        if not unseen:
            continue
        names = few([repr(label) for label in sorted({row.label for row in unseen if row.label is not None})])
        text = f"{rows(len(unseen), split)} with a label that train does not have, counted as wrong: {names}"
        ids = tuple(row.row_id for row in unseen)
        findings.append(Finding(NAME, "warning", text, ids, "add train rows for these labels"))
    return tuple(findings)

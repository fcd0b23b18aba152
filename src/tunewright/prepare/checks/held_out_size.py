"""A test set too small to prove much, or no validation rows.

In: the rows of every split. Out: findings. Its own file because it is about what a score can say, not about a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.values import Finding, Row, Split
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.tables.words import rows

NAME = "held_out_size"
SMALL_TEST_ROWS = 100
"""Fewer, and an accuracy is known to no better than ten points. Source: 1.96 * sqrt(.25 / 100) = .098."""


def look(shown: Look) -> Found:
    return Found(size_findings({split: [k.row for k in part] for split, part in shown.rows.items()}))


CHECK = Check("test or validation set that is too small", ("split",), look)


def size_findings(splits: Mapping[Split, Sequence[Row]]) -> tuple[Finding, ...]:
    """A test set too small to prove much, or no validation rows."""
    findings = []
    n_test = len(splits["test"])
    if n_test < SMALL_TEST_ROWS:
        text = f"{rows(n_test, 'test')}: fewer than {SMALL_TEST_ROWS}, so scores will have wide intervals"
        findings.append(Finding(NAME, "warning", text, (), "give more rows: data.test=FILE"))
    if not splits["validation"]:
        text = "no validation rows: the last checkpoint is used, not the best"
        findings.append(Finding(NAME, "warning", text, (), "give some rows: data.validation=FILE"))
    labels = {row.label for row in splits["test"] if row.label is not None}
    if len(labels) == 1 and n_test > 1:
        text = f"every test row has the label {next(iter(labels))!r}: a model that always says so is always right"
        findings.append(Finding(NAME, "warning", text, (), "name a test file with other labels too: data.test=FILE"))
    return tuple(findings)

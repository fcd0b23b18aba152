"""Groups that stand on both sides of a split: a patient in train and in test.

In: the rows of each given file. Out: a finding for each pair of files. Its own file because the rows differ and still
tell of each other: only the group column knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.values import Finding, Split
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.leakage import pairs_of
from tunewright.prepare.keys import Keyed
from tunewright.tables.words import few

NAME = "group_overlap"


def look(shown: Look) -> Found:
    return Found(group_findings(shown.rows))


CHECK = Check("group in two splits", ("given",), look)


def group_findings(given: Mapping[Split, Sequence[Keyed]]) -> tuple[Finding, ...]:
    """One for each pair of given files that share a group: a patient in train and in test."""
    groups = {split: {k.row.group for k in part if k.row.group} for split, part in given.items()}
    findings = []
    for a, b in pairs_of(given):
        both = groups[a] & groups[b]
        if not both:
            continue
        ids = tuple(k.row.row_id for split in (a, b) for k in given[split] if k.row.group in both)
        text = f"{len(both)} groups stand in {a} and in {b}, as {few(sorted(str(g) for g in both))}"
        fix = f"leave data.{b} out: our own split keeps groups together"
        findings.append(Finding(NAME, "warning", text, ids, fix))
    return tuple(findings)

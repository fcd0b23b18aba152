"""What is known of data that a run must not go on with: the same account as of any other, without splits.

In: what was read, what the checks said until then, why it stops. Out: Refused, an error that carries the Draft. Its own
file because a refusal publishes its findings and its ledger: a person must see which rows were left out, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from tunewright.core.errors import DataError
from tunewright.core.plan import Plan
from tunewright.core.values import SPLITS
from tunewright.prepare.checks.check import Moment
from tunewright.prepare.checks.table import all_checks
from tunewright.prepare.draft import Draft
from tunewright.prepare.examine import Examined, Sides
from tunewright.prepare.facts import data_facts
from tunewright.prepare.findings import check_statuses, unusable_findings
from tunewright.prepare.given import Given
from tunewright.prepare.reviewed import decided
from tunewright.prepare.told import as_told


class Refused(DataError):
    """The data cannot be used as they stand; the draft is what was found in them."""

    def __init__(self, error: DataError, draft: Draft) -> None:
        super().__init__(error.what, where=error.where, why=error.why, fix=error.fix)
        self.draft = draft

    def facts(self) -> dict[str, str | int]:
        """As of any other error of data."""
        return {**super().facts(), "error": DataError.__name__}


def refused(
    error: DataError, plan: Plan, read: Given, seen: Examined, *, sides: Sides, looked: Collection[Moment]
) -> Refused:
    """The error with the account of every row that was read: kept are those that stand in `seen`, by their file.

    sides: the rows as cards show them, before any was dropped. looked: the moments whose checks have looked.
    """
    task, seed = read.shape.task, plan.run.seed
    splits = {split: tuple(k.row for k in seen.sides.get(split, ())) for split in SPLITS}
    dropped = (*read.dropped, *seen.dropped)
    named = {row_id for finding in read.findings for row_id in finding.row_ids}
    found = (*read.findings, *seen.findings, *unusable_findings(d for d in read.dropped if d.row_id not in named))
    stopped = {
        name: f"the run stopped before: {error.what}"
        for name, check in all_checks().items()
        if check.look and not set(check.moments) <= set(looked)
    }
    made = Draft(
        task=task,
        splits=splits,
        dropped=dropped,
        repaired=dict(Counter(read.repaired) + Counter(seen.n_repaired)),
        findings=found,
        checks=check_statuses(found, task=task, n_given=len(read.rows), not_run={**stopped, **seen.not_run}),
        facts=data_facts(splits, task=task, seed=seed, label_column=read.shape.label_column),
        choices=(),
        rows_read=read.n_read,
        refusal=error.what,
        shape=read.shape,
        seen=replace(seen, sides={}, changes=(*read.changes, *seen.changes)),
        decisions=decided(read.decisions) if "repair" in looked else (),
    )
    return Refused(error, as_told(made, sides=sides))

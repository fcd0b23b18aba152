"""What was said about rows that cannot be used, and which checks found nothing or did not run.

In: dropped rows, all findings. Out: findings, and one status for each check. Its own file because
"ok", "found" and "not run" are a promise: no check is ok that did not look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tunewright.core.values import Dropped, Finding, Task
from tunewright.prepare.checks.not_built import NO_CONCERN, NOT_RUN
from tunewright.prepare.checks.table import all_checks
from tunewright.tables.words import rows
from tunewright.text.marked import whole_detail


def unusable_findings(dropped: Iterable[Dropped]) -> tuple[Finding, ...]:
    """One for each reason a row could not be used, naming the rows."""
    by_reason: dict[str, list[Dropped]] = {}
    for row in dropped:
        by_reason.setdefault(row.reason, []).append(row)
    return tuple(
        Finding(
            "unusable_rows",
            "warning",
            f"{rows(len(gone))} left out: {reason.replace('_', ' ')}{_example(gone[0])}",
            tuple(d.row_id for d in gone),
            f"mend them in the file if they matter; the first is {gone[0].row_id}",
            "drop",
        )
        for reason, gone in by_reason.items()
    )


def _example(gone: Dropped) -> str:
    return f" ({whole_detail(gone.detail)})" if gone.detail else ""


def check_statuses(
    findings: Iterable[Finding], *, task: Task, n_given: int, not_run: Mapping[str, str] | None = None
) -> dict[str, dict[str, str]]:
    """{check: {status: ok | found | not run, why}} for every check there is.

    n_given: how many splits the user gave as files; equal rows stand on two sides only when there are two.
    not_run: checks that could not look, and why.
    """
    checks = all_checks()
    n_found = Counter(finding.check for finding in findings)
    statuses = {name: {"status": "found", "why": _findings(n)} for name, n in n_found.items() if name not in checks}
    for name, check in checks.items():
        if n_found[name]:
            statuses[name] = {"status": "found", "why": _findings(n_found[name])}
        elif task not in check.tasks:
            statuses[name] = {"status": "not run", "why": f"{NO_CONCERN} {task}"}
        elif name in (not_run or {}):
            statuses[name] = {"status": "not run", "why": (not_run or {})[name]}
        elif check.moments == ("tokens",):
            statuses[name] = {"status": "not run", "why": "no token was counted yet"}
        else:
            own = (
                " (our own split keeps equal rows and groups together)"
                if name in ("leakage", "group_overlap") and n_given < 2
                else ""
            )
            statuses[name] = {"status": "ok", "why": f"no {check.finds}{own}"}
    return {**statuses, **{name: {"status": "not run", "why": why} for name, why in NOT_RUN.items()}}


def _findings(n: int) -> str:
    return f"{n} finding{'' if n == 1 else 's'}"

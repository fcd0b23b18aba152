"""A quote that opens a cell and never closes: the run stops, unless the plan says that the line counts as it stands.

In: what was read and the plan's action. Out: the same, the finding told as the plan wants it. Its own file because it
is the one thing of reading that refuses by default: whether a line or half the file is meant, only a person knows.
"""

from __future__ import annotations

from dataclasses import replace

from tunewright.core.errors import DataError
from tunewright.core.values import Action, Finding
from tunewright.prepare.given import Given

NAME = "quotes"


def without_open_quotes(read: Given, *, action: Action) -> Given:
    """Raises DataError for the first quote that never closes, when the action is refuse."""
    opened = [finding for finding in read.findings if finding.check == NAME and finding.action == "refuse"]
    if opened and action == "refuse":
        where, _, what = opened[0].message.partition(" ")
        raise DataError(
            f"a line {what}",
            where=where,
            why="such a quote can swallow the rows below it, or the line may be meant as it stands",
            fix=opened[0].suggestion,
        )
    return replace(read, findings=tuple(_told(finding) if finding in opened else finding for finding in read.findings))


def _told(finding: Finding) -> Finding:
    message = f"{finding.message}; it is read as a letter"
    return replace(finding, severity="warning", message=message, action="report", suggestion="close it or take it out")

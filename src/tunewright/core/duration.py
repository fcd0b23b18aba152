"""A stretch of time in words, as a plan writes it, and its seconds.

In: 20min. Out: 1200. Its own file because a budget is checked when the plan is read and used when the race runs.
"""

from __future__ import annotations

import re

from tunewright.core.errors import PlanError

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|sec|seconds?|min|minutes?|m|h|hours?)\s*$", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def duration_seconds(text: str, *, where: str) -> float:
    """Seconds in words like 90s, 20min, 1.5h.

    Raises PlanError for anything else. where: the plan's field.

    >>> duration_seconds("20min", where="select.budget"), duration_seconds("1.5 h", where="select.budget")
    (1200.0, 5400.0)
    """
    match = _DURATION.match(text)
    if not match:
        raise PlanError(f"{text!r} is not a time", where=where, fix=f"write it like {where}=20min, 90s or 1h")
    return float(match[1]) * _SECONDS[match[2][0].lower()]

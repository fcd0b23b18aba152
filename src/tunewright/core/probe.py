"""One thing looked at, and what came of it.

In: a name, a status, words. Out: Probe. Its own file because `check` and `selftest` state their results alike, and
"not run" must never look like "ok".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["ok", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A promise about the user's own model and data, looked at."""

    name: str
    status: Status
    found: str
    """What was seen, with the numbers; of one that did not run: why not."""
    why: str
    """What it would mean for a training if this did not hold."""
    value: float = math.nan
    limit: float = math.nan
    """ok means value <= limit; both nan where the promise is not a number."""
    row_ids: tuple[str, ...] = ()
    """The rows that break it, where it is about rows."""


def not_run(name: str, found: str, *, why: str) -> Probe:
    return Probe(name, "not run", found, why)


def of_rows(name: str, wrong: Sequence[str], n: int, found: str, *, why: str) -> Probe:
    """A promise about each of n rows, and the ids of those that break it."""
    return replace(counted(name, len(wrong), n, found, why=why), row_ids=tuple(wrong))


def counted(name: str, n_wrong: int, n: int, found: str, *, why: str) -> Probe:
    """A promise about each of n things: none may break it, and without any it did not run."""
    if not n:
        return not_run(name, "there is no row to look at", why=why)
    return Probe(name, "failed" if n_wrong else "ok", found, why, value=float(n_wrong), limit=0.0)


def measured(name: str, value: float, *, limit: float, found: str, why: str) -> Probe:
    """A promise about a number; nan breaks it."""
    return Probe(name, "ok" if value <= limit else "failed", found, why, value=value, limit=limit)

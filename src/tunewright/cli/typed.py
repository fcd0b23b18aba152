"""The words typed behind a verb that uses a finished run: the run, what it is used on, plan values.

In: words in any order of values and names. Out: Typed. Its own file because the run may be left out, and then the
first word is something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.errors import PlanError

_VALUE = re.compile(r"[A-Za-z_]+(\.[A-Za-z_]+)?=.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was meant by which word."""

    run: str | None
    """None: the newest."""
    others: tuple[str, ...]
    overrides: tuple[str, ...]


def typed(words: Sequence[str], *, needs: tuple[str, ...], example: str) -> Typed:
    """Plan values apart from names, and the run apart from what the verb needs beside it.

    needs: what stands behind the run, as the help calls it.
    Raises PlanError for too many or too few names, with the example.

    >>> typed(["tickets", "new.csv", "run.device=cpu"], needs=("IN",), example="")
    Typed(run='tickets', others=('new.csv',), overrides=('run.device=cpu',))
    """
    overrides = tuple(word for word in words if _VALUE.fullmatch(word))
    names = tuple(word for word in words if not _VALUE.fullmatch(word))
    n_before = len(names) - len(needs)
    if n_before not in (0, 1):
        raise PlanError(
            f"{' '.join(('[RUN]', *needs))} is expected, not {' '.join(names) or 'nothing'}",
            where="command line",
            fix=example,
        )
    return Typed(names[0] if n_before else None, names[n_before:], overrides)

"""The other metrics against each rival, and which of their differences are more than many looks by chance.

In: the names that were measured, a function that compares by one. Out: Corrected comparisons. Its own file because the
verdict is about the primary metric alone: these say where else the systems differ, and none of them decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunewright.core.values import Comparison
from tunewright.evaluate.measures.definition import COMPARED
from tunewright.evaluate.statistics.between import Corrected, corrected

NOT_COMPARED = ("ece",)
"""Comparing it sorts the rows for each of 7,000 draws and takes longer than all the others together: 8.7 s of 13.5 s
with 3,080 rows and 77 classes (one core, 30 Nov 2026)."""


def secondary_names(names: Sequence[str], *, primary_metric: str) -> tuple[str, ...]:
    """Of the names those that are compared beside the primary metric, which is never corrected."""
    return tuple(name for name in names if name in COMPARED and name != primary_metric and name not in NOT_COMPARED)


def secondary(
    names: Sequence[str], *, compared: Callable[[str], Sequence[Comparison]], primary_metric: str
) -> tuple[Corrected, ...]:
    """Every rival by every other metric, rival by rival; p corrected over the metrics of one rival (Holm 1979).

    compared: name of a metric -> the subject against every rival. A comparison that could not be made counts for none.
    """
    made = [c for name in secondary_names(names, primary_metric=primary_metric) for c in compared(name)]
    rivals = dict.fromkeys(c.b for c in made)
    return tuple(one for rival in rivals for one in corrected([c for c in made if c.b == rival]))

"""From a word in a plan to the function it names.

In: a visible table of our own parts, and entry points of installed packages. Out: the function.
Its own file so that every kind of part (checks, metrics, systems, readers) is added the same way.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TypeVar

from tunewright.core.errors import PlanError

Part = TypeVar("Part")


def lookup(word: str, table: Mapping[str, Part], *, kind: str, where: str) -> Part:
    """The part called `word`.

    kind: what the parts are, as in `metrics`; others are found under the entry point group tunewright.<kind>.
    where: the plan field the word stands in.
    Raises PlanError with the nearest known word.
    """
    if word in table:
        return table[word]
    for point in entry_points(group=f"tunewright.{kind}"):
        if point.name == word:
            part: Part = point.load()
            return part
    near = difflib.get_close_matches(word, table, n=1)
    raise PlanError(
        f"{word!r} is not one of the {kind}",
        where=where,
        why=f"did you mean {near[0]}?" if near else f"known: {', '.join(table)}",
        fix=f"tunewright help {where}",
    )

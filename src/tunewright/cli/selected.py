"""The models that were compared, as a table; why each stands where it does; who was left out.

In: candidates.json. Out: lines. Its own file because `select` and `check` show the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tunewright.cli.words import one_line, size, table


def selected_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The table, then a line of reason for each model, then what was left out and what the number of rows says."""
    yield from candidate_table(found).split("\n")
    yield ""
    for one in found["candidates"]:
        yield f"{one['rank']}  {one['name']}: {one['reason']}"
    for rule in found.get("rules", ()):
        yield f"rows  {rule}"
    for one in found.get("left_out", ()):
        yield f"not compared: {one['name']}: {one['reason']}"


def candidate_table(found: Mapping[str, Any]) -> str:
    """Facts side by side within 80 columns, the chosen one first; what a model does not pass is named."""
    rows = [("", "model", "kind", "size", "memory", "licence", "fails")]
    for one in found["candidates"]:
        failed = [of["name"] for of in one.get("filters", ()) if not of["is_passed"]]
        rows.append(
            (
                str(one["rank"]),
                one_line(one["name"], width=31),
                one["architecture"],
                f"{one['n_parameters'] / 1e6:.0f} M",
                size(one["need_bytes"]),
                one_line(one["licence"], width=10),
                one_line(", ".join(failed) or "–", width=8),
            )
        )
    return table(rows)

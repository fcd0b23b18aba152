"""What an export came to: every target with its distance from the proven model, and how to use it without us.

In: export.json as values. Out: lines. Its own file because it is a table with a text of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tunewright.cli.words import size, table
from tunewright.export.loading import placed


def exported_lines(found: Mapping[str, Any], *, folder: str) -> Iterator[str]:
    """The table, what was left out or needs care, then lines to copy for each target.

    folder: of the export stage, as it is shown.
    """
    rows = [("", "size", "KL, nats", "limit", "same answer", "compared on")]
    for name, target in found["targets"].items():
        if not target["n"]:
            rows.append((name, size(target["size_bytes"]), "", "", "", "not run"))
            continue
        compared = f"{target['n']:,} answers of {target['rows']} rows"
        kl, limit = f"{target['kl_nats']['mean']:.2g}", f"{target['limit_nats']:g}"
        rows.append((name, size(target["size_bytes"]), kl, limit, f"{target['agreement']:.1%}", compared))
    yield table(rows)
    for name, why in found["left_out"].items():
        yield f"{name}: not written, {why}"
    for name, target in found["targets"].items():
        if target.get("unproven"):
            reader = f", read by {target['read_by']}" if target["read_by"] else ""
            yield f"{name}: UNPROVEN{reader}: {target['unproven']}"
        if target["note"]:
            yield f"{name}: {target['note']}"
    for name, target in found["targets"].items():
        if target.get("metric"):
            yield f"{name}: {target['metric']['words']}"
    for name, target in found["targets"].items():
        yield f"\n{name}, without tunewright:"
        yield from (f"  {line}" for line in placed(target["loading"], folder=f"{folder}/{target['path']}"))

"""How long the rows are, as bars.

In: rows as tokens. Out: the counts of lengths.json. Its own file because the page draws it and nobody decides by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tunewright.core.values import Encoded, Split

BINS = 24
"""Bars of the length histogram."""


def length_histogram(encoded: Mapping[Split, tuple[Encoded, ...]], *, max_length: int) -> dict[str, object]:
    """Counts of rows by tokens, in equal bins from 0 to the longest row of any split."""
    longest = max((len(e) for rows in encoded.values() for e in rows), default=1)
    width = max(1, math.ceil((longest + 1) / BINS))
    edges = list(range(0, longest + width, width))
    counts = {split: [0] * (len(edges) - 1) for split in encoded}
    for split, rows in encoded.items():
        for e in rows:
            counts[split][min(len(e) // width, len(edges) - 2)] += 1
    return {"unit": "tokens", "edges": edges, "counts": counts, "max_length": max_length}

"""Nested subsets of the rows: every smaller one is inside the next, and each has the labels in the whole's shares.

In: train and validation rows. Out: prepare folders with fewer rows. Its own file because the losses of a curve
are only comparable when the rows grow and do not change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from tunewright.core.files import writing
from tunewright.core.values import Row, Split
from tunewright.text.rows import write_rows

VALIDATION_ROWS = 300
"""At most: a pass over them costs a third as much as training on as many. Losses of one race share their rows, so
their differences are surer than each."""


def nested(rows: Sequence[Row], *, seed: int) -> tuple[Row, ...]:
    """All rows in an order whose every beginning is a subset; seeded. Labels come in their shares, rare ones too."""
    drawn = Random(seed)
    of_label: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        of_label[row.label].append(row)
    if len(of_label) > len(rows) / 2:  # numbers, or no labels at all
        of_label = defaultdict(list, {None: list(rows)})
    placed: list[tuple[float, float, Row]] = []
    for label in sorted(of_label, key=str):
        some = of_label[label]
        drawn.shuffle(some)
        shift = drawn.random()
        placed += [((i + shift) / len(some), drawn.random(), row) for i, row in enumerate(some)]
    return tuple(row for _, _, row in sorted(placed, key=lambda one: one[:2]))


def write_subset(folder: Path, train: Sequence[Row], validation: Sequence[Row]) -> Path:
    """A prepare folder with these rows."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.parquet", train)
    write_rows(folder / "validation.parquet", validation)
    return folder


def sides(splits: Mapping[Split, Sequence[Row]], *, seed: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Train rows in nested order, and at most VALIDATION_ROWS to measure on.

    Without validation rows the last rows of train, a quarter at most, are measured on and not trained on.
    """
    train, validation = nested(splits["train"], seed=seed), nested(splits["validation"], seed=seed)
    if validation:
        return train, validation[:VALIDATION_ROWS]
    n = min(VALIDATION_ROWS, len(train) // 4)
    return train[: len(train) - n], train[len(train) - n :]

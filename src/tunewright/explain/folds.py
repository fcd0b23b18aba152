"""Which third of the train rows each row is held out in.

In: train rows. Out: Folds. Its own file because it is the promise that no model is asked about a row, or a row that
says the same, which it has learned from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Row
from tunewright.text.clean import normalised

N_FOLDS = 3
"""Trainings that are paid for: each sees two thirds of the rows."""
MOST_CELLS = 20_000_000
"""Held-out rows times labels whose probabilities are kept: 160 MB, of which ranking takes a few copies."""


@dataclass(frozen=True, slots=True)
class Folds:
    """Every train row, held out once or never."""

    fold_of: tuple[int | None, ...]
    """0 to N_FOLDS - 1; None: always learned from, never asked about."""
    labels: tuple[str, ...]
    """Those whose rows are asked about, sorted."""
    n_rare: int
    """Rows of labels with too few texts to be held out."""
    n_too_many: int
    """Rows left out because there are more than can be looked at."""


def folds_of(rows: Sequence[Row], *, seed: int) -> Folds:
    """Rows of one text stay together; each label's texts are dealt out in an order that hangs on seed and text alone.

    A label with fewer texts than folds is never held out: a model that never saw a label cannot defend it.
    """
    texts: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        texts.setdefault(normalised(row.text) or row.text, []).append(i)
    by_label: dict[str, list[str]] = {}
    for text, at in texts.items():
        by_label.setdefault(str(rows[at[0]].label), []).append(text)
    labels = sorted(label for label, some in by_label.items() if len(some) >= N_FOLDS)
    dealt = [
        (nth, (nth + start) % N_FOLDS, text)
        for start, label in enumerate(labels)
        for nth, text in enumerate(sorted(by_label[label], key=lambda text: _place(text, seed)))
    ]
    fold_of: list[int | None] = [None] * len(rows)
    n_left, n_too_many = MOST_CELLS // max(1, len(labels)), 0
    for _, fold, text in sorted(dealt):
        if n_left < len(texts[text]):
            n_too_many += len(texts[text])
            continue
        n_left -= len(texts[text])
        for i in texts[text]:
            fold_of[i] = fold
    return Folds(
        fold_of=tuple(fold_of),
        labels=tuple(labels),
        n_rare=sum(str(row.label) not in labels for row in rows),
        n_too_many=n_too_many,
    )


def _place(text: str, seed: int) -> bytes:
    return hashlib.blake2b(f"folds {seed} {text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()

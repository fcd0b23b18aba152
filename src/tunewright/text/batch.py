"""Encoded rows as tensors, and the order in which training sees them.

In: Encoded values. Out: Batch: padded tensors with next-token targets; lists of row positions for an epoch.
Its own file because padding and order are where rows get lost or seen twice.
Axes: B rows of a batch, T positions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence, Sized
from dataclasses import dataclass

import torch
from torch import Tensor

from tunewright.core.values import IGNORE, Encoded

BUCKET_BATCHES = 50
"""Rows are sorted by length within this many batches: little padding, still a random order. Source: transformers'
LengthGroupedSampler uses 50."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows side by side, padded on the right."""

    row_ids: tuple[str, ...]
    ids_BT: Tensor
    mask_BT: Tensor
    """1 for a real token, 0 for padding."""
    targets_BT: Tensor
    """The next token's id where that token is trained on, IGNORE elsewhere."""
    labels_B: Tensor
    """Class of each row; IGNORE where it has none."""
    numbers_B: Tensor
    """Number of each row, as a target; nan where it has none."""
    label_sets: tuple[tuple[int, ...] | None, ...]
    """Classes of each row that may have several; None where nothing is said."""
    n_tokens: int
    """Real tokens, without padding."""


def batch_of(encoded: Sequence[Encoded], *, pad_id: int, device: str = "cpu") -> Batch:
    """One batch on `device`, as wide as its longest row."""
    width = max(len(e) for e in encoded)
    ids_BT = torch.full((len(encoded), width), pad_id, dtype=torch.long)
    mask_BT = torch.zeros((len(encoded), width), dtype=torch.long)
    targets_BT = torch.full((len(encoded), width), IGNORE, dtype=torch.long)
    for b, row in enumerate(encoded):
        ids_T = torch.tensor(row.ids, dtype=torch.long)
        ids_BT[b, : len(row)] = ids_T
        mask_BT[b, : len(row)] = 1
        trained_T = torch.tensor(row.trained, dtype=torch.bool)
        targets_BT[b, : max(0, len(row) - 1)] = torch.where(trained_T[1:], ids_T[1:], IGNORE)
    labels = [IGNORE if row.label_index is None else row.label_index for row in encoded]
    numbers = [math.nan if row.number is None else row.number for row in encoded]
    return Batch(
        row_ids=tuple(row.row_id for row in encoded),
        ids_BT=ids_BT.to(device),
        mask_BT=mask_BT.to(device),
        targets_BT=targets_BT.to(device),
        labels_B=torch.tensor(labels, dtype=torch.long, device=device),
        label_sets=tuple(row.label_indices for row in encoded),
        numbers_B=torch.tensor(numbers, dtype=torch.float32, device=device),
        n_tokens=sum(len(row) for row in encoded),
    )


def epoch_order(lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int) -> tuple[tuple[int, ...], ...]:
    """Positions of the rows of each batch: every row once, rows of like length together, batches in random order.

    The longest batch of the first epoch comes first, so that "does not fit" is known in seconds. A function of its
    arguments alone, so a resumed run sees the same order.
    """
    rng = random.Random(f"{seed}:{epoch}")
    positions = list(range(len(lengths)))
    rng.shuffle(positions)
    bucket = batch_size * BUCKET_BATCHES
    batches: list[tuple[int, ...]] = []
    for start in range(0, len(positions), bucket):
        by_length = sorted(positions[start : start + bucket], key=lambda i: lengths[i], reverse=True)
        batches += [tuple(by_length[i : i + batch_size]) for i in range(0, len(by_length), batch_size)]
    rng.shuffle(batches)
    if epoch == 0 and batches:
        longest = max(range(len(batches)), key=lambda b: max(lengths[i] for i in batches[b]) * len(batches[b]))
        batches[0], batches[longest] = batches[longest], batches[0]
    return tuple(batches)


def by_length(encoded: Sequence[Sized], *, max_tokens: int, extra: int = 0) -> tuple[tuple[int, ...], ...]:
    """Positions grouped for scoring: longest first, each group at most max_tokens when padded (one row at least).

    extra: tokens that each row will grow by.
    """
    groups: list[tuple[int, ...]] = []
    current: list[int] = []
    for i in sorted(range(len(encoded)), key=lambda i: len(encoded[i]), reverse=True):
        width = extra + (len(encoded[current[0]]) if current else len(encoded[i]))
        if current and width * (len(current) + 1) > max_tokens:
            groups.append(tuple(current))
            current = []
        current.append(i)
    return tuple([*groups, tuple(current)] if current else groups)

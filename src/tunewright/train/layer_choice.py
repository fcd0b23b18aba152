"""Which blocks to train, from what was measured of each: numbers in, block indices out.

In: how strongly the task pulls at each block, and what a training of some blocks costs. Out: LayerChoice. Its own file
because the choice is arithmetic that can be checked by hand, and measuring is not.
Axes: N rows, H hidden, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

ALIKE = 1e-9
"""Two sets whose ratios differ by less are equal: sums in another order differ by that."""


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """The blocks, and what they stand for."""

    blocks: tuple[int, ...]
    held: float
    """Share of the pull in these blocks; nan where nothing was measured."""
    cost: float
    """Operations of their training, as a share of the training of all blocks."""
    reason: str


def chosen_blocks(pulls: Sequence[float], *, cost: Callable[[tuple[int, ...]], float]) -> LayerChoice:
    """The set with the most pull for its operations; all blocks where no other is better.

    pulls: of every block, from the first to the last. cost: of training a set, in any unit.
    To first order, steps of one size lower the loss by the pull of what they move, so at equal operations this set
    lowers it most. The lowest block decides what the others cost, which is the same for each: so for each lowest
    block the strongest others, one after the other, are enough to look at.
    """
    n, total = len(pulls), sum(pulls)
    everything = tuple(range(n))
    if not (math.isfinite(total) and total > 0):
        return LayerChoice(everything, math.nan, 1.0, "the gradient says nothing of any block: all of them")
    whole, best = cost(everything), LayerChoice(everything, 1.0, 1.0, "")
    for lowest in everything:
        others = sorted(everything[lowest + 1 :], key=lambda i: -pulls[i])
        for m in range(len(others), -1, -1):
            blocks = (lowest, *sorted(others[:m]))
            held, price = sum(pulls[i] for i in blocks) / total, cost(blocks) / whole
            if held / price > best.held / best.cost * (1 + ALIKE):
                best = LayerChoice(blocks, held, price, "")
    return replace(best, reason=_reason(best, n=n))


def centroid_score(states_NH: npt.NDArray[np.float32], labels_N: Sequence[int]) -> float:
    """Share of rows that are nearest to the mean of their own class, from which the row itself is left out.

    Every direction is scaled to spread 1 first. Rows that are alone in their class are not asked; nan when there are
    no others, or only one class.
    """
    labels = np.asarray(labels_N)
    classes, own_N, counts_C = np.unique(labels, return_inverse=True, return_counts=True)
    asked_N = counts_C[own_N] > 1
    if len(classes) < 2 or not asked_N.any():
        return math.nan
    spread_H = states_NH.std(0)
    x_NH = (states_NH - states_NH.mean(0)) / np.where(spread_H > 0, spread_H, 1.0)
    means_CH = np.stack([x_NH[own_N == c].mean(0) for c in range(len(classes))])
    squares_NC = (x_NH**2).sum(1)[:, None] + (means_CH**2).sum(1)
    distances_NC = np.maximum(0.0, squares_NC - 2 * x_NH @ means_CH.T)
    rows_N, n_N = np.arange(len(labels)), counts_C[own_N]
    away_N = distances_NC[rows_N, own_N] * (n_N / np.maximum(1, n_N - 1)) ** 2  # from the mean of the others
    distances_NC[rows_N, own_N] = np.inf
    return float((away_N < distances_NC.min(1))[asked_N].mean())


def blocks_words(blocks: Sequence[int]) -> str:
    """Runs of indices, as people say them.

    >>> blocks_words((4, 5)), blocks_words((0, 2, 3, 4)), blocks_words((5,))
    ('4 to 5', '0, 2 to 4', '5')
    """
    runs: list[list[int]] = []
    for i in blocks:
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(f"{a} to {b}" if a < b else str(a) for a, b in runs)


def _reason(best: LayerChoice, *, n: int) -> str:
    if len(best.blocks) == n:
        return f"all {n} blocks: no fewer hold more of the relative gradient for their operations"
    which = f"block{'s' if len(best.blocks) > 1 else ''} {blocks_words(best.blocks)} of {n}"
    hold = "hold" if len(best.blocks) > 1 else "holds"
    share = f"{best.held:.0%} of the relative gradient at {best.cost:.0%} of the operations"
    return f"{which} {hold} {share}: the most for them"

"""Which blocks of a model a plan means, from its words and the number of blocks alone.

In: train.layers and the card's n_layers. Out: block indices. Its own file because a plan is checked before anything
heavy is loaded, and the adapter is built long after.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunewright.core.errors import PlanError

FIND = "find"
"""The word in train.layers that asks to measure which blocks the task wants to change."""
BLOCK = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks|block)\.(\d+)\.")
"""Where transformers' families keep their block's index in a parameter's name."""


def layer_indices(layers: str | Sequence[int], *, n_layers: int) -> tuple[int, ...]:
    """Blocks by index, ascending; every one may change until it is measured which (find).

    Raises PlanError for a block that does not exist.

    >>> layer_indices("last:2", n_layers=6)
    (4, 5)
    """
    if layers in ("all", FIND):
        return tuple(range(n_layers))
    if isinstance(layers, str):
        word, _, number = layers.partition(":")
        if word != "last" or not number.isdigit() or not 1 <= int(number) <= n_layers:
            raise PlanError(
                f"train.layers cannot be {layers!r}",
                where="train.layers",
                why=f"the model has {n_layers} blocks, 0 to {n_layers - 1}",
                fix=f"train.layers=all, last:{max(1, n_layers // 2)}, or a list like [{n_layers - 1}]",
            )
        return tuple(range(n_layers - int(number), n_layers))
    outside = [i for i in layers if not 0 <= i < n_layers]
    if outside or not layers:
        raise PlanError(
            f"block {outside[0]} does not exist" if outside else "train.layers is empty",
            where="train.layers",
            why=f"the model has {n_layers} blocks, 0 to {n_layers - 1}",
            fix=f"train.layers=last:{min(4, n_layers)}",
        )
    return tuple(sorted(set(layers)))

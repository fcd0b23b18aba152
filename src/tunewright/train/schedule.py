"""The learning rate at a step: a function of the step alone, so that a resumed run needs no scheduler state.

In: step numbers and the plan's shape of the curve. Out: a factor between 0 and 1 of the peak rate.
Its own file because it is arithmetic that the report draws again.
"""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["cosine", "linear", "constant", "rising"]
RISE = 2500.0
"""Of a rising rate: the last is this many times the first. Fifty times below and above the default of a range test."""


def rate_factor(step: int, *, n_steps: int, warmup_ratio: float, shape: Shape) -> float:
    """Factor for optimizer step `step`, counted from 1 to n_steps.

    Rises linearly over the first warmup_ratio of the steps, then falls to 0 after the last (cosine, linear) or stays;
    rising: it only rises, evenly in its logarithm (for a range test).
    Source: transformers' get_cosine_schedule_with_warmup and its siblings.

    >>> rate_factor(1, n_steps=10, warmup_ratio=0.2, shape="linear")
    0.5
    """
    if shape == "rising":
        return float(RISE ** ((step - n_steps) / max(1, n_steps - 1)))
    n_warmup = math.ceil(warmup_ratio * n_steps)
    if step <= n_warmup:
        return step / n_warmup
    done = (step - 1 - n_warmup) / max(1, n_steps - n_warmup)
    if shape == "constant":
        return 1.0
    if shape == "linear":
        return 1.0 - done
    return 0.5 * (1.0 + math.cos(math.pi * done))

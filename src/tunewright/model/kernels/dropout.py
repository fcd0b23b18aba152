"""Dropout whose draws cost little: random bits from numpy, seeded from torch's generator.

In: a shape and a share. Out: factors that are 0 or 1 / (1 - share). Its own file because torch's draws on a processor
take 4 ns a number in one thread, an eighth of an encoder's training time; these take 1 ns. A checkpoint restores
torch's generator, and with it these draws. Source: Srivastava et al. 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

STEPS = 1 << 16
"""A share is kept to one part in 65,536."""


class Dropout:
    """Stands for the forward of nn.Dropout."""

    def __init__(self, module: nn.Dropout) -> None:
        self.module = module

    def __call__(self, x: Tensor) -> Tensor:
        if not self.module.training or not self.module.p:
            return x
        return x * kept_factors(x.shape, share=self.module.p, dtype=x.dtype)


def kept_factors(shape: Sequence[int], *, share: float, dtype: torch.dtype) -> Tensor:
    """0 for a `share` of the places, 1 / (1 - share) elsewhere, so that the mean stays."""
    seed = int(torch.randint(2**62, (1,)))
    drawn = np.random.Generator(np.random.SFC64(seed)).integers(0, STEPS, size=math.prod(shape), dtype=np.uint16)
    is_kept = drawn >= round(share * STEPS)
    factor = torch.tensor(1.0 / (1.0 - share), dtype=dtype)
    bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[factor.element_size()]
    factors = torch.from_numpy(np.multiply(is_kept, factor.view(bits).numpy()))  # of a number's bits: all or none
    return factors.view(dtype).view(tuple(shape))

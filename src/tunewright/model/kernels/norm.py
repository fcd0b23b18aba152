"""Root-mean-square norm in two passes, its result in the type that the next matrix product wants.

In: x in any type, a weight. Out: x / sqrt(mean(x^2) + eps) * weight. Its own file because transformers' version is
six passes in float32 whose results are all kept. Source: Zhang & Sennrich 2019.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable


class RmsNorm:
    """Stands for the forward of a family's RMSNorm. offset: 1 where a family multiplies with 1 + weight."""

    def __init__(self, weight: nn.Parameter, *, eps: float, offset: float, dtype: torch.dtype) -> None:
        self.weight, self.eps, self.offset, self.dtype = weight, eps, offset, dtype

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = _RmsNorm.apply(x, self.weight, self.eps, self.offset, self.dtype)  # type: ignore[no-untyped-call]
        return y


class _RmsNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, offset: float, dtype: torch.dtype) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        inverse = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        factor = weight + offset if offset else weight
        y = torch.empty(x.shape, dtype=dtype)
        torch.mul(x, inverse, out=y)
        ctx.save_for_backward(x, inverse, factor)
        return y.mul_(factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        x, inverse, factor = ctx.saved_tensors
        dx = d_weight = None
        if ctx.needs_input_grad[1]:
            d_weight = (dy * (x * inverse)).reshape(-1, x.shape[-1]).sum(0, dtype=torch.float32)
        if ctx.needs_input_grad[0]:
            g = dy * factor.float()
            along = torch.linalg.vecdot(g, x.float()).unsqueeze(-1).mul_(inverse**3).div_(-x.shape[-1])
            dx = g.mul_(inverse).addcmul_(x, along).to(x.dtype)
        return dx, d_weight, None, None, None

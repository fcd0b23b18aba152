"""A frozen matrix with a low-rank adapter as one matrix product: [x, x A'] times [W, scale B]'.

In: x and the adapter's A and B. Out: x W' + scale (x A') B'. Its own file because the low-rank path as separate
products costs a pass over the output each; here B lies beside W in one matrix, and the gradient of x A' falls out of
the gradient of x. Same mathematics as peft's. Source: Hu et al. 2021.
Axes: N positions, I inputs, O outputs, R rank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional as F

from tunewright.model.quantised import Dequantised

Wide = Callable[[Tensor], Tensor]
"""[W, B] beside each other, of B times the scale."""


class LoraLinear:
    """Stands for the forward of a peft Linear. The frozen weight moves into `wide`; the module keeps a view of it."""

    def __init__(self, base: nn.Linear, a: nn.Parameter, b: nn.Parameter, *, scale: float, dtype: torch.dtype) -> None:
        self.a, self.b, self.scale, self.bias = a, b, scale, base.bias
        n_out, n_in = base.weight.shape
        self.wide = torch.empty(n_out, n_in + len(a), dtype=dtype)
        self.wide[:, :n_in] = base.weight.detach()
        base.weight.data = self.wide[:, :n_in]

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = _LoraLinear.apply(x, self.a, self.b, self._wide, self.scale)  # type: ignore[no-untyped-call]
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def _wide(self, scaled_b_OR: Tensor) -> Tensor:
        self.wide[:, self.a.shape[1] :] = scaled_b_OR
        return self.wide


class QuantisedLoraLinear:
    """The same on a matrix in few bits, which is made whole again for the forward and for the backward pass."""

    def __init__(
        self, base: Dequantised, a: nn.Parameter, b: nn.Parameter, *, scale: float, dtype: torch.dtype
    ) -> None:
        self.base, self.a, self.b, self.scale, self.dtype = base, a, b, scale, dtype

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = _LoraLinear.apply(x, self.a, self.b, self._wide, self.scale)  # type: ignore[no-untyped-call]
        bias = self.base.module.bias
        return y if bias is None else y + bias.to(y.dtype)

    def _wide(self, scaled_b_OR: Tensor) -> Tensor:
        weight_OI = self.base.weight(self.dtype)
        return torch.cat([weight_OI, scaled_b_OR.to(self.dtype)], dim=1)


class _LoraLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, a_RI: Tensor, b_OR: Tensor, wide_of: Wide, scale: float) -> Tensor:
        wide = wide_of(b_OR * scale)
        n_in, dtype = a_RI.shape[1], wide.dtype
        a_RI = a_RI.to(dtype)
        x_NI = x.reshape(-1, n_in)
        both = torch.empty(len(x_NI), wide.shape[1], dtype=dtype)
        both[:, :n_in] = x_NI
        torch.mm(both[:, :n_in], a_RI.t(), out=both[:, n_in:])
        ctx.save_for_backward(both, a_RI, b_OR)
        ctx.x_dtype, ctx.scale, ctx.wide_of = x.dtype, scale, wide_of
        return F.linear(both, wide).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        both, a_RI, b_OR = ctx.saved_tensors
        n_in, wide = a_RI.shape[1], ctx.wide_of(b_OR * ctx.scale)
        dy_NO = dy.reshape(-1, dy.shape[-1])
        db_OR = torch.mm(dy_NO.t(), both[:, n_in:]).float().mul_(ctx.scale)
        if ctx.needs_input_grad[0]:
            d_both = torch.mm(dy_NO, wide)
            d_low = d_both[:, n_in:].contiguous()
            dx = d_both[:, :n_in].addmm_(d_low, a_RI).to(ctx.x_dtype).view(*dy.shape[:-1], n_in)
        else:
            d_low, dx = torch.mm(dy_NO, wide[:, n_in:]), None
        return dx, torch.mm(d_low.t(), both[:, :n_in]).float(), db_OR, None, None

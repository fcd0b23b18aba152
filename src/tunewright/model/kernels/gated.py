"""silu(gate) * up, of which only gate and up are kept for the backward pass.

In: gate and up side by side. Out: their gated product. Its own file because autograd would keep four tensors of the
widest layer of a block. Source: Shazeer 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional as F


class GatedMlp:
    """Stands for the forward of a block with gate_proj, up_proj and down_proj.

    joint: gate and up side by side in one product, where there is one.
    """

    def __init__(self, module: nn.Module, joint: Callable[[Tensor], Tensor] | None = None) -> None:
        self.module: Any = module
        self.joint = joint

    def __call__(self, x: Tensor) -> Tensor:
        if self.joint is None:
            gate, up = self.module.gate_proj(x), self.module.up_proj(x)
            y: Tensor = self.module.down_proj(_Gated.apply(gate, up))  # type: ignore[no-untyped-call]
        else:
            y = self.module.down_proj(_SideBySide.apply(self.joint(x)))  # type: ignore[no-untyped-call]
        return y


def _gradients(d: Tensor, gate: Tensor, up: Tensor, *, d_gate: Tensor, d_up: Tensor) -> None:
    torch.mul(F.silu(gate), d, out=d_up)
    torch.ops.aten.silu_backward.grad_input(d * up, gate, grad_input=d_gate)


class _Gated(Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        d_gate, d_up = torch.empty_like(gate), torch.empty_like(up)
        _gradients(d, gate, up, d_gate=d_gate, d_up=d_up)
        return d_gate, d_up


class _SideBySide(Function):
    """The same, the gradients side by side too: no copy puts them there."""

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        return F.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> Tensor:
        (both,) = ctx.saved_tensors
        d_both = torch.empty_like(both)
        (gate, up), (d_gate, d_up) = both.chunk(2, -1), d_both.chunk(2, -1)
        _gradients(d, gate, up, d_gate=d_gate, d_up=d_up)
        return d_both

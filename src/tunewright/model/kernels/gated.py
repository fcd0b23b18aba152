"""silu(gate) * up, of which only gate and up are kept for the backward pass.

In: gate and up. Out: their gated product. Its own file because autograd would keep four tensors of the widest layer
of a block. Source: Shazeer 2020.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional as F


class GatedMlp:
    """Stands for the forward of a block with gate_proj, up_proj and down_proj."""

    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module

    def __call__(self, x: Tensor) -> Tensor:
        gate, up = self.module.gate_proj(x), self.module.up_proj(x)
        y: Tensor = self.module.down_proj(_Gated.apply(gate, up))  # type: ignore[no-untyped-call]
        return y


class _Gated(Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        d_up = F.silu(gate).mul_(d)
        return torch.ops.aten.silu_backward(d * up, gate), d_up

"""Rotary positions in two passes over queries and keys, in the type they come in.

In: query and key, cosines and sines. Out: both turned by their positions. Its own file because transformers' version
makes four tensors of each, in float32 while autocast is on. Source: Su et al. 2021, halves as in Llama.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable


def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """transformers' apply_rotary_pos_emb, whose cos and sin repeat their first half."""
    half = cos.shape[-1] // 2
    cos, sin = (x.unsqueeze(unsqueeze_dim)[..., :half].to(q.dtype) for x in (cos, sin))
    turned: Any = _Rotated.apply
    return turned(q, cos, sin), turned(k, cos, sin)


class _Rotated(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, sign=1.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        return _turned(dy, *ctx.saved_tensors, sign=-1.0), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, *, sign: float) -> Tensor:
    a, b = x.chunk(2, -1)
    y = torch.empty_like(x)
    y_a, y_b = y.chunk(2, -1)
    torch.mul(a, cos, out=y_a).addcmul_(b, sin, value=-sign)
    torch.mul(b, cos, out=y_b).addcmul_(a, sin, value=sign)
    return y

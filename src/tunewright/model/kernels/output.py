"""Cross-entropy of a language model's output layer, a block of the vocabulary at a time, in one pass.

In: hidden states of the trained positions, the output matrix, targets. Out: summed nats, with the gradient of the
hidden states already known. Its own file because logits are the largest tensor of a small model (49,152 numbers a
token of SmolLM2) and never exist whole here. The running maximum is that of online softmax (Milakov & Gimelshein
2018). Axes: N positions, H hidden, V vocabulary, W words of a block.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from tunewright.model.kernels.product import product

BLOCK = 6_144
"""Words at once: their logits for 256 positions take 3 MB in bfloat16 and stay in the cache."""


def output_nats(hidden_NH: Tensor, weight_VH: Tensor, targets_N: Tensor) -> Tensor:
    """Total cross-entropy, natural log; a scalar with gradient for hidden_NH and, where it is trained, weight_VH.

    Products in hidden_NH's type; exponentials of bfloat16 logits, sums in float32.
    """
    nats: Tensor = _OutputNats.apply(hidden_NH, weight_VH, targets_N)  # type: ignore[no-untyped-call]
    return nats


class _OutputNats(Function):
    @staticmethod
    def forward(ctx: Any, hidden_NH: Tensor, weight_VH: Tensor, targets_N: Tensor) -> Tensor:
        n, dtype = len(hidden_NH), hidden_NH.dtype
        is_weight_trained = ctx.needs_input_grad[1]
        highest_N1 = torch.full((n, 1), float("-inf"), dtype=dtype)
        total_N1, target_N1 = torch.zeros(n, 1), torch.zeros(n, 1)
        d_hidden_NH = torch.zeros(hidden_NH.shape)
        kept: list[tuple[Tensor, Tensor]] = []
        for start in range(0, len(weight_VH), BLOCK):
            weight_WH = weight_VH[start : start + BLOCK].to(dtype)
            logits_NW = product(hidden_NH, weight_WH)
            place_N1 = (targets_N - start).clamp(0, len(weight_WH) - 1)[:, None]
            is_here_N1 = ((targets_N >= start) & (targets_N < start + len(weight_WH)))[:, None]
            target_N1 = torch.where(is_here_N1, logits_NW.gather(1, place_N1).float(), target_N1)
            higher_N1 = torch.maximum(highest_N1, logits_NW.amax(1, keepdim=True))
            shrunk_N1 = torch.exp(highest_N1.float() - higher_N1.float())
            powers_NW = logits_NW.sub_(higher_N1).exp_()
            total_N1 = total_N1 * shrunk_N1 + powers_NW.sum(1, keepdim=True, dtype=torch.float32)
            d_hidden_NH.mul_(shrunk_N1).add_(torch.mm(powers_NW, weight_WH))
            highest_N1 = higher_N1
            if is_weight_trained:
                kept.append((powers_NW, higher_N1))
        d_hidden_NH.div_(total_N1).sub_(weight_VH[targets_N])
        saved = [d_hidden_NH.to(dtype)]
        if is_weight_trained:
            saved.append(_d_weight(hidden_NH, kept, total_N1, highest_N1, targets_N, shape=weight_VH.shape))
        ctx.save_for_backward(*saved)
        return (total_N1.log() + highest_N1 - target_N1).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor | None, None]:
        d_hidden_NH, *d_weight = ctx.saved_tensors
        if float(d) == 1.0:  # a loss's own gradient: another pass over the whole matrix would change nothing
            return d_hidden_NH, d_weight[0] if d_weight else None, None
        return d_hidden_NH * d.to(d_hidden_NH.dtype), d_weight[0] * d if d_weight else None, None


def _d_weight(
    hidden_NH: Tensor,
    kept: list[tuple[Tensor, Tensor]],
    total_N1: Tensor,
    highest_N1: Tensor,
    targets_N: Tensor,
    *,
    shape: torch.Size,
) -> Tensor:
    """Probabilities times hidden states, less the hidden state at each target."""
    d_weight_VH = torch.empty(shape)
    start = 0
    for powers_NW, high_N1 in kept:
        shrunk_N1 = torch.exp(high_N1.float() - highest_N1.float()) / total_N1
        scaled_NH = (hidden_NH * shrunk_N1).to(hidden_NH.dtype)
        d_weight_VH[start : start + powers_NW.shape[1]] = torch.mm(powers_NW.t(), scaled_NH)
        start += powers_NW.shape[1]
    return d_weight_VH.index_add_(0, targets_N, hidden_NH.float(), alpha=-1.0)

"""Frozen matrices with low-rank adapters as one matrix product: [x, x A'] times [W, scale B]'.

In: x and each adapter's A and B. Out: x W' + scale (x A') B', for all matrices that read the same x at once. Its own
file because the low-rank path as separate products costs a pass over the output each; here B lies beside W in one
matrix, and the gradient of x A' falls out of the gradient of x. Matrices that read the same x (queries, keys, values;
gate and up) lie below each other: x is copied once, and its gradient needs no sum. Same mathematics as peft's.
Source: Hu et al. 2021.
Axes: N positions, I inputs, O outputs of all matrices, R ranks of all adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable

from tunewright.model.kernels.product import product
from tunewright.model.quantised import Dequantised

Wide = Callable[[Sequence[Tensor]], Tensor]
"""[W, B] beside each other, of every B times its scale."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A frozen matrix and the adapter on it."""

    base: nn.Linear
    a: nn.Parameter
    b: nn.Parameter
    scale: float


class _Place(NamedTuple):
    """Where a matrix and its adapter lie among the others."""

    outputs: slice
    ranks: slice
    scale: float


class LoraLinear:
    """Stands for the forwards of peft Linears that read the same x. Out: their outputs side by side.

    The frozen weights move into `wide`; the modules keep views of it.
    """

    def __init__(self, parts: Sequence[Adapted], *, dtype: torch.dtype) -> None:
        self.parts, self.places = tuple(parts), _places([(part.a, part.b, part.scale) for part in parts])
        n_in, last = parts[0].base.in_features, self.places[-1]
        self.wide = torch.zeros(last.outputs.stop, n_in + last.ranks.stop, dtype=dtype)
        for part, place in zip(self.parts, self.places, strict=True):
            self.wide[place.outputs, :n_in] = part.base.weight.detach()
            part.base.weight.data = self.wide[place.outputs, :n_in]
        self.low = self.wide[:, n_in:]

    def __call__(self, x: Tensor) -> Tensor:
        adapters = [matrix for part in self.parts for matrix in (part.a, part.b)]
        y: Tensor = _LoraLinear.apply(x, self._wide, self.places, *adapters)  # type: ignore[no-untyped-call]
        biases: list[Tensor] = [part.base.bias for part in self.parts if part.base.bias is not None]  # all, or none
        return y + torch.cat(biases).to(y.dtype) if biases else y

    def _wide(self, scaled: Sequence[Tensor]) -> Tensor:
        for b_OR, place in zip(scaled, self.places, strict=True):
            self.low[place.outputs, place.ranks] = b_OR
        return self.wide


class QuantisedLoraLinear:
    """The same on one matrix in few bits, which is made whole again for the forward and for the backward pass."""

    def __init__(
        self, base: Dequantised, a: nn.Parameter, b: nn.Parameter, *, scale: float, dtype: torch.dtype
    ) -> None:
        self.base, self.a, self.b, self.dtype = base, a, b, dtype
        self.places = _places([(a, b, scale)])

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = _LoraLinear.apply(x, self._wide, self.places, self.a, self.b)  # type: ignore[no-untyped-call]
        bias = self.base.module.bias
        return y if bias is None else y + bias.to(y.dtype)

    def _wide(self, scaled: Sequence[Tensor]) -> Tensor:
        return torch.cat([self.base.weight(self.dtype), *(b_OR.to(self.dtype) for b_OR in scaled)], dim=1)


class Share:
    """One LoraLinear for modules that are called one after the other with the same x: the first call computes all."""

    def __init__(self, joint: LoraLinear) -> None:
        self.joint = joint
        self.x: Tensor | None = None
        self.ready: dict[int, Tensor] = {}

    def forward(self, i: int) -> Callable[[Tensor], Tensor]:
        """Of the i-th part."""

        def part(x: Tensor) -> Tensor:
            if self.x is not x or i not in self.ready:
                sizes = [place.outputs.stop - place.outputs.start for place in self.joint.places]
                self.x, self.ready = x, dict(enumerate(torch.split(self.joint(x), sizes, -1)))
            y = self.ready.pop(i)
            if not self.ready:
                self.x = None
            return y

        return part


def _places(adapters: Sequence[tuple[Tensor, Tensor, float]]) -> tuple[_Place, ...]:
    found, n_out, n_rank = [], 0, 0
    for a_RI, b_OR, scale in adapters:
        found.append(_Place(slice(n_out, n_out + len(b_OR)), slice(n_rank, n_rank + len(a_RI)), scale))
        n_out, n_rank = n_out + len(b_OR), n_rank + len(a_RI)
    return tuple(found)


class _LoraLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, wide_of: Wide, places: tuple[_Place, ...], *adapters: Tensor) -> Tensor:
        ab = adapters[::2], adapters[1::2]
        wide = wide_of(_scaled(ab[1], places))
        n_in, dtype = ab[0][0].shape[1], wide.dtype
        a_RI = torch.cat(ab[0]).to(dtype)
        x_NI = x.reshape(-1, n_in)
        both = torch.empty(len(x_NI), wide.shape[1], dtype=dtype)
        both[:, :n_in] = x_NI
        torch.mm(both[:, :n_in], a_RI.t(), out=both[:, n_in:])
        ctx.save_for_backward(both, a_RI, *ab[1])
        ctx.x_dtype, ctx.places, ctx.wide_of = x.dtype, places, wide_of
        return product(both, wide).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        both, a_RI, *bs = ctx.saved_tensors
        n_in, wide = a_RI.shape[1], ctx.wide_of(_scaled(bs, ctx.places))
        dy_NO, low_NR = dy.reshape(-1, dy.shape[-1]), both[:, n_in:]
        dbs = [torch.mm(dy_NO[:, p.outputs].t(), low_NR[:, p.ranks]).float().mul_(p.scale) for p in ctx.places]
        if ctx.needs_input_grad[0]:
            d_both = torch.mm(dy_NO, wide)
            d_low = d_both[:, n_in:].contiguous()
            dx = d_both[:, :n_in].addmm_(d_low, a_RI).to(ctx.x_dtype).view(*dy.shape[:-1], n_in)
        else:
            d_low, dx = torch.mm(dy_NO, wide[:, n_in:]), None
        da_RI = torch.mm(d_low.t(), both[:, :n_in]).float()
        das = [da_RI[p.ranks] for p in ctx.places]
        return dx, None, None, *(gradient for pair in zip(das, dbs, strict=True) for gradient in pair)


def _scaled(bs: Sequence[Tensor], places: Sequence[_Place]) -> list[Tensor]:
    return [b_OR * place.scale for b_OR, place in zip(bs, places, strict=True)]

"""A base whose frozen matrices are kept in 4 or 8 bits, below an adapter.

In: a model as it was loaded, and how few bits. Out: the same model with bitsandbytes' linear modules in its blocks. Its
own file because only here is the library known. On a processor a matrix is made whole again for each product, in
training as in evaluation: bitsandbytes' own 8-bit way rounds the inputs too while it evaluates, and its 4-bit way packs
the weights anew for some processors. Sources: Dettmers et al. 2022 (int8), 2023 (nf4, and adapters beside it).
Axes: N positions, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional as F

from tunewright.core.errors import MissingExtra, ModelError
from tunewright.model.few_bits import FIELD, LIBRARY
from tunewright.model.forward import put_on
from tunewright.model.layers import BLOCK

WHOLE_TYPES = ("float16", "bfloat16", "float32")
"""Types that a file's weights can be taken in as they are stored, and rounded from there."""


class Dequantised:
    """Stands for the forward of a module in few bits: the product with its matrix as it is, for as long as it lasts."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def weight(self, dtype: torch.dtype) -> Tensor:
        """weight_OI, made anew."""
        kept = self.module.weight
        if _is_packed(kept):
            found: Tensor = _library().functional.dequantize_4bit(kept.data, kept.quant_state)
        else:
            found = kept.data * (kept.SCB / 127.0)[:, None]
        return found.to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        y: Tensor = _Product.apply(x.to(dtype), self)  # type: ignore[no-untyped-call]
        return y if self.module.bias is None else y + self.module.bias.to(dtype)


class _Product(Function):
    """Keeps nothing for the backward pass but the few bits, which stay anyway."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, of: Dequantised) -> Tensor:
        ctx.of = of
        return F.linear(x, of.weight(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return dy @ ctx.of.weight(dy.dtype), None


def quantise(model: nn.Module, word: str, *, dtype: torch.dtype, device: str) -> None:
    """Changes the model: linear modules of its blocks in few bits, everything else in float32 and memory of its own.

    dtype: of the products on a GPU.
    Raises ModelError when no block has a linear module.
    """
    found = [(name, m) for name, m in model.named_modules() if type(m) is nn.Linear and BLOCK.search(f"{name}.")]
    if not found:
        raise ModelError(
            "no block of this model has a linear module, so nothing of it can be kept in few bits",
            where=FIELD,
            why="families like gpt2 bring matrices of another kind",
            fix=f"leave {FIELD} out",
        )
    for name, module in found:
        small = _in_few_bits(module, word, dtype=dtype)
        if device == "cpu":
            put_on(small, Dequantised(small))
        model.set_submodule(name, small)
    for p in model.parameters():
        if p.is_floating_point():
            p.data = p.data.float() if p.dtype != torch.float32 else p.data.clone()  # the file need not stay mapped
    vars(model)[f"is_loaded_in_{8 if word == 'int8' else 4}bit"] = True  # peft chooses its adapter by it


def dequantised(module: nn.Module) -> Dequantised | None:
    """How a module in few bits gets its matrix back; None for every other module, and on a GPU."""
    found = vars(module).get("forward")
    return found if isinstance(found, Dequantised) else None


def n_weights(parameter: Tensor) -> int:
    """Of the matrix that a parameter stands for."""
    return 2 * parameter.numel() if _is_packed(parameter) else parameter.numel()


def whole_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every weight by its name, those in few bits made whole one after the other; a shared one at each place."""
    for name, module in model.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            is_whole = parameter.is_floating_point()
            yield f"{name}.{own}", parameter if is_whole else Dequantised(module).weight(torch.float32)


def scales(model: nn.Module) -> Iterator[Tensor]:
    """What is kept beside the few bits, and is no parameter."""
    for module in model.modules():
        if dequantised(module) is None:
            continue
        kept: Any = module.weight
        if _is_packed(kept):
            state = kept.quant_state
            yield from (state.absmax, state.code, state.offset, state.state2.absmax, state.state2.code)
        else:
            yield kept.SCB


def _in_few_bits(module: nn.Linear, word: str, *, dtype: torch.dtype) -> Any:
    modules = _library().nn
    n_in, n_out, has_bias = module.in_features, module.out_features, module.bias is not None
    whole_OI = module.weight.detach().float()
    with torch.device("meta"):
        small = (
            modules.Linear8bitLt(n_in, n_out, has_bias, has_fp16_weights=False, threshold=6.0)
            if word == "int8"
            else modules.Linear4bit(n_in, n_out, has_bias, dtype, compress_statistics=True, quant_type="nf4")
        )
    small.weight = (
        modules.Int8Params(whole_OI, requires_grad=False, has_fp16_weights=False)
        if word == "int8"
        else modules.Params4bit(whole_OI, requires_grad=False, compress_statistics=True, quant_type="nf4", module=small)
    ).to("cpu")  # which is where it is rounded
    small.bias = module.bias
    return small.requires_grad_(False).train(module.training)


def _is_packed(parameter: Tensor) -> bool:
    """Two weights of 4 bits a number."""
    return type(parameter).__name__ == "Params4bit"


def _library() -> Any:
    """bitsandbytes, an extra.

    Raises MissingExtra.
    """
    try:
        import bitsandbytes  # an extra: it need not be there
    except ImportError as error:
        raise MissingExtra(LIBRARY, extra="quant", needed_for=FIELD) from error
    return bitsandbytes

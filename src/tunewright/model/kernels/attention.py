"""Attention on a processor: matrix product, softmax, matrix product, in chunks of queries, nothing masked computed.

In: queries, keys and values as transformers' attention interface gives them. Out: what each position reads. Its own
file because every family that uses the interface gets it, and because torch's own on a processor took twice as long
in bfloat16 (docs/decisions/0013-training-on-a-processor.md).
Axes: B rows, Q query heads, K key heads, G = Q / K, T positions, D head width, C queries of a chunk, E keys up to
the chunk's end, F = C * G.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from transformers import AttentionInterface, AttentionMaskInterface

from tunewright.model.kernels.dropout import kept_factors

NAME = "tunewright"
"""As transformers' configurations know it."""
CHUNK = 128
"""Queries at once in causal attention: what they may not see is not computed."""
KEPT_LENGTH = 512
"""Longer rows compute their probabilities again in the backward pass: T * T of them for each head and block."""


class Unsupported(NotImplementedError):
    """This family asks for more than a scaled softmax over earlier or all positions."""


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """transformers' interface: query_BQTD, key_BKTD, value_BKTD and the row's padding; out_BTQD.

    Raises Unsupported for score caps, biases, sinks, caches, and windows to both sides.
    """
    asked, window = options.get("is_causal"), options.get("sliding_window")
    is_causal = bool(getattr(module, "is_causal", True) if asked is None else asked)
    odd = [name for name in ("softcap", "s_aux", "position_bias", "cache") if options.get(name) is not None]
    if odd or query.shape[2] != key.shape[2] or (window is not None and not is_causal):
        raise Unsupported(", ".join(odd) or "sliding_window")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    how = _How(scale, dropout, is_causal, window)
    out: Tensor = _Attention.apply(query, key, value, attention_mask, how)  # type: ignore[no-untyped-call]
    return out, None


def padding_mask(*_: Any, attention_mask: Tensor | None = None, **__: Any) -> Tensor | None:
    """transformers' mask interface: mask_BT as it came (True: a real token), or None when nothing is padded."""
    if attention_mask is None or bool(attention_mask.all()):
        return None
    mask_BT = attention_mask.bool()
    if bool((~mask_BT[:, :-1] & mask_BT[:, 1:]).any()):
        raise Unsupported("padding before a token")
    return mask_BT


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, padding_mask)


class _How(NamedTuple):
    scale: float
    dropout: float
    is_causal: bool
    window: int | None
    """Positions that a query sees, itself included; None: all."""


class _Attention(Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask_BT: Tensor | None, how: _How) -> Tensor:
        B, Q, T, D = query.shape
        K, dtype = key.shape[1], value.dtype
        G = Q // K
        q = query.reshape(B, K, G, T, D).transpose(2, 3).to(dtype).reshape(B * K, T * G, D)
        k, v = (x.to(dtype).reshape(B * K, T, D) for x in (key, value))
        bias = None if how.is_causal else _bias_of_padding(mask_BT, n_heads=K, dtype=dtype)
        out_BTKGD = torch.empty(B, T, K, G, D, dtype=dtype, device=v.device)
        is_kept = T <= KEPT_LENGTH or how.dropout > 0
        kept: list[Tensor] = []
        for start, end in _chunks(T, is_causal=how.is_causal):
            p, dropped = _probabilities(q, k, bias, how, G=G, start=start, end=end)
            read = torch.bmm(p if dropped is None else p * dropped, v[:, :end])
            out_BTKGD[:, start:end] = read.view(B, K, end - start, G, D).transpose(1, 2)
            kept += [p] if is_kept and dropped is None else [p, dropped] if dropped is not None else []
        ctx.save_for_backward(q, k, v, *([] if bias is None else [bias]), *kept)
        ctx.how, ctx.shape, ctx.has_bias, ctx.dtypes = how, (B, K, G, T, D), bias is not None, (query.dtype, key.dtype)
        return out_BTKGD.view(B, T, Q, D)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        scale, dropout, is_causal, _ = ctx.how
        B, K, G, T, D = ctx.shape
        q, k, v, *kept = ctx.saved_tensors
        bias = kept.pop(0) if ctx.has_bias else None
        d_out = d_out.reshape(B, T, K, G, D).transpose(1, 2).reshape(B * K, T * G, D)
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for start, end in _chunks(T, is_causal=is_causal):
            dropped = None
            if not kept:
                p, _none = _probabilities(q, k, bias, ctx.how, G=G, start=start, end=end)
            elif dropout:
                p, dropped, *kept = kept
            else:
                p, *kept = kept
            here = slice(start * G, end * G)
            d_read = d_out[:, here]
            dp = torch.bmm(d_read, v[:, :end].transpose(1, 2))
            if dropped is not None:
                dp *= dropped
            dv[:, :end].baddbmm_((p if dropped is None else p * dropped).transpose(1, 2), d_read)
            ds = torch._softmax_backward_data(dp, p, -1, p.dtype)
            torch.bmm(ds, k[:, :end], out=dq[:, here])
            dk[:, :end].baddbmm_(ds.transpose(1, 2), q[:, here], alpha=scale)
        dq = dq.mul_(scale).view(B, K, T, G, D).transpose(2, 3).reshape(B, K * G, T, D)
        return dq.to(ctx.dtypes[0]), dk.view(B, K, T, D).to(ctx.dtypes[1]), dv.view(B, K, T, D), None, None


def _chunks(length: int, *, is_causal: bool) -> list[tuple[int, int]]:
    """(first query, end of queries and of what they see)."""
    if not is_causal:
        return [(0, length)]
    return [(start, min(length, start + CHUNK)) for start in range(0, length, CHUNK)]


def _probabilities(
    q: Tensor, k: Tensor, bias: Tensor | None, how: _How, *, G: int, start: int, end: int
) -> tuple[Tensor, Tensor | None]:
    """Softmax over the keys, and the factors that dropout multiplies it with. Sums and exponentials in float32."""
    scale, dropout, is_causal, window = how
    scores = q[:, start * G : end * G], k[:, :end].transpose(1, 2)
    if is_causal:
        bias = _causal(start, end, group=G, window=window, dtype=q.dtype)
    if bias is None:
        s = torch.bmm(*scores).mul_(scale)
    else:
        s = torch.baddbmm(bias.expand(len(q), (end - start) * G, end), *scores, alpha=scale)
    p = torch.softmax(s, -1, dtype=torch.float32).to(q.dtype)
    if not dropout:
        return p, None
    return p, kept_factors(p.shape, share=dropout, dtype=p.dtype)


@lru_cache(maxsize=256)
def _causal(start: int, end: int, *, group: int, window: int | None, dtype: torch.dtype) -> Tensor:
    """0 where query start + c may see key e, -inf elsewhere; shape (C * G, E)."""
    queries, keys = torch.arange(start, end)[:, None], torch.arange(end)[None]
    is_hidden = keys > queries
    if window is not None:
        is_hidden |= keys <= queries - window
    bias = torch.zeros(end - start, end, dtype=dtype).masked_fill_(is_hidden, float("-inf"))
    return bias.repeat_interleave(group, 0)


def _bias_of_padding(mask_BT: Tensor | None, *, n_heads: int, dtype: torch.dtype) -> Tensor | None:
    """-inf for padding, shape (B * K, 1, T)."""
    if mask_BT is None:
        return None
    bias_BT = torch.zeros(mask_BT.shape, dtype=dtype).masked_fill_(~mask_BT, float("-inf"))
    return bias_BT.repeat_interleave(n_heads, 0)[:, None]

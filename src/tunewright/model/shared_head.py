"""What many prompts begin with, read once: a question's list of labels before the text that it asks about.

In: a language model and prompts as ids. Out: Head: its tokens and their cached state, for as many rows as are asked.
Its own file because scoring labels and choosing one token by token both go on from the same state.
Axes: B rows, T positions that are read now, K positions that are seen.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

from tunewright.model.forward import unwrapped
from tunewright.model.load import Loaded


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of some prompts."""

    n_tokens: int
    cache: Any
    """transformers' cache of one row."""


def shared_head(loaded: Loaded, prompts: Sequence[tuple[int, ...]]) -> Head | None:
    """The longest beginning that all prompts share, leaving each a token.

    None where there is none, or where the model's state is not keys and values of every token (a window, a recurrent
    layer): then a mask alone cannot say what a token sees.
    """
    n = min(_n_shared(prompts), min(map(len, prompts)) - 1)
    if n < 1:
        return None
    ids = torch.tensor([prompts[0][:n]], device=loaded.device)
    cache = loaded.model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    return Head(n, cache) if is_plain(cache) else None


def is_plain(cache: Any) -> bool:
    """Every layer keeps the keys and values of all tokens."""
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def state_of(head: Head, n_rows: int) -> Any:
    """A cache of its own for that many rows, each of which begins with the head; nothing is copied yet."""
    cache = copy.copy(head.cache)
    cache.layers = []
    for layer in head.cache.layers:
        mine = copy.copy(layer)
        mine.keys, mine.values = (x.expand(n_rows, -1, -1, -1) for x in (layer.keys, layer.values))
        cache.layers.append(mine)
    return cache


def logits_where(
    loaded: Loaded, ids_BT: Tensor, *, positions_BT: Tensor, sees_BTK: Tensor, is_wanted_BT: Tensor, cache: Any
) -> Tensor:
    """logits_NV of the wanted positions, row after row; `cache` grows by what is read.

    sees_BTK: True where a token may look; K counts what the cache holds, then what is read now.
    The others never reach the output layer: a hook narrows what goes in.
    """
    output_layer = unwrapped(loaded.model).get_output_embeddings()

    def narrow(_module: object, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0][is_wanted_BT].unsqueeze(0), *inputs[1:])

    hook = output_layer.register_forward_pre_hook(narrow)
    try:
        out = loaded.model(
            input_ids=ids_BT,
            position_ids=positions_BT,
            attention_mask=torch.where(sees_BTK, 0.0, torch.finfo(torch.float32).min)[:, None],
            past_key_values=cache,
            use_cache=True,
        )
    finally:
        hook.remove()
    return torch.as_tensor(out.logits)[0].float()


def _n_shared(prompts: Sequence[tuple[int, ...]]) -> int:
    """Tokens that all prompts begin with: what the first and the last in sorted order share."""
    first, last = min(prompts), max(prompts)
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))

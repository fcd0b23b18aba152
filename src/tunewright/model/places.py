"""The cache of all answers that are being written at once, one place each; places come and go while others write on.

In: a language model, prompts as ids, how a token is chosen. Out: the next token of every place. Its own file because
this owns the cache: transformers' own copies it whole for every token, and writes on for rows that are done until the
last one is. Evaluation fills the places from a list, the server from whoever asks.
Axes: B places, H key heads, K columns of the cache, D head width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

from tunewright.model.load import Loaded

Ids = Sequence[int]
Choose = Callable[[Sequence[int], Tensor], list[int]]
"""Given the rows of some places and their logits_BV; the next token of each."""


def likeliest(_rows: Sequence[int], logits_BV: Tensor) -> list[int]:
    """Greedy."""
    found: list[int] = logits_BV.argmax(-1).tolist()
    return found


class Places:
    """A row's tokens end in the same column as everybody's."""

    def __init__(self, loaded: Loaded, *, n_places: int, n_columns: int, choose: Choose = likeliest) -> None:
        self.loaded, self.n_places, self.choose = loaded, n_places, choose
        self.rows: list[int] = []
        self.last: list[int] = []
        self.lengths: list[int] = []
        self.layers: list[_Layer] = []
        self.cache: Any = None
        self.view = _View(n_columns)

    def make_room(self, *, n_places: int, n_columns: int) -> None:
        """At least so many; what is written stays. What has grown never shrinks."""
        if n_places > self.n_places or n_columns > self.view.n_columns:
            self.n_places = max(n_places, self.n_places)
            self.view.n_columns = max(n_columns, self.view.n_columns)
            for layer in self.layers:
                layer.grow(self.n_places)

    def read(self, row: int, prompt: Ids) -> int:
        """Read a prompt into the next place; its first token."""
        ids = torch.tensor([list(prompt)], device=self.loaded.device)
        out = self.loaded.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        if self.cache is None:
            self.cache = out.past_key_values
            self.layers = [_Layer(layer, self.n_places, self.view) for layer in self.cache.layers]
        view, b, n = self.view, len(self.rows), len(prompt)
        if n > view.end:
            self._move(n)
        for mine, its in zip(self.layers, out.past_key_values.layers, strict=True):
            mine.all_keys[b, :, view.end - n : view.end] = its.keys[0]
            mine.all_values[b, :, view.end - n : view.end] = its.values[0]
        self.cache.layers = self.layers
        [token] = self.choose([row], out.logits[:, -1])
        self.rows.append(row)
        self.lengths.append(n)
        self.last.append(token)
        return token

    def write(self) -> list[int]:
        """The next token of every place."""
        view, on = self.view, self.loaded.device
        if view.end == view.n_columns:
            self._move(max(self.lengths))
        view.rows, view.start = len(self.rows), view.end - max(self.lengths)
        lengths_B = torch.tensor(self.lengths, device=on)
        columns_K = torch.arange(view.start, view.end + 1, device=on)
        logits_B1V = self.loaded.model(
            input_ids=torch.tensor(self.last, device=on)[:, None],
            position_ids=lengths_B[:, None],
            attention_mask=(columns_K >= view.end - lengths_B[:, None]).long(),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        view.end += 1
        self.lengths = [n + 1 for n in self.lengths]
        self.last = self.choose(self.rows, logits_B1V[:, -1])
        return self.last

    def leave(self, b: int) -> None:
        """The last row takes this place."""
        last = len(self.rows) - 1
        if b != last:
            columns = slice(self.view.end - self.lengths[last], self.view.end)
            for layer in self.layers:
                for x in (layer.all_keys, layer.all_values):
                    x[b, :, columns] = x[last, :, columns]
        for some in (self.rows, self.lengths, self.last):
            some[b] = some[last]
            some.pop()

    def _move(self, end: int) -> None:
        """Everybody's tokens to where they end in column `end`."""
        n, was = max(self.lengths, default=0), self.view.end
        if n:
            for layer in self.layers:
                for x in (layer.all_keys, layer.all_values):
                    x[:, :, end - n : end] = x[:, :, was - n : was].clone()
        self.view.end = end


class _View:
    """What of the cache is in use."""

    def __init__(self, n_columns: int) -> None:
        self.n_columns, self.rows, self.start, self.end = n_columns, 0, 0, 0


class _Layer(DynamicLayer):  # type: ignore[misc]  # transformers' hook for a block's keys and values
    """A token is written where it belongs; nothing else moves. Zeros, because what is masked must be a number."""

    def __init__(self, like: DynamicLayer, n_places: int, view: _View) -> None:
        super().__init__()
        self.view, self.is_initialized = view, True
        self.all_keys, self.all_values = (
            torch.zeros(n_places, x.shape[1], view.n_columns, x.shape[3], dtype=x.dtype, device=x.device)
            for x in (like.keys, like.values)
        )
        self.dtype, self.device = self.all_keys.dtype, self.all_keys.device

    def grow(self, n_places: int) -> None:
        """To that many places and the view's columns."""
        n_columns = self.view.n_columns
        self.all_keys, self.all_values = (_grown(x, n_places, n_columns) for x in (self.all_keys, self.all_values))

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        view = self.view
        self.all_keys[: view.rows, :, view.end] = key_states[:, :, 0]
        self.all_values[: view.rows, :, view.end] = value_states[:, :, 0]
        seen = (slice(view.rows), slice(None), slice(view.start, view.end + 1))
        return self.all_keys[seen], self.all_values[seen]

    def get_seq_length(self, *_: Any) -> int:
        return self.view.end - self.view.start

    def get_mask_sizes(self, *_: Any) -> tuple[int, int]:
        return self.get_seq_length() + 1, 0


def _grown(x_BHKD: Tensor, n_places: int, n_columns: int) -> Tensor:
    n_before, n_heads, n_columns_before, width = x_BHKD.shape
    grown = x_BHKD.new_zeros(n_places, n_heads, n_columns, width)
    grown[:n_before, :, :n_columns_before] = x_BHKD
    return grown

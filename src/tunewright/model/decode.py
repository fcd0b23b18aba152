"""Greedy decoding of many prompts at once: a row that is done gives its place to the next prompt.

In: a language model and prompts as ids. Out: the ids that follow each. Its own file because the loop owns the cache:
transformers' own copies it whole for every token, and writes on for rows that are done until the last one is.
Axes: B places, H key heads, K columns of the cache, D head width, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

from tunewright.model.forward import precision, unwrapped
from tunewright.model.load import Loaded
from tunewright.model.shared_head import is_plain

GENERATION_TOKENS = 6_000
"""Prompt and answer tokens of all places: bounds the key-value cache (SmolLM2 in float32: 46 kB a token)."""
SLACK_COLUMNS = 64
"""Columns beyond the longest row: how many tokens are written before the cache is moved to its left end."""

_ASKED = {"input_ids", "position_ids", "attention_mask", "past_key_values", "logits_to_keep"}
Ids = Sequence[int]
Heard = Callable[[int, int], bool]
"""Told the place of a prompt and its next token; True: it goes on."""


def is_decodable(loaded: Loaded) -> bool:
    """The family takes positions and a mask, and its state is keys and values of every token; costs a token."""
    model = unwrapped(loaded.model)
    if not set(inspect.signature(model.forward).parameters) >= _ASKED:
        return False
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        ids = torch.tensor([[loaded.pad_id]], device=loaded.device)
        return is_plain(loaded.model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values)


def decode(loaded: Loaded, prompts: Sequence[Ids], *, max_new_tokens: int, heard: Heard) -> None:
    """Every prompt's likeliest next tokens until it goes no further, at most max_new_tokens.

    The longest prompts start, as many as fit into GENERATION_TOKENS, one at least; each is read alone, without padding.
    """
    waiting = deque(sorted(range(len(prompts)), key=lambda i: len(prompts[i]), reverse=True))
    longest = len(prompts[waiting[0]]) + max_new_tokens
    n_places = max(1, min(len(prompts), GENERATION_TOKENS // longest))
    n_written = [0] * len(prompts)

    def goes_on(i: int, token: int) -> bool:
        n_written[i] += 1
        return heard(i, token) and n_written[i] < max_new_tokens

    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        places = _Places(loaded, n_places=n_places, n_columns=longest + SLACK_COLUMNS)
        while waiting or places.rows:
            while waiting and len(places.rows) < n_places:
                i = waiting.popleft()
                token = places.read(i, prompts[i])
                if not goes_on(i, token):
                    places.leave(len(places.rows) - 1)
            said = list(zip(places.rows, places.write(), strict=True)) if places.rows else []
            for b, (i, token) in reversed(list(enumerate(said))):  # from behind: who leaves is replaced by the last
                if not goes_on(i, token):
                    places.leave(b)


class _Places:
    """The cache of all rows that are being written; a row's tokens end in the same column as everybody's."""

    def __init__(self, loaded: Loaded, *, n_places: int, n_columns: int) -> None:
        self.loaded, self.n_places = loaded, n_places
        self.rows: list[int] = []
        self.last: list[int] = []
        self.lengths: list[int] = []
        self.layers: list[_Layer] = []
        self.cache: Any = None
        self.view = _View(n_columns)

    def read(self, row: int, prompt: Ids) -> int:
        """Read a prompt into the next place; its first token."""
        ids = torch.tensor([list(prompt)], device=self.loaded.device)
        out = self.loaded.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        if self.cache is None:
            self.cache = out.past_key_values
            self.layers = [_Layer(layer, self.n_places, self.view) for layer in self.cache.layers]
        view, b, n = self.view, len(self.rows), len(prompt)
        view.end = max(view.end, n)
        for mine, its in zip(self.layers, out.past_key_values.layers, strict=True):
            mine.all_keys[b, :, view.end - n : view.end] = its.keys[0]
            mine.all_values[b, :, view.end - n : view.end] = its.values[0]
        self.cache.layers = self.layers
        token = int(out.logits[0, -1].argmax())
        self.rows.append(row)
        self.lengths.append(n)
        self.last.append(token)
        return token

    def write(self) -> list[int]:
        """The next token of every place."""
        view, on = self.view, self.loaded.device
        if view.end == view.n_columns:
            self._to_the_left()
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
        self.last = logits_B1V[:, -1].argmax(-1).tolist()
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

    def _to_the_left(self) -> None:
        n, end = max(self.lengths), self.view.end
        for layer in self.layers:
            for x in (layer.all_keys, layer.all_values):
                x[:, :, :n] = x[:, :, end - n : end].clone()
        self.view.end = n


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

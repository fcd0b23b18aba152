"""The frozen part below the first trained block runs once; what comes out of it is kept for every later epoch.

In: a model of which only the top is trained, and the rows it will see. Out: a context in which these rows skip their
frozen blocks. Its own file because training only the top is only cheap if nobody computes the rest again.
The frozen part draws no dropout, kept or not: it learns nothing from noise. A row is known by its ids.
Axes: B rows, T positions, H hidden.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast

from tunewright.core.values import Encoded
from tunewright.model.adapt import TOP_NORMS, is_head, trainable_state
from tunewright.model.classifier import EncoderClassifier, mean_pooled
from tunewright.model.forward import precision, put_on, unwrapped
from tunewright.model.layers import BLOCK
from tunewright.model.load import Loaded
from tunewright.text.batch import Batch, batch_of, by_length

FILL_TOKENS = 2_048
"""Padded tokens that run through the frozen part at once."""
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Place:
    """How much may be kept, and where."""

    memory_bytes: int
    folder: Path | None
    """For what memory does not hold; None: memory alone."""
    disk_bytes: int = 0


@dataclass(slots=True)  # filled once, and `now` changes with every batch
class Trunk:
    """What was kept."""

    first_trained: int
    """Blocks below it are frozen."""
    is_head_only: bool
    """All blocks are frozen: one vector is kept of a row, the one that the head reads."""
    n_bytes: int = 0
    seconds: float = 0.0
    where: str = ""
    """memory, disk, or why nothing is kept."""
    states: dict[bytes, Any] = field(default_factory=dict)
    """(T, H) of each row in front of the first trained block; (1, H) in front of the head."""
    dtype: torch.dtype = torch.float32
    """Of the states as the model makes them; kept as float32, which holds them all."""
    now: Tensor | None = None
    """The states of the batch that runs, (B, T, H)."""


class _Reached(Exception):
    """The first trained block was reached: the rest need not run."""


def first_trained_block(model: nn.Module, *, n_blocks: int) -> int:
    """The lowest block with a trained weight; 0 when something below the blocks is trained too."""
    lowest = n_blocks
    for name in trainable_state(model):
        match = BLOCK.search(name)
        if match:
            lowest = min(lowest, int(match[1]))
        elif not is_head(name) and not name.endswith(TOP_NORMS):
            return 0
    return lowest


def body_of(model: nn.Module) -> Any:
    """The transformer without what a task puts on it."""
    inner: Any = model.encoder if isinstance(model, EncoderClassifier) else model
    return unwrapped(inner).base_model


@contextmanager
def trunk(loaded: Loaded, rows: Sequence[Encoded], *, place: Place) -> Iterator[Trunk | None]:
    """Inside, `rows` run from their first trained block on; others run whole. None: everything is trained."""
    n_blocks = loaded.card.n_layers
    first = first_trained_block(loaded.model, n_blocks=n_blocks)
    body = body_of(loaded.model)
    blocks = _blocks(body, n_blocks=n_blocks)
    if not first or blocks is None:
        yield None
        return
    undo: list[Callable[[], object]] = [_without_dropout(body, blocks[first:])]
    made = Trunk(first, is_head_only=first == n_blocks)
    try:
        if _fits(made, loaded, rows, place=place):
            _fill(made, loaded, body, blocks, rows, place=place)
            undo += _skip(made, body, blocks)
        yield made
    finally:
        made.states.clear()
        for back in reversed(undo):
            back()


def _blocks(body: nn.Module, *, n_blocks: int) -> nn.ModuleList | None:
    lists = [m for m in body.modules() if isinstance(m, nn.ModuleList) and len(m) == n_blocks]
    return lists[0] if lists and all(type(b) is type(lists[0][0]) for b in lists[0]) else None


def _fits(made: Trunk, loaded: Loaded, rows: Sequence[Encoded], *, place: Place) -> bool:
    """Decides where the states go."""
    n_states = sum(1 if made.is_head_only else len(row) for row in {row.ids: row for row in rows}.values())
    made.n_bytes = n_states * loaded.card.hidden_size * FLOAT_BYTES
    if made.n_bytes <= place.memory_bytes:
        made.where = "memory"
    elif place.folder is not None and made.n_bytes <= place.disk_bytes:
        made.where = "disk"
    else:
        made.where = f"nowhere: {made.n_bytes / 1e9:.1f} GB would be needed"
        made.n_bytes = 0
    return made.n_bytes > 0


def _fill(
    made: Trunk, loaded: Loaded, body: Any, blocks: nn.ModuleList, rows: Sequence[Encoded], *, place: Place
) -> None:
    """One pass of the frozen part over all rows, in an order that depends on the rows alone."""
    started = time.perf_counter()
    distinct = list({row.ids: row for row in rows}.values())
    store = _store(made, loaded.card.hidden_size, place=place)
    used = 0
    for group in by_length(distinct, max_tokens=FILL_TOKENS):
        batch = batch_of([distinct[i] for i in group], pad_id=loaded.pad_id, device=loaded.device)
        with torch.no_grad(), precision(loaded.device, loaded.dtype):
            if made.is_head_only:
                hidden = body(input_ids=batch.ids_BT, attention_mask=batch.mask_BT, **_no_cache(body)).last_hidden_state
                states = _read_by_head(loaded, hidden, batch)[:, None]
            else:
                states = _states_before(blocks[made.first_trained], body, batch.ids_BT, batch.mask_BT)
        made.dtype = states.dtype
        for b, i in enumerate(group):
            n = 1 if made.is_head_only else len(distinct[i])
            store[used : used + n] = states[b, :n].float().cpu().numpy()
            made.states[_key(distinct[i].ids)] = store[used : used + n]
            used += n
    made.seconds = time.perf_counter() - started


def _store(made: Trunk, width: int, *, place: Place) -> Any:
    shape = (made.n_bytes // FLOAT_BYTES // width, width)
    if made.where == "memory":
        return np.empty(shape, np.float32)
    assert place.folder is not None
    path = place.folder / ".trunk.tmp"
    kept = np.memmap(path, np.float32, "w+", shape=shape)
    path.unlink()  # the file lives as long as it is mapped, and no longer
    return kept


def _no_cache(body: Any) -> dict[str, Any]:
    return {"use_cache": False} if getattr(body.config, "use_cache", False) else {}


def _read_by_head(loaded: Loaded, hidden_BTH: Tensor, batch: Batch) -> Tensor:
    """The mean of an encoder's vectors, a decoder's at the last token that is no padding; shape BH."""
    if isinstance(loaded.model, EncoderClassifier):
        return mean_pooled(hidden_BTH, mask_BT=batch.mask_BT)
    is_word_BT = batch.ids_BT != loaded.pad_id  # as transformers' classifiers choose it
    last_B = (is_word_BT * torch.arange(is_word_BT.shape[1], device=is_word_BT.device)).argmax(1)
    return hidden_BTH[torch.arange(len(hidden_BTH)), last_B]


def _states_before(block: nn.Module, body: Any, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    seen: list[Tensor] = []

    def stop(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append(args[0] if args else kwargs["hidden_states"])
        raise _Reached

    hook = block.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        body(input_ids=ids_BT, attention_mask=mask_BT, **_no_cache(body))
    except _Reached:
        return seen[0]
    finally:
        hook.remove()
    raise AssertionError("a model runs through its blocks")


def _skip(made: Trunk, body: Any, blocks: nn.ModuleList) -> list[Callable[[], object]]:
    """Put on what makes known rows skip; returns what takes it off again."""
    hooks = [body.register_forward_pre_hook(lambda _m, args, kwargs: _look_up(made, args, kwargs), with_kwargs=True)]
    undo: list[Callable[[], object]] = [hook.remove for hook in hooks]
    if made.is_head_only:
        undo.append(put_on(body, _kept_output(made, body.forward)))
        return undo
    undo += [put_on(block, _passing(made, block.forward)) for block in blocks[: made.first_trained]]
    first = blocks[made.first_trained]
    undo.append(first.register_forward_pre_hook(lambda _m, a, k: _kept_input(made, a, k), with_kwargs=True).remove)
    return undo


def _look_up(made: Trunk, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    ids_BT: Tensor = args[0] if args else kwargs["input_ids"]
    mask_BT: Tensor = kwargs["attention_mask"]
    lengths = mask_BT.sum(1).tolist()
    kept: list[Any] = [made.states.get(_key(row[:n])) for row, n in zip(ids_BT.tolist(), lengths, strict=True)]
    made.now = None
    if any(state is None for state in kept):
        return
    now_BTH = torch.zeros(*ids_BT.shape, kept[0].shape[-1])
    for b, state in enumerate(kept):
        n = ids_BT.shape[1] if made.is_head_only else len(state)  # what the head reads stands at every position
        now_BTH[b, :n] = torch.from_numpy(state)
    made.now = now_BTH.to(ids_BT.device, made.dtype)


def _kept_output(made: Trunk, own: Any) -> Any:
    def forward(*args: Any, **kwargs: Any) -> Any:
        if made.now is None:
            return own(*args, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=made.now)

    return forward


def _passing(made: Trunk, own: Any) -> Any:
    def forward(*args: Any, **kwargs: Any) -> Any:
        if made.now is None:
            return own(*args, **kwargs)
        return args[0] if args else kwargs["hidden_states"]

    return forward


def _kept_input(made: Trunk, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
    if made.now is None:
        return None
    return ((made.now, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": made.now})


def _without_dropout(body: nn.Module, trained: nn.ModuleList) -> Callable[[], object]:
    """Dropout off in everything but the trained blocks."""
    stays = {id(m) for block in trained for m in block.modules()}
    before: list[tuple[Any, str, float]] = []
    for module in body.modules():
        if id(module) in stays:
            continue
        for name in ("p", "attention_dropout"):
            share = getattr(module, name, None)
            if isinstance(share, float) and share and (name != "p" or isinstance(module, nn.Dropout)):
                before.append((module, name, share))
                setattr(module, name, 0.0)

    def back() -> None:
        for module, name, share in before:
            setattr(module, name, share)

    return back


def _key(ids: Sequence[int]) -> bytes:
    return np.asarray(ids, np.int64).tobytes()

"""How many bytes of tensors are alive, and how many of them autograd keeps for the backward pass.

In: code that runs torch operations. Out: Live: the bytes now, their peak, and the bytes saved for backward, each
memory block counted once however many views of it there are. Its own file because a prediction of memory counts what
the real forward, backward and optimizer do, and does not know what they are made of.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

HEAP_BYTES = 32 * 2**20
"""glibc gives larger blocks back to the system when they are freed; smaller ones leave holes in its heap. Source:
mallopt(3), DEFAULT_MMAP_THRESHOLD_MAX on 64 bits."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The moment of most memory between two marks."""

    live: int
    saved: int
    """Of these, kept by autograd for a backward pass, and not there anyway."""
    large: int
    """Of these, in blocks above HEAP_BYTES that were made since counting settled."""


@dataclass(slots=True)  # a meter, which runs while it is read
class Live:
    """Bytes of the tensors that were made, or watched, since counting began."""

    now: int = 0
    saved: int = 0
    large: int = 0
    peak: Peak = Peak(0, 0, 0)
    """Since `mark` was called last."""
    _known: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    _saved: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    _watched: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)
    _settled: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet)

    def mark(self) -> Peak:
        """The peak since the last mark; a new one begins."""
        peak, self.peak = self.peak, Peak(self.now, self.saved, self.large)
        return peak

    def watch(self, tensors: Iterable[Tensor]) -> None:
        """Count tensors that were there before: weights."""
        for tensor in tensors:
            self.made(tensor)
            self._watched.add(tensor.untyped_storage())

    def settle(self) -> None:
        """What is alive now stays, whoever else keeps it, and is no more counted as saved."""
        self._settled.update(self._known)

    @property
    def watched(self) -> int:
        """Bytes of the watched tensors that are still there."""
        return sum(block.nbytes() for block in self._watched)

    def made(self, tensor: Tensor) -> None:
        block = tensor.untyped_storage()
        if block in self._known:
            return
        self._known.add(block)
        weakref.finalize(block, self._freed, block.nbytes())
        self.now += block.nbytes()
        if self._settled and block.nbytes() > HEAP_BYTES:
            weakref.finalize(block, self._unmapped, block.nbytes())
            self.large += block.nbytes()
        if self.now > self.peak.live:
            self.peak = Peak(self.now, self.saved, self.large)

    def kept(self, tensor: Tensor) -> Tensor:
        block = tensor.untyped_storage()
        if block not in self._saved and block not in self._settled:
            self._saved.add(block)
            weakref.finalize(block, self._released, block.nbytes())
            self.saved += block.nbytes()
        return tensor

    def _freed(self, size: int) -> None:
        self.now -= size

    def _unmapped(self, size: int) -> None:
        self.large -= size

    def _released(self, size: int) -> None:
        self.saved -= size


@contextmanager
def live_bytes() -> Iterator[Live]:
    """Counts what is made inside. On a processor backward runs on the calling thread, and is counted too."""
    live = Live()
    with _Counting(live), torch.autograd.graph.saved_tensors_hooks(live.kept, lambda tensor: tensor):
        yield live


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, live: Live) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = live

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for made in tree_iter(out):
            if isinstance(made, Tensor):
                self.live.made(made)
        return out

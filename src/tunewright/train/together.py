"""Several processes train one model: each takes a share of every batch, and what they counted is summed.

In: what torchrun tells a process. Out: Group, and the few things its members say to each other. Its own file because
the loop stays the same for one process and for many; rank 0 does everything else of a run alone. Members meet at
torchrun's own store before there is a process group, so that nobody's patience ends while rank 0 prepares the data.
Sums of gradients are the gradient of the sum, so there is no wrapper around the model (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

PATIENCE = timedelta(days=1)
"""Rank 0 validates, saves and prepares while the others wait."""
COUNTER, CALL = "tunewright/trainings", "tunewright/training/{}"


@dataclass(frozen=True, slots=True)
class Group:
    """Who trains together."""

    rank: int
    size: int


ALONE = Group(0, 1)


def call(inputs: bytes) -> Group:
    """Rank 0 starts a training; the others learn of it. ALONE when nobody launched others."""
    if not distributed.is_available() or not distributed.is_torchelastic_launched():
        return ALONE
    store, rank, size = _meeting()
    if size == 1:
        return ALONE
    store.set(CALL.format(store.add(COUNTER, 1)), inputs)
    _join(store, rank, size)
    return Group(rank, size)


def called(n: int) -> tuple[Group, bytes]:
    """The n-th training that rank 0 starts, counted from 1; empty when there is none any more."""
    store, rank, size = _meeting()
    store.wait([CALL.format(n)], PATIENCE)
    inputs: bytes = store.get(CALL.format(n))
    if inputs:
        _join(store, rank, size)
    return Group(rank, size), inputs


def dismiss() -> None:
    """Rank 0 is done: nobody waits any longer."""
    if distributed.is_available() and distributed.is_torchelastic_launched():
        store, rank, size = _meeting()
        if rank == 0 and size > 1:
            store.set(CALL.format(store.add(COUNTER, 1)), b"")
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def share(rows: Sequence[int], group: Group) -> Sequence[int]:
    """This member's rows of a batch, every size-th."""
    return rows[group.rank :: group.size]


def agreed(group: Group, number: int) -> int:
    """Rank 0's number, for everybody."""
    if group.size == 1:
        return number
    said = torch.tensor([number], dtype=torch.int64)
    distributed.broadcast(said, src=0)
    return int(said)


def summed(group: Group, parameters: Sequence[nn.Parameter], counts: Sequence[float]) -> tuple[float, ...]:
    """Counts of all members; afterwards every parameter holds the sum of its gradients."""
    if group.size == 1:
        return tuple(counts)
    totals = torch.tensor(counts, dtype=torch.float64)
    distributed.all_reduce(totals)
    gradients: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    whole = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(whole)
    for gradient, total in zip(gradients, torch.split(whole, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(total.view_as(gradient))
    return tuple(totals.tolist())


@lru_cache(maxsize=1)
def _meeting() -> tuple[Any, int, int]:
    """torchrun's store, this rank, how many there are."""
    store, rank, size = next(iter(rendezvous("env://")))
    store.set_timeout(PATIENCE)
    return store, rank, size


def _join(store: Any, rank: int, size: int) -> None:
    if distributed.is_initialized():
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(rank % torch.cuda.device_count())
    meeting = PrefixStore("tunewright/group", store)
    distributed.init_process_group(backend, store=meeting, rank=rank, world_size=size, timeout=PATIENCE)

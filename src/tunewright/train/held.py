"""What a training process really holds when it has trained, by the terms that were predicted.

In: a Training after its last step, the process before it and at its peak. Out: bytes by term. Its own file because a
prediction is judged by the same terms: what is counted exactly here, and what remains for the passes.
"""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from torch import Tensor

from tunewright.model.adapt import trainable_state
from tunewright.model.quantised import scales
from tunewright.train.loop import Training


def resident_bytes() -> int:
    """Of this process, now."""
    return int(psutil.Process().memory_info().rss)


def held_memory(training: Training, *, process: int, peak: int) -> dict[str, int]:
    """weights, gradients, optimizer, caches, process; passes: what of the peak is none of these.

    process: resident before the model was loaded. passes is activations, logits, copies and what the allocator holds.
    """
    model, trunk = training.model, training.trunk
    state = [value for of_one in training.optimizer.state.values() for value in of_one.values()]
    gradients = [p.grad for p in trainable_state(model).values() if p.grad is not None]
    terms = {
        "weights": _bytes([*model.parameters(), *model.buffers(), *scales(model)]),
        "gradients": _bytes(gradients),
        "optimizer": _bytes(value for value in state if isinstance(value, Tensor)),
        "caches": trunk.n_bytes if trunk is not None and trunk.where == "memory" else 0,
        "process": process,
    }
    return {**terms, "passes": max(0, peak - sum(terms.values()))}


def _bytes(tensors: Iterable[Tensor]) -> int:
    """Each block of memory once, however many views of it there are."""
    blocks = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(blocks.values())

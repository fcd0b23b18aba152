"""How far tuning moved the model on given rows: KL(base || tuned), and how much likelier each token became.

In: Pair and encoded rows. Out: a Move a row, in nats over its trained tokens. Its own file because it needs both
models' whole distributions at once, which no other score does.
Axes: N trained positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tunewright.core.values import IGNORE, Encoded, LossSum
from tunewright.model.forward import precision, trained_logits
from tunewright.model.load import Loaded
from tunewright.model.pair import Pair
from tunewright.text.batch import Batch, batch_of, by_length

NUMBERS_AT_ONCE = 100_000_000
"""Logits of one model in one pass: 400 MB, and three times that in all."""
LEAST_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Move:
    """What tuning did to the model's opinion of one row."""

    kl: LossSum = field(default_factory=LossSum)
    """KL(base || tuned), summed over the trained tokens; (0.0, 0) without one."""
    gains_nats: tuple[float, ...] = ()
    """Of each trained token: its log-probability after tuning less that before. Natural log."""


def moves(
    pair: Pair, encoded: Sequence[Encoded], *, progress: Callable[[int], None] = lambda _: None
) -> tuple[Move, ...]:
    """One for each row, in its order.

    The direction is base to tuned, over the base's whole distribution after the same tokens: what the base held likely
    and the tuned model does not costs most. Both models must have the same tokens.
    Measured on the new task it predicts forgetting. Source: Shenfeld, Pari, Agrawal 2025, RL's Razor, arXiv 2509.04259.
    """
    out = [Move()] * len(encoded)
    scored = [i for i, row in enumerate(encoded) if any(row.trained[1:])]
    size = max(LEAST_TOKENS, NUMBERS_AT_ONCE // pair.tuned.card.vocabulary_size)
    done = 0
    for group in by_length([encoded[i] for i in scored], max_tokens=size):
        positions = [scored[i] for i in group]
        for i, one in zip(positions, _of_group(pair, [encoded[i] for i in positions]), strict=True):
            out[i] = one
        done += len(positions)
        progress(done)
    return tuple(out)


def _of_group(pair: Pair, rows: Sequence[Encoded]) -> list[Move]:
    batch = batch_of(rows, pad_id=pair.tuned.pad_id, device=pair.tuned.device)
    targets_N = batch.targets_BT[batch.targets_BT != IGNORE]
    with torch.inference_mode():
        tuned_NV = _logits(pair.tuned, batch)
        with pair.base() as base:
            base_NV = _logits(base, batch)
        n_words = min(base_NV.shape[1], tuned_NV.shape[1])  # one may have spare rows in its embedding
        q_NV = base_NV[:, :n_words].log_softmax(-1)
        p_NV = tuned_NV[:, :n_words].log_softmax(-1)
        nats_N = (q_NV.exp() * (q_NV - p_NV)).sum(-1).double()
        gains_N = (p_NV - q_NV).gather(1, targets_N[:, None])[:, 0].tolist()
    counts = (batch.targets_BT != IGNORE).sum(1).tolist()
    starts = [sum(counts[:b]) for b in range(len(counts))]
    return [
        Move(LossSum(float(nats_N[i : i + n].sum()), n), tuple(gains_N[i : i + n]))
        for i, n in zip(starts, counts, strict=True)
    ]


def _logits(loaded: Loaded, batch: Batch) -> Tensor:
    with precision(loaded.device, loaded.dtype):
        return trained_logits(loaded.model, batch)

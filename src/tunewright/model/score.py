"""How likely the model finds given answers.

In: a language model and encoded rows. Out: nats per answer, and whether the end token is its first choice at the end.
Its own file because likelihood is the measure that needs no sampling and no judge.
Axes: N trained positions, B rows, T positions, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tunewright.core.values import IGNORE, Encoded
from tunewright.model.forward import precision, trained_logits
from tunewright.model.load import Loaded
from tunewright.model.vectors import SCORING_TOKENS
from tunewright.text.batch import batch_of, by_length

LOGIT_TOKENS = 1_024
"""Trained tokens of a pass: their logits are 200 MB for 49,152 words, and the softmax takes as much again."""


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """Likelihood of one row's trained tokens."""

    nats: float
    """Negative log-likelihood, summed; nan when the row has no trained token."""
    n_tokens: int
    is_end_argmax: bool | None
    """The last trained token is the model's first choice there; None without trained tokens."""


def answer_scores(
    loaded: Loaded, encoded: Sequence[Encoded], *, progress: Callable[[int], None] = lambda _: None
) -> tuple[AnswerScore, ...]:
    """One score for each element of `encoded`, in its order; batched by length, no gradients."""
    out: list[AnswerScore] = [AnswerScore(math.nan, 0, None)] * len(encoded)
    scored = [i for i, row in enumerate(encoded) if any(row.trained[1:])]
    done = 0
    for group in by_length([encoded[i] for i in scored], max_tokens=SCORING_TOKENS):
        for positions in _by_trained([scored[i] for i in group], encoded):
            for i, score in zip(positions, _group_scores(loaded, [encoded[i] for i in positions]), strict=True):
                out[i] = score
            done += len(positions)
            progress(done)
    return tuple(out)


def _by_trained(positions: Sequence[int], encoded: Sequence[Encoded]) -> Iterator[list[int]]:
    """In order, at most LOGIT_TOKENS trained tokens each, one row at least."""
    some: list[int] = []
    n = 0
    for i in positions:
        n_row = sum(encoded[i].trained)
        if some and n + n_row > LOGIT_TOKENS:
            yield some
            some, n = [], 0
        some.append(i)
        n += n_row
    if some:
        yield some


def _group_scores(loaded: Loaded, rows: Sequence[Encoded]) -> list[AnswerScore]:
    batch = batch_of(rows, pad_id=loaded.pad_id, device=loaded.device)
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        logits_NV = trained_logits(loaded.model, batch)
    targets_N = batch.targets_BT[batch.targets_BT != IGNORE]
    nats_N: Tensor = F.cross_entropy(logits_NV, targets_N, reduction="none")
    is_first_N = logits_NV.argmax(-1) == targets_N
    counts = (batch.targets_BT != IGNORE).sum(1).tolist()
    starts = [sum(counts[:b]) for b in range(len(counts))]
    return [
        AnswerScore(float(nats_N[i : i + n].double().sum()), n, bool(is_first_N[i + n - 1]))
        for i, n in zip(starts, counts, strict=True)
    ]

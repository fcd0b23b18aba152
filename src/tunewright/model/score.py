"""How likely the model finds given answers: references, and label names.

In: a language model and encoded rows. Out: nats per answer, and whether the end token is its first choice at the end.
Its own file because likelihood is the measure that needs no sampling and no judge.
Axes: N trained positions or questions, L labels, F tokens of all labels, T tokens before, V vocabulary.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tunewright.core.values import IGNORE, Encoded, Message
from tunewright.model.forward import precision, trained_logits
from tunewright.model.load import Loaded
from tunewright.model.vectors import SCORING_TOKENS
from tunewright.text.batch import batch_of, by_length
from tunewright.text.encode import encode_prompt


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
        positions = [scored[i] for i in group]
        for i, score in zip(positions, _group_scores(loaded, [encoded[i] for i in positions]), strict=True):
            out[i] = score
        done += len(positions)
        progress(done)
    return tuple(out)


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


def label_log_probabilities(
    loaded: Loaded,
    questions: Sequence[Sequence[Message]],
    *,
    labels: Sequence[str],
    progress: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float64]:
    """log-probability per UTF-8 byte of each label as the answer to each question, questions x labels.

    What all prompts begin with (the list of labels) is read once. The labels then stand side by side in one sequence,
    each seeing the prompt and itself only, so that the prompt's cached state is never copied per label.
    Ids are joined after the template's prompt, as when the model writes itself. Source: acc_norm of
    lm-evaluation-harness (length-normalised by bytes).
    """
    answers = [loaded.tokenizer(label, add_special_tokens=False)["input_ids"] for label in labels]
    longest = max(len(answer) for answer in answers)
    limit = loaded.card.context_tokens - longest
    prompts = [encode_prompt(q, tokenizer=loaded.tokenizer, max_length=limit).ids for q in questions]
    n_shared = min(_n_shared(prompts), min(len(ids) for ids in prompts) - 1)
    label_F = torch.tensor([i for i, answer in enumerate(answers) for _ in answer], device=loaded.device)
    place_F = torch.tensor([t for answer in answers for t in range(len(answer))], device=loaded.device)
    ids_F = torch.tensor([token for answer in answers for token in answer], device=loaded.device)
    is_seen_FF = (label_F[:, None] == label_F) & (place_F[:, None] >= place_F)
    n_bytes_L = np.array([max(1, len(label.encode())) for label in labels])
    out_NL = np.zeros((len(prompts), len(labels)))
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        shared = None
        if n_shared:
            head = torch.tensor([prompts[0][:n_shared]], device=loaded.device)
            shared = loaded.model(input_ids=head, use_cache=True, logits_to_keep=1).past_key_values
        for row, ids in enumerate(prompts):
            rest = torch.tensor([ids[n_shared:]], device=loaded.device)
            first = loaded.model(
                input_ids=rest, past_key_values=copy.deepcopy(shared), use_cache=True, logits_to_keep=1
            )
            is_seen_FT = torch.cat([is_seen_FF.new_ones(len(ids_F), len(ids)), is_seen_FF], dim=1)
            mask_11FT = torch.where(is_seen_FT, 0.0, torch.finfo(torch.float32).min)[None, None]
            logits_FV = loaded.model(
                input_ids=ids_F[None],
                position_ids=(len(ids) + place_F)[None],
                attention_mask=mask_11FT,
                past_key_values=first.past_key_values,
                use_cache=True,
            ).logits[0]
            before_FV = torch.cat([first.logits[0, -1:], logits_FV[:-1]])
            before_FV[place_F == 0] = first.logits[0, -1]
            log_p_F = -F.cross_entropy(before_FV.float(), ids_F, reduction="none").double()
            sums_L = torch.zeros(len(labels), dtype=torch.float64).index_add(0, label_F.cpu(), log_p_F.cpu())
            out_NL[row] = sums_L.numpy() / n_bytes_L
            progress(row + 1)
    return out_NL


def _n_shared(prompts: Sequence[tuple[int, ...]]) -> int:
    """Tokens that all prompts begin with: what the first and the last in sorted order share."""
    first, last = min(prompts), max(prompts)
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))

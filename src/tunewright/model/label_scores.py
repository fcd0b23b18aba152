"""How likely a language model finds each label as its answer.

In: a language model, questions, label names. Out: log-probabilities, questions x labels. Its own file because labels
are many and alike: what they share, and what the questions share, is read once.
Axes: B questions of a pass, N questions, L labels, W tokens of the longest rest of a prompt, F tokens of the labels'
trie that are read, E its edges, T = W + F, K what was read before and T, P = 1 + F positions that are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.values import Encoded, Message
from tunewright.model.forward import precision
from tunewright.model.label_trie import Trie, label_ids, trie_of
from tunewright.model.load import Loaded
from tunewright.model.score import answer_scores
from tunewright.model.shared_head import Head, logits_where, shared_head, state_of
from tunewright.text.batch import by_length
from tunewright.text.encode import encode_prompt

Progress = Callable[[int], None]
Questions = Sequence[Sequence[Message]]
Ids = tuple[int, ...]

CHUNK_QUESTIONS = 512
"""Tokenised at once: the ids of 10,000 questions that each repeat 77 labels would take 170 MB."""
PASS_TOKENS = 1_024
"""Padded tokens of a pass, one question at least: their logits are 200 MB for 49,152 words."""
SMALLEST_SHARE = 1e-6
"""Of a label's probability that is left to it when longer ones have all: logits in float32 know no less."""


def label_log_probabilities(
    loaded: Loaded, questions: Questions, *, labels: Sequence[str], progress: Progress = lambda _: None
) -> NDArray[np.float64]:
    """ln P(the answer begins with this label and no longer one), N x L; the labels' own ids behind the prompt's.

    What all prompts begin with (the list of labels) is read once. The labels stand as a trie behind the rest of each
    prompt, all in one pass, where a token sees the prompt and what its own label has before it.
    A family whose state a mask cannot govern reads each label by itself.
    """
    ids = label_ids(labels, tokenizer=loaded.tokenizer)
    trie, out_NL, done = trie_of(ids), np.zeros((len(questions), len(labels))), 0
    for chunk in chunks(loaded, questions, longest=max(map(len, ids))):
        for group in by_length(chunk.prompts, max_tokens=PASS_TOKENS, extra=len(trie.tokens_F) - chunk.n_shared):
            prompts = [chunk.prompts[i] for i in group]
            if chunk.head is None:
                sums_BL = _one_by_one(loaded, prompts, ids)
            else:
                with torch.inference_mode(), precision(loaded.device, loaded.dtype):
                    sums_BL = _side_by_side(loaded, chunk.head, prompts, trie)
            out_NL[[chunk.start + i for i in group]] = sums_BL
            done += len(group)
            progress(done)
    return without_longer(out_NL, ids)


def without_longer(log_p_NL: NDArray[np.float64], labels: Sequence[Ids]) -> NDArray[np.float64]:
    """Less what goes on to a longer label: `card` begins `card lost`, which could otherwise never be likelier.

    The events are then apart, so that their probabilities may be added. Unchanged where no label begins another.
    """
    out_NL = log_p_NL.copy()
    for i in sorted(range(len(labels)), key=lambda i: len(labels[i]), reverse=True):
        longer = [j for j, ids in enumerate(labels) if len(ids) > len(labels[i]) and ids[: len(labels[i])] == labels[i]]
        if longer:
            share_N = np.exp(np.logaddexp.reduce(out_NL[:, longer], axis=1) - log_p_NL[:, i])
            out_NL[:, i] += np.log1p(-np.minimum(share_N, 1 - SMALLEST_SHARE))
    return out_NL


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of the questions as ids, and what they all begin with."""

    start: int
    prompts: list[Ids]
    head: Head | None

    @property
    def n_shared(self) -> int:
        return self.head.n_tokens if self.head else 0


def chunks(loaded: Loaded, questions: Questions, *, longest: int) -> Iterator[Chunk]:
    """In order. longest: tokens that must still fit behind a prompt."""
    limit = loaded.card.context_tokens - longest
    for start in range(0, len(questions), CHUNK_QUESTIONS):
        some = questions[start : start + CHUNK_QUESTIONS]
        prompts = [encode_prompt(q, tokenizer=loaded.tokenizer, max_length=limit).ids for q in some]
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            head = shared_head(loaded, prompts)
        yield Chunk(start, prompts, head)


def _side_by_side(loaded: Loaded, head: Head, prompts: Sequence[Ids], trie: Trie) -> NDArray[np.float64]:
    """B x L, in one pass over the rests of the prompts and the trie behind each."""
    rests = [ids[head.n_tokens :] for ids in prompts]
    B, W, F, S = len(rests), max(map(len, rests)), len(trie.tokens_F), head.n_tokens
    ids_BT = torch.full((B, W + F), loaded.pad_id)
    positions_BT = torch.arange(W + F).repeat(B, 1) + S
    sees_BTK = torch.zeros(B, W + F, S + W + F, dtype=torch.bool)
    is_scored_BT = torch.zeros(B, W + F, dtype=torch.bool)
    sees_BTK[:, :, :S] = True
    sees_BTK[:, :W, S : S + W] = torch.ones(W, W, dtype=torch.bool).tril()
    sees_BTK[:, W:, S + W :] = torch.from_numpy(trie.sees)
    ids_BT[:, W:] = torch.tensor(trie.tokens_F, dtype=torch.long)
    is_scored_BT[:, W:] = True
    for b, rest in enumerate(rests):
        ids_BT[b, : len(rest)] = torch.tensor(rest)
        positions_BT[b, W:] = S + len(rest) + torch.tensor(trie.depths_F, dtype=torch.long)
        sees_BTK[b, W:, S : S + len(rest)] = True
        is_scored_BT[b, len(rest) - 1] = True  # what it says is the labels' first tokens
    on = loaded.device
    logits_NV = logits_where(
        loaded,
        ids_BT.to(on),
        positions_BT=positions_BT.to(on),
        sees_BTK=sees_BTK.to(on),
        is_wanted_BT=is_scored_BT.to(on),
        cache=state_of(head, B),
    )
    logits_BPV = logits_NV.view(B, 1 + F, -1)
    before_E, token_E = (torch.tensor(column, device=on) for column in zip(*trie.edges_E, strict=True))
    log_p_BE = (logits_BPV[:, before_E + 1, token_E] - logits_BPV.logsumexp(-1)[:, before_E + 1]).double().cpu().numpy()
    return np.stack([log_p_BE[:, list(path)].sum(1) for path in trie.paths], axis=1)


def _one_by_one(loaded: Loaded, prompts: Sequence[Ids], labels: Sequence[Ids]) -> NDArray[np.float64]:
    """B x L, each label behind its own copy of the prompt."""
    rows = [
        Encoded("", (*prompt, *label), (False,) * len(prompt) + (True,) * len(label))
        for prompt in prompts
        for label in labels
    ]
    return -np.array([score.nats for score in answer_scores(loaded, rows)]).reshape(len(prompts), len(labels))

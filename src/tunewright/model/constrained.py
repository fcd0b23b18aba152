"""Greedy decoding where nothing but a label can be written.

In: a language model, questions, label names. Out: the place of one label for each question. Its own file because here
the answer is written token by token, where label_scores weighs all of them.
Axes: B questions of a pass, N questions, W tokens of the longest rest of a prompt, T positions read now, K all that
were read, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.values import Encoded
from tunewright.model.forward import precision, trained_logits
from tunewright.model.label_scores import PASS_TOKENS, Ids, Progress, Questions, chunks
from tunewright.model.label_trie import label_ids
from tunewright.model.load import Loaded
from tunewright.model.shared_head import Head, logits_where, state_of
from tunewright.text.batch import batch_of, by_length
from tunewright.text.chat import end_token_ids


def constrained_labels(
    loaded: Loaded, questions: Questions, *, labels: Sequence[str], progress: Progress = lambda _: None
) -> NDArray[np.int64]:
    """At each token the likeliest of those that go on to a label; N places in `labels`.

    One that is another's beginning is taken by writing an end token there. A question is done as soon as one label is
    left, so it costs its prompt and a few tokens, however many labels there are.
    """
    ids, ends = label_ids(labels, tokenizer=loaded.tokenizer), end_token_ids(loaded.tokenizer)
    out_N, done = np.zeros(len(questions), dtype=np.int64), 0
    for chunk in chunks(loaded, questions, longest=max(map(len, ids))):
        for group in by_length(chunk.prompts, max_tokens=PASS_TOKENS, extra=-chunk.n_shared):
            prompts = [chunk.prompts[i] for i in group]
            with torch.inference_mode(), precision(loaded.device, loaded.dtype):
                reader = _Cached(loaded, chunk.head, prompts) if chunk.head else _Again(loaded, prompts)
                out_N[[chunk.start + i for i in group]] = _chosen(reader, len(group), ids, ends)
            done += len(group)
            progress(done)
    return out_N


def _chosen(reader: _Cached | _Again, n_rows: int, labels: Sequence[Ids], ends: Sequence[int]) -> list[int]:
    left = [list(range(len(labels))) for _ in range(n_rows)]
    """Labels that begin with what is written, by row."""
    rows, depth, logits_BV = list(range(n_rows)), 0, reader.first()
    while True:
        going: list[tuple[int, int]] = []
        for place, row in enumerate(rows):
            token = _likeliest(logits_BV[place], [labels[i][depth : depth + 1] for i in left[row]], ends)
            left[row] = [i for i in left[row] if labels[i][depth : depth + 1] == token]
            if token and len({labels[i] for i in left[row]}) > 1:
                going.append((place, token[0]))
        if not going:
            return [some[0] for some in left]
        rows, depth = [rows[place] for place, _ in going], depth + 1
        logits_BV = reader.next([place for place, _ in going], [token for _, token in going])


def _likeliest(logits_V: Tensor, options: Sequence[Ids], ends: Sequence[int]) -> Ids:
    """One of the options, each a token or empty: the label is whole, and an end token would be written."""
    distinct = list(dict.fromkeys(options))
    return max(distinct, key=lambda token: max(float(logits_V[i]) for i in (token or ends)))


class _Cached:  # its cache grows with every token
    """Reads on from the head's state; rows that are done are left out of it."""

    def __init__(self, loaded: Loaded, head: Head, prompts: Sequence[Ids]) -> None:
        self.loaded, self.rests = loaded, [ids[head.n_tokens :] for ids in prompts]
        self.cache = state_of(head, len(prompts))
        width = max(map(len, self.rests))
        self.sees_BK = torch.ones(len(prompts), head.n_tokens + width, dtype=torch.bool)
        for b, rest in enumerate(self.rests):
            self.sees_BK[b, head.n_tokens + len(rest) :] = False
        self.next_B = torch.tensor([len(ids) for ids in prompts])
        self.n_head = head.n_tokens

    def first(self) -> Tensor:
        """logits_BV of the first token that is written."""
        W, S = max(map(len, self.rests)), self.n_head
        ids_BT = torch.full((len(self.rests), W), self.loaded.pad_id)
        is_last_BT = torch.zeros(len(self.rests), W, dtype=torch.bool)
        for b, rest in enumerate(self.rests):
            ids_BT[b, : len(rest)] = torch.tensor(rest)
            is_last_BT[b, len(rest) - 1] = True
        sees_TK = torch.ones(W, S + W, dtype=torch.bool).tril(S)
        positions_BT = torch.arange(S, S + W).expand(len(self.rests), -1)
        return self._logits(ids_BT, positions_BT, sees_TK.expand(len(self.rests), -1, -1), is_last_BT)

    def next(self, places: list[int], tokens: list[int]) -> Tensor:
        """logits_BV after these tokens, one for each place of the last answer; the other rows are done."""
        if len(places) < len(self.next_B):
            self.cache.batch_select_indices(torch.tensor(places, device=self.loaded.device))
            self.sees_BK, self.next_B = self.sees_BK[places], self.next_B[places]
        self.sees_BK = torch.cat([self.sees_BK, torch.ones(len(places), 1, dtype=torch.bool)], dim=1)
        positions_BT, self.next_B = self.next_B[:, None], self.next_B + 1
        ids_BT = torch.tensor(tokens)[:, None]
        return self._logits(ids_BT, positions_BT, self.sees_BK[:, None], torch.ones_like(ids_BT, dtype=torch.bool))

    def _logits(self, ids_BT: Tensor, positions_BT: Tensor, sees_BTK: Tensor, is_wanted_BT: Tensor) -> Tensor:
        on = self.loaded.device
        return logits_where(
            self.loaded,
            ids_BT.to(on),
            positions_BT=positions_BT.to(on),
            sees_BTK=sees_BTK.to(on),
            is_wanted_BT=is_wanted_BT.to(on),
            cache=self.cache,
        ).cpu()


class _Again:  # what is written is added to its rows
    """Reads everything again for each token: for families whose state cannot be handed on."""

    def __init__(self, loaded: Loaded, prompts: Sequence[Ids]) -> None:
        self.loaded, self.rows = loaded, list(prompts)

    def first(self) -> Tensor:
        trained = [(*(False,) * len(ids), True) for ids in self.rows]
        rows = [Encoded("", (*ids, self.loaded.pad_id), mask) for ids, mask in zip(self.rows, trained, strict=True)]
        batch = batch_of(rows, pad_id=self.loaded.pad_id, device=self.loaded.device)
        return trained_logits(self.loaded.model, batch).cpu()

    def next(self, places: list[int], tokens: list[int]) -> Tensor:
        self.rows = [(*self.rows[place], token) for place, token in zip(places, tokens, strict=True)]
        return self.first()

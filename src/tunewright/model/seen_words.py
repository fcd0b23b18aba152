"""Of a large word embedding that is trained, only the rows of words that the data hold: no other gets a gradient.

In: a model ready to be trained, and every row that will go through it. Out: a context in which that embedding's weight
is the small matrix of those words. Its own file because weight, gradient, the optimizer's two moments and checkpoints
all shrink with it: an encoder's 30,522 words are half of its weights, and banking77 holds 2,421 of them
(docs/decisions/0013-training-on-a-processor.md).
Axes: W words of the vocabulary, S words seen, H hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tunewright.model.forward import put_on

WORTH_IT = 0.5
"""Share of words seen up to which a second, smaller matrix is made."""
_UNSEEN = -1


@contextmanager
def seen_words(model: nn.Module, rows: Iterable[Sequence[int]], *, pad_id: int) -> Iterator[int | None]:
    """Inside, only the words of `rows` can be looked up and are trained; yields how many, None: nothing is changed.

    The same weights are learned as without it, but for weight decay: words that never occur keep the weights they had.
    A word that was not announced raises IndexError. Nothing is changed where the output layer shares the weight (its
    softmax gives every word a gradient), the embedding is frozen or no plain nn.Embedding, or most words occur.
    """
    module = _trained_embedding(model)
    seen = {pad_id}.union(*rows) if module is not None else set()
    if module is None or len(seen) > WORTH_IT * module.num_embeddings:
        yield None
        return
    seen_S = torch.tensor(sorted(seen))
    whole_WH, own, padding = module.weight.data, module.forward, module.padding_idx
    place_W = torch.full((len(whole_WH),), _UNSEEN)
    place_W[seen_S] = torch.arange(len(seen_S))
    place_W, seen_S = place_W.to(whole_WH.device), seen_S.to(whole_WH.device)

    def looked_up(ids: Tensor) -> Tensor:
        vectors: Tensor = own(place_W[ids])
        return vectors

    take_off = put_on(module, looked_up)
    module.weight.data = whole_WH[seen_S]
    module.padding_idx = None if padding is None else _place(place_W, padding)
    try:
        yield len(seen_S)
    finally:
        take_off()
        whole_WH[seen_S] = module.weight.data
        module.weight.data, module.padding_idx = whole_WH, padding


def _place(place_W: Tensor, word: int) -> int | None:
    place = int(place_W[word])
    return None if place == _UNSEEN else place


def _trained_embedding(model: nn.Module) -> nn.Embedding | None:
    """The plain word embedding of the transformer inside, where its weight is trained and nobody else's."""
    inside: Any = next((m for m in model.modules() if isinstance(m, PreTrainedModel)), None)
    module = inside.get_input_embeddings() if inside is not None else None
    if type(module) is not nn.Embedding or not module.weight.requires_grad:
        return None
    owners = sum(getattr(m, "weight", None) is module.weight for m in model.modules())
    return module if owners == 1 else None

"""The next token: the likeliest, or a draw.

In: logits and how to choose. Out: a token. Its own file because a draw must depend on its own seed alone, whoever else
is written beside it.
Axes: V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tunewright.serve.queue.wanted import Sampling


def generator_of(sampling: Sampling) -> torch.Generator:
    """The source of one answer's draws."""
    source = torch.Generator()
    if sampling.seed is None:
        source.seed()
    else:
        source.manual_seed(sampling.seed)
    return source


def chosen(logits_V: Tensor, sampling: Sampling, source: torch.Generator) -> int:
    """The likeliest token at temperature 0, the lowest id of several; else a draw.

    Source: Holtzman et al. 2020 (nucleus sampling): the fewest likeliest tokens whose probabilities reach top_p.

    >>> chosen(torch.tensor([0.0, 2.0, 1.0]), Sampling(), torch.Generator())
    1
    """
    if sampling.temperature == 0:
        return int(logits_V.argmax())
    logits_V = logits_V.double().cpu()  # a temperature may be smaller than float32 knows
    p_V = torch.softmax((logits_V - logits_V.max()) / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        sorted_V, ids_V = p_V.sort(descending=True, stable=True)
        is_out_V = sorted_V.cumsum(-1) - sorted_V >= sampling.top_p
        p_V = p_V.scatter(0, ids_V, sorted_V.masked_fill(is_out_V, 0.0))
    return int(torch.multinomial(p_V, 1, generator=source))

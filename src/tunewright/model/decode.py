"""Decoding of many prompts at once: a row that is done gives its place to the next prompt.

In: a language model and prompts as ids. Out: the ids that follow each. Its own file because who gets a place, and
which families can be written so, is the same question for an evaluation and for a server.
Axes: B rows, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList
from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList

from tunewright.model.forward import precision, unwrapped
from tunewright.model.load import Loaded
from tunewright.model.places import Choose, Ids, Places
from tunewright.model.shared_head import is_plain

GREEDY: Mapping[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    **dict.fromkeys(("temperature", "top_p", "top_k")),
}
"""For transformers' own loop: the likeliest token, whatever a checkpoint's generation_config.json asks for."""
GENERATION_TOKENS = 6_000
"""Prompt and answer tokens of all places: bounds the key-value cache (SmolLM2 in float32: 46 kB a token)."""
SLACK_COLUMNS = 64
"""Columns beyond the longest row: how many tokens are written before the cache is moved to its left end."""

_ASKED = {"input_ids", "position_ids", "attention_mask", "past_key_values", "logits_to_keep"}
Heard = Callable[[int, int], bool]
"""Told the place of a prompt and its next token; True: it goes on."""


def is_decodable(loaded: Loaded) -> bool:
    """The family takes positions and a mask, and its state is keys and values of every token; costs a token."""
    model = unwrapped(loaded.model)
    if not set(inspect.signature(model.forward).parameters) >= _ASKED:
        return False
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        ids = torch.tensor([[loaded.pad_id]], device=loaded.device)
        return is_plain(loaded.model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values)


def decode(loaded: Loaded, prompts: Sequence[Ids], *, max_new_tokens: int, heard: Heard) -> None:
    """Every prompt's likeliest next tokens until it goes no further, at most max_new_tokens.

    The longest prompts start, as many as fit into GENERATION_TOKENS, one at least; each is read alone, without padding.
    """
    waiting = deque(sorted(range(len(prompts)), key=lambda i: len(prompts[i]), reverse=True))
    longest = len(prompts[waiting[0]]) + max_new_tokens
    n_places = max(1, min(len(prompts), GENERATION_TOKENS // longest))
    n_written = [0] * len(prompts)

    def goes_on(i: int, token: int) -> bool:
        n_written[i] += 1
        return heard(i, token) and n_written[i] < max_new_tokens

    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        places = Places(loaded, n_places=n_places, n_columns=longest + SLACK_COLUMNS)
        while waiting or places.rows:
            while waiting and len(places.rows) < n_places:
                i = waiting.popleft()
                token = places.read(i, prompts[i])
                if not goes_on(i, token):
                    places.leave(len(places.rows) - 1)
            said = list(zip(places.rows, places.write(), strict=True)) if places.rows else []
            for b, (i, token) in reversed(list(enumerate(said))):  # from behind: who leaves is replaced by the last
                if not goes_on(i, token):
                    places.leave(b)


def decode_alone(
    loaded: Loaded, prompt: Ids, *, max_new_tokens: int, choose: Choose, heard: Callable[[int], bool]
) -> None:
    """The same for one prompt of any family, by transformers' own loop: for those that is_decodable refuses.

    heard: told each token; False ends it.
    """
    chooser = _Chooser(choose, heard)
    ids = torch.tensor([list(prompt)], device=loaded.device)
    model: Any = loaded.model
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            **GREEDY,
            eos_token_id=None,
            pad_token_id=loaded.pad_id,
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([_Stopped(chooser)]),
        )


class _Chooser(LogitsProcessor):  # type: ignore[misc]  # transformers' hook before a token is chosen
    """Leaves one token to choose: ours."""

    def __init__(self, choose: Choose, heard: Callable[[int], bool]) -> None:
        self.choose, self.heard, self.goes_on = choose, heard, True

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        [token] = self.choose([0], scores)
        self.goes_on = self.heard(token)
        only = torch.full_like(scores, -torch.inf)
        only[:, token] = 0.0
        return only


class _Stopped(StoppingCriteria):  # type: ignore[misc]  # transformers' hook after a token was chosen
    def __init__(self, chooser: _Chooser) -> None:
        self.chooser = chooser

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        return torch.full((len(input_ids),), not self.chooser.goes_on, device=input_ids.device)

"""Answers: prompts in, texts out, greedy, many at a time.

In: prompts as Encoded and a language model. Out: Answer: the text, whether it stopped by itself, its tokens.
Its own file because evaluation, chat and serving must write the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.generation.streamers import BaseStreamer

from tunewright.core.values import Encoded
from tunewright.model.decode import GENERATION_TOKENS, GREEDY, decode, is_decodable
from tunewright.model.forward import precision
from tunewright.model.load import Loaded
from tunewright.text.batch import by_length
from tunewright.text.chat import end_token_ids

HALF = "\ufffd"
"""What decoding the first bytes of a longer character gives."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote after one prompt."""

    text: str
    ids: tuple[int, ...]
    """Without the end token."""
    is_stopped: bool
    """The model ended the answer itself; False: the cap did."""


def answers(
    loaded: Loaded,
    prompts: Sequence[Encoded],
    *,
    max_new_tokens: int,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Answer, ...]:
    """Greedy answers in the order of `prompts`; the same prompts give the same answers each time.

    progress: told how many are done.
    """
    if not prompts:
        return ()
    ends = end_token_ids(loaded.tokenizer)
    if not is_decodable(loaded):
        return _answers_by_family(loaded, prompts, max_new_tokens=max_new_tokens, ends=ends, progress=progress)
    ids: list[list[int]] = [[] for _ in prompts]
    n_open = len(prompts)

    def heard(i: int, token: int) -> bool:
        nonlocal n_open
        ids[i].append(token)
        goes_on = token not in ends and len(ids[i]) < max_new_tokens
        n_open -= not goes_on
        if not goes_on:
            progress(len(prompts) - n_open)
        return goes_on

    decode(loaded, [prompt.ids for prompt in prompts], max_new_tokens=max_new_tokens, heard=heard)
    return tuple(_answer(loaded, some, ends=ends) for some in ids)


def streamed_answer(loaded: Loaded, prompt: Encoded, *, max_new_tokens: int, tell: Callable[[str], None]) -> Answer:
    """The same answer as from `answers` for this prompt alone, told while it is written; what was told, joined, is the
    answer's text.

    tell may raise to stop the writing: KeyboardInterrupt passes through.
    """
    ends = end_token_ids(loaded.tokenizer)
    pieces = _Pieces(loaded, ends=ends, tell=tell)
    if is_decodable(loaded):
        decode(loaded, [prompt.ids], max_new_tokens=max_new_tokens, heard=lambda _, token: pieces.add(token))
    else:
        _batch_ids(loaded, [prompt.ids], max_new_tokens=max_new_tokens, ends=ends, streamer=pieces)
    answer = _answer(loaded, pieces.ids, ends=ends)
    pieces.say(answer.text, is_whole=True)
    return answer


class _Pieces(BaseStreamer):  # type: ignore[misc]  # transformers' hook for tokens as they come; it holds those so far
    def __init__(self, loaded: Loaded, *, ends: Sequence[int], tell: Callable[[str], None]) -> None:
        self.loaded, self.ends, self.tell = loaded, ends, tell
        self.ids: list[int] = []
        self.said, self.has_begun = "", False

    def add(self, token: int) -> bool:
        """Says what is new with it; False: it ends the answer."""
        self.ids.append(token)
        self.say(_answer(self.loaded, self.ids, ends=self.ends).text)
        return token not in self.ends

    def put(self, value: Tensor) -> None:
        if not self.has_begun:  # the first call brings the prompt
            self.has_begun = True
            return
        for token in value.flatten().tolist():
            self.add(token)

    def end(self) -> None:
        """transformers calls it after the last token; the whole text is said by who asked for it."""

    def say(self, text: str, *, is_whole: bool = False) -> None:
        """What is new of the text so far; half a character at its end waits for its other half."""
        if len(text) > len(self.said) and (is_whole or not text.endswith(HALF)):
            self.tell(text[len(self.said) :])
            self.said = text


def _answers_by_family(
    loaded: Loaded,
    prompts: Sequence[Encoded],
    *,
    max_new_tokens: int,
    ends: Sequence[int],
    progress: Callable[[int], None],
) -> tuple[Answer, ...]:
    """By transformers' own loop, for families whose state is not keys and values of every token.

    Prompts are padded on the left within a batch; positions and mask leave the padding out.
    """
    out: list[Answer] = [Answer("", (), is_stopped=False)] * len(prompts)
    done = 0
    for group in by_length(prompts, max_tokens=GENERATION_TOKENS, extra=max_new_tokens):
        some = [prompts[i].ids for i in group]
        written = _batch_ids(loaded, some, max_new_tokens=max_new_tokens, ends=ends)
        for i, ids in zip(group, written, strict=True):
            out[i] = _answer(loaded, ids, ends=ends)
        done += len(group)
        progress(done)
    return tuple(out)


def _batch_ids(
    loaded: Loaded,
    prompts: Sequence[tuple[int, ...]],
    *,
    max_new_tokens: int,
    ends: Sequence[int],
    streamer: BaseStreamer | None = None,
) -> list[list[int]]:
    width = max(len(ids) for ids in prompts)
    ids_BT = torch.tensor([(loaded.pad_id,) * (width - len(ids)) + ids for ids in prompts], device=loaded.device)
    mask_BT = torch.tensor([(0,) * (width - len(ids)) + (1,) * len(ids) for ids in prompts], device=loaded.device)
    model: Any = loaded.model
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        written_BT = model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            max_new_tokens=max_new_tokens,
            **GREEDY,
            eos_token_id=list(ends),
            pad_token_id=loaded.pad_id,
            streamer=streamer,
        )[:, width:]
    found: list[list[int]] = written_BT.tolist()
    return found


def _answer(loaded: Loaded, ids: list[int], *, ends: Sequence[int]) -> Answer:
    stop = next((i for i, token in enumerate(ids) if token in ends), None)
    kept = tuple(ids if stop is None else ids[:stop])
    # No clean-up of spaces: it changes what stands already, and the model has learned its texts without it.
    text = loaded.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Answer(str(text).strip(), kept, is_stopped=stop is not None)

"""Answers: ids in, ids out, greedy, in batches.

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
from tunewright.model.forward import precision
from tunewright.model.load import Loaded
from tunewright.text.batch import by_length
from tunewright.text.chat import end_token_ids

GENERATION_TOKENS = 6_000
"""Padded prompt and answer tokens of one batch: bounds the key-value cache (SmolLM2 in float32: 46 kB a token)."""

_HALF = "\ufffd"
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
    """Greedy answers in the order of `prompts`; the same prompt gives the same answer each time.

    Prompts are padded on the left within a batch; positions and mask leave the padding out.
    """
    ends = end_token_ids(loaded.tokenizer)
    out: list[Answer] = [Answer("", (), is_stopped=False)] * len(prompts)
    done = 0
    for group in by_length(prompts, max_tokens=GENERATION_TOKENS, extra=max_new_tokens):
        written = _batch_answers(loaded, [prompts[i].ids for i in group], max_new_tokens=max_new_tokens, ends=ends)
        for i, answer in zip(group, written, strict=True):
            out[i] = answer
        done += len(group)
        progress(done)
    return tuple(out)


def streamed_answer(loaded: Loaded, prompt: Encoded, *, max_new_tokens: int, tell: Callable[[str], None]) -> Answer:
    """The same answer as from `answers`, told while it is written; what was told, joined, is the answer's text.

    tell may raise to stop the writing: KeyboardInterrupt passes through.
    """
    ends = end_token_ids(loaded.tokenizer)
    pieces = _Pieces(loaded, ends=ends, tell=tell)
    (answer,) = _batch_answers(loaded, [prompt.ids], max_new_tokens=max_new_tokens, ends=ends, streamer=pieces)
    pieces.say(answer.text, is_whole=True)
    return answer


class _Pieces(BaseStreamer):  # type: ignore[misc]  # transformers' hook for tokens as they come; it holds those so far
    def __init__(self, loaded: Loaded, *, ends: Sequence[int], tell: Callable[[str], None]) -> None:
        self.loaded, self.ends, self.tell = loaded, ends, tell
        self.ids: list[int] | None = None
        self.said = ""

    def put(self, value: Tensor) -> None:
        if self.ids is None:  # the first call brings the prompt
            self.ids = []
            return
        self.ids += value.flatten().tolist()
        self.say(_answer(self.loaded, self.ids, ends=self.ends).text)

    def end(self) -> None:
        """transformers calls it after the last token; the whole text is said by who asked for it."""

    def say(self, text: str, *, is_whole: bool = False) -> None:
        """What is new of the text so far; half a character at its end waits for its other half."""
        if len(text) > len(self.said) and (is_whole or not text.endswith(_HALF)):
            self.tell(text[len(self.said) :])
            self.said = text


def _batch_answers(
    loaded: Loaded,
    prompts: Sequence[tuple[int, ...]],
    *,
    max_new_tokens: int,
    ends: Sequence[int],
    streamer: BaseStreamer | None = None,
) -> list[Answer]:
    width = max(len(ids) for ids in prompts)
    ids_BT = torch.tensor([(loaded.pad_id,) * (width - len(ids)) + ids for ids in prompts], device=loaded.device)
    mask_BT = torch.tensor([(0,) * (width - len(ids)) + (1,) * len(ids) for ids in prompts], device=loaded.device)
    model: Any = loaded.model
    with torch.inference_mode(), precision(loaded.device, loaded.dtype):
        written_BT = model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=list(ends),
            pad_token_id=loaded.pad_id,
            streamer=streamer,
        )[:, width:]
    return [_answer(loaded, ids_T.tolist(), ends=ends) for ids_T in written_BT]


def _answer(loaded: Loaded, ids: list[int], *, ends: Sequence[int]) -> Answer:
    stop = next((i for i, token in enumerate(ids) if token in ends), None)
    kept = tuple(ids if stop is None else ids[:stop])
    # No clean-up of spaces: it changes what stands already, and the model has learned its texts without it.
    text = loaded.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Answer(str(text).strip(), kept, is_stopped=stop is not None)

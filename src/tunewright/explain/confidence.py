"""What a model answers, and how sure it stays of that answer when its text is changed.

In: a Loaded and rows. Out: Answer; log-probabilities of that one answer for other rows. Its own file because an
explanation asks exactly as evaluation and prediction ask: one renderer, one encoder, one scorer.
Axes: N rows, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Encoded, Row
from tunewright.model.classes import class_probabilities
from tunewright.model.generate import answers
from tunewright.model.load import Loaded
from tunewright.model.score import answer_scores
from tunewright.text.chat import end_token_ids
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import prompt_of, render

LEAST_PROBABILITY = 1e-30
"""A class of probability 0 in float32 gets this one: 69 nats is as sure as anything needs to be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's own answer to one row."""

    text: str
    """The label, or the greedy answer."""
    ids: tuple[int, ...] = ()
    """generate: as they were written, closed by the end of a turn when the model ended the answer itself; never empty.
    Empty for a label."""
    prompt_tokens: int = 0
    """generate: a longer prompt was cut to this before the answer was written."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How likely the model finds one answer."""

    log_p_nats: float
    """Of the whole answer."""
    n_tokens: int
    """1 for a label."""

    @property
    def probability(self) -> float:
        """Of the label; of the answer's tokens in the geometric mean, which a long answer does not bring to 0."""
        return math.exp(self.log_p_nats / self.n_tokens) if self.n_tokens else math.nan


def own_answer(loaded: Loaded, row: Row, *, max_length: int, max_new_tokens: int) -> Answer:
    """The likeliest label, or the greedy answer of at most max_new_tokens."""
    if loaded.task == "classify":
        [p_C] = label_probabilities(loaded, [row], max_length=max_length)
        return Answer(loaded.labels[int(p_C.argmax())])
    limit = loaded.card.context_tokens - max_new_tokens
    [written] = answers(loaded, [_prompt(loaded, row, limit)], max_new_tokens=max_new_tokens)
    end = end_token_ids(loaded.tokenizer)[:1] if written.is_stopped else ()
    return Answer(written.text, ids=(*written.ids, *end), prompt_tokens=limit)


def confidences(loaded: Loaded, rows: Sequence[Row], *, answer: Answer, max_length: int) -> tuple[Confidence, ...]:
    """Of this answer, whatever the model would now prefer; one for each row, in order.

    max_length: of a text to be labelled. A written answer's ids are put behind the prompt that a row asks with, as when
    it was written: rendered anew, its text might become other ids, or push the prompt out of max_length.
    """
    if loaded.task == "classify":
        p_NC = label_probabilities(loaded, rows, max_length=max_length)
        p_N = np.maximum(p_NC[:, loaded.labels.index(answer.text)], LEAST_PROBABILITY)
        return tuple(Confidence(float(log_p), 1) for log_p in np.log(p_N))
    prompts = [_prompt(loaded, row, answer.prompt_tokens) for row in rows]
    encoded = [
        Encoded(row.row_id, prompt.ids + answer.ids, (False,) * len(prompt) + (True,) * len(answer.ids))
        for row, prompt in zip(rows, prompts, strict=True)
    ]
    return tuple(Confidence(-score.nats, score.n_tokens) for score in answer_scores(loaded, encoded))


def _prompt(loaded: Loaded, row: Row, max_length: int) -> Encoded:
    return encode_prompt(prompt_of(row.messages), tokenizer=loaded.tokenizer, max_length=max_length)


def label_probabilities(loaded: Loaded, rows: Sequence[Row], *, max_length: int) -> NDArray[np.float64]:
    """p_NC of a classifier, in the order of its labels."""
    examples = [render(row, task=loaded.task, labels=loaded.labels) for row in rows]
    encoded = encode(examples, tokenizer=loaded.tokenizer, task=loaded.task, max_length=max_length)
    return class_probabilities(loaded, encoded)

"""What a model answers, and how sure it stays of that answer when its text is changed.

In: a Loaded and rows. Out: Answer; log-probabilities of that one answer for other rows. Its own file because an
explanation asks exactly as evaluation and prediction ask: one renderer, one encoder, one scorer.
Axes: N rows, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Encoded, Message, Row
from tunewright.model.classes import class_probabilities
from tunewright.model.generate import answers
from tunewright.model.load import Loaded
from tunewright.model.score import answer_scores
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import prompt_of, render

LEAST_PROBABILITY = 1e-30
"""A class of probability 0 in float32 gets this one: 69 nats is as sure as anything needs to be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's own answer to one row."""

    text: str
    """The label, or the greedy answer."""
    is_stopped: bool = True
    """generate: the model ended it itself; else its end is not part of the answer."""
    prompt_tokens: int | None = None
    """generate: the most that it was asked with, a longer prompt was cut to this; None: max_length holds for both."""


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
        [p_C] = _class_probabilities(loaded, [row], max_length=max_length)
        return Answer(loaded.labels[int(p_C.argmax())])
    limit = loaded.card.context_tokens - max_new_tokens
    prompt = encode_prompt(prompt_of(row.messages), tokenizer=loaded.tokenizer, max_length=limit)
    [written] = answers(loaded, [prompt], max_new_tokens=max_new_tokens)
    return Answer(written.text, is_stopped=written.is_stopped, prompt_tokens=limit)


def confidences(loaded: Loaded, rows: Sequence[Row], *, answer: Answer, max_length: int) -> tuple[Confidence, ...]:
    """Of this answer, whatever the model would now prefer; one for each row, in order."""
    if loaded.task == "classify":
        p_NC = _class_probabilities(loaded, rows, max_length=max_length)
        p_N = np.maximum(p_NC[:, loaded.labels.index(answer.text)], LEAST_PROBABILITY)
        return tuple(Confidence(float(log_p), 1) for log_p in np.log(p_N))
    answered = [_with_answer(row, answer.text) for row in rows]
    encoded = _encoded(loaded, answered, max_length=max_length if answer.prompt_tokens is None else None)
    if answer.prompt_tokens is not None:
        whole = answer.prompt_tokens + max(sum(one.trained) for one in encoded)
        encoded = _encoded(loaded, answered, max_length=whole)
    if not answer.is_stopped:
        encoded = tuple(_open_ended(one) for one in encoded)
    return tuple(Confidence(-score.nats, score.n_tokens) for score in answer_scores(loaded, encoded))


def _class_probabilities(loaded: Loaded, rows: Sequence[Row], *, max_length: int) -> NDArray[np.float64]:
    return class_probabilities(loaded, _encoded(loaded, rows, max_length=max_length))


def _encoded(loaded: Loaded, rows: Sequence[Row], *, max_length: int | None) -> tuple[Encoded, ...]:
    examples = [render(row, task=loaded.task, labels=loaded.labels) for row in rows]
    return encode(examples, tokenizer=loaded.tokenizer, task=loaded.task, max_length=max_length)


def _with_answer(row: Row, text: str) -> Row:
    """The conversation with this answer, the only turn that is scored."""
    asked = (replace(turn, is_trained=False) for turn in prompt_of(row.messages))
    return replace(row, messages=(*asked, Message("assistant", text, is_trained=True)))


def _open_ended(row: Encoded) -> Encoded:
    """Without its end token as a target: the cap ended this answer, not the model. An empty answer keeps it."""
    targets = [i for i, is_trained in enumerate(row.trained) if is_trained]
    end = targets[-1] if len(targets) > 1 else len(row)
    return replace(row, trained=tuple(is_trained and i != end for i, is_trained in enumerate(row.trained)))

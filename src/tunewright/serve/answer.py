"""What the model answers to rows, for a file, for a program and for a person at a terminal alike.

In: a loaded model and rows to ask. Out: Answered, one for each. Its own file because every way of asking must give the
answer that evaluation measured: the same rendering, the same encoding, the same batching by length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from tunewright.core.errors import PlanError
from tunewright.core.label_sets import answered as set_answered
from tunewright.core.scale import answer_text
from tunewright.core.values import Dropped, Encoded, LossSum, Row
from tunewright.model.classes import class_probabilities
from tunewright.model.generate import answers
from tunewright.model.head_outputs import predicted_numbers
from tunewright.model.load import Loaded
from tunewright.model.score import answer_scores
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import render

Progress = Callable[[int], None]
"""Told how many rows are done."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read and written, in tokens."""

    max_length: int
    """Of a text or document; longer ones are cut or divided as in training."""
    max_new_tokens: int
    """generate: cap on an answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The model's answer to one row."""

    row_id: str
    answer: str = ""
    """classify: the label. multilabel: the labels as a JSON list. regress: the number as text. generate: the text.
    text: empty."""
    probabilities: tuple[float, ...] = ()
    """classify: one for each label, in the order of the model's labels, summing to 1; multilabel: each for itself."""
    number: float | None = None
    """regress: in the unit of the train rows."""
    is_stopped: bool | None = None
    """generate: the model ended the answer itself; False: the cap did."""
    bits_per_byte: float | None = None
    """text: how surprised the model is by the document, in bits for each of its UTF-8 bytes; lower is better known."""
    error: str = ""
    """Why there is no answer; empty when there is one."""

    @property
    def probability(self) -> float | None:
        """classify: of the label that is the answer."""
        return max(self.probabilities, default=None)


def answered(
    loaded: Loaded, asked: Sequence[Row | Dropped], *, limits: Limits, progress: Progress = lambda _: None
) -> tuple[Answered, ...]:
    """One for each element, in order; a row that cannot be asked has an error instead of an answer."""
    rows = [row for row in asked if isinstance(row, Row)]
    given = iter(_answers(loaded, rows, limits=limits, progress=progress))
    return tuple(Answered(one.row_id, error=why(one)) if isinstance(one, Dropped) else next(given) for one in asked)


def why(dropped: Dropped) -> str:
    """The reason in words, with the place for a row whose cells could not be read.

    >>> why(Dropped("row:7", "ragged", "3 cells instead of 2")), why(Dropped("row:8", "empty"))
    ('row 7: ragged (3 cells instead of 2)', 'no text')
    """
    if dropped.reason in _WHY:
        return _WHY[dropped.reason]
    detail = f" ({dropped.detail})" if dropped.detail else ""
    return f"row {dropped.row_id.rpartition(':')[2]}: {dropped.reason.replace('_', ' ')}{detail}"


_WHY = {"empty": "no text", "no_prompt": "no prompt"}


def prompt_limit(loaded: Loaded, *, max_new_tokens: int) -> int:
    """Tokens that a prompt may have, so that the longest answer still fits behind it.

    Raises PlanError when that leaves nothing.
    """
    limit = loaded.card.context_tokens - max_new_tokens
    if limit < 1:
        raise PlanError(
            f"an answer of {max_new_tokens:,} tokens leaves no room for a question",
            where="evaluate.max_new_tokens",
            why=f"{loaded.card.name} reads and writes {loaded.card.context_tokens:,} tokens in all",
            fix=f"evaluate.max_new_tokens={max(1, loaded.card.context_tokens // 4)}",
        )
    return limit


def _answers(loaded: Loaded, rows: Sequence[Row], *, limits: Limits, progress: Progress) -> list[Answered]:
    if not rows:
        return []
    if loaded.task == "classify":
        return _labels(loaded, rows, limits=limits, progress=progress)
    if loaded.task == "multilabel":
        return _label_sets(loaded, rows, limits=limits, progress=progress)
    if loaded.task == "regress":
        return _numbers(loaded, rows, limits=limits, progress=progress)
    if loaded.task == "generate":
        return _written(loaded, rows, limits=limits, progress=progress)
    if loaded.task == "text":
        return _surprises(loaded, rows, limits=limits, progress=progress)
    assert_never(loaded.task)


def _encoded(loaded: Loaded, rows: Sequence[Row], *, limits: Limits) -> Sequence[Encoded]:
    examples = [render(row, task=loaded.task, labels=loaded.labels) for row in rows]
    return encode(examples, tokenizer=loaded.tokenizer, task=loaded.task, max_length=limits.max_length)


def _numbers(loaded: Loaded, rows: Sequence[Row], *, limits: Limits, progress: Progress) -> list[Answered]:
    numbers_N = predicted_numbers(loaded, _encoded(loaded, rows, limits=limits), progress=progress)
    texts = map(answer_text, numbers_N.tolist())
    return [Answered(row.row_id, answer=text, number=float(text)) for row, text in zip(rows, texts, strict=True)]


def _label_sets(loaded: Loaded, rows: Sequence[Row], *, limits: Limits, progress: Progress) -> list[Answered]:
    p_NC = class_probabilities(loaded, _encoded(loaded, rows, limits=limits), progress=progress)
    return [
        Answered(row.row_id, answer=set_answered(p_C.tolist(), loaded.labels), probabilities=tuple(p_C.tolist()))
        for row, p_C in zip(rows, p_NC, strict=True)
    ]


def _labels(loaded: Loaded, rows: Sequence[Row], *, limits: Limits, progress: Progress) -> list[Answered]:
    p_NC = class_probabilities(loaded, _encoded(loaded, rows, limits=limits), progress=progress)
    return [
        Answered(row.row_id, answer=loaded.labels[int(p_C.argmax())], probabilities=tuple(p_C.tolist()))
        for row, p_C in zip(rows, p_NC, strict=True)
    ]


def _written(loaded: Loaded, rows: Sequence[Row], *, limits: Limits, progress: Progress) -> list[Answered]:
    limit = prompt_limit(loaded, max_new_tokens=limits.max_new_tokens)
    prompts = [encode_prompt(row.messages, tokenizer=loaded.tokenizer, max_length=limit) for row in rows]
    written = answers(loaded, prompts, max_new_tokens=limits.max_new_tokens, progress=progress)
    return [
        Answered(row.row_id, answer=answer.text, is_stopped=answer.is_stopped)
        for row, answer in zip(rows, written, strict=True)
    ]


def _surprises(loaded: Loaded, rows: Sequence[Row], *, limits: Limits, progress: Progress) -> list[Answered]:
    examples = [render(row, task="text") for row in rows]
    pieces = encode(examples, tokenizer=loaded.tokenizer, task="text", max_length=limits.max_length)
    nats: dict[str, LossSum] = {}
    for piece, score in zip(pieces, answer_scores(loaded, pieces), strict=True):
        if score.n_tokens:
            ids = [token for token, is_trained in zip(piece.ids, piece.trained, strict=True) if is_trained]
            n_bytes = len(loaded.tokenizer.decode(ids, skip_special_tokens=True).encode("utf-8"))
            nats[piece.row_id] = nats.get(piece.row_id, LossSum()) + LossSum(score.nats, n_bytes)
    progress(len(rows))
    return [_surprise(row, nats.get(row.row_id, LossSum())) for row in rows]


def _surprise(row: Row, nats_and_bytes: LossSum) -> Answered:
    """LossSum counts bytes here: its mean is nats a byte."""
    if not nats_and_bytes.n_tokens:
        return Answered(row.row_id, error="a single token: nothing in it is predicted from what stands before")
    return Answered(row.row_id, bits_per_byte=nats_and_bytes.mean_nats / math.log(2))

"""What a language model answers when it is asked: a label by its name, or in words.

In: Asked: the model, the rows, the examples that are shown before each. Out: Predictions. Its own file because the
tuned model, the base and few_shot must be asked in one way.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tunewright.core.events import ProgressEvent, Tracker
from tunewright.core.plan import Plan
from tunewright.core.systems import outside_name
from tunewright.core.values import Encoded, Message, Prediction, Row
from tunewright.evaluate.contest import Answers
from tunewright.evaluate.rivals.few_shot import fitting, turns_of
from tunewright.model.generate import answers
from tunewright.model.label_answers import label_answers
from tunewright.model.label_trie import label_ids
from tunewright.model.load import Loaded
from tunewright.model.score import answer_scores
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import label_question, prompt_of, reference_of, render, with_examples

CHUNK_ROWS = 256
"""Rows whose references are encoded at once: ids and masks of all would take more than the rows' own text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A language model, and what it is asked."""

    loaded: Loaded
    system: str
    plan: Plan
    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    tell: Tracker
    shown: Mapping[str, tuple[Row, ...]]
    """By row id: train rows that are shown before it, the nearest first; empty: none are."""
    whole: tuple[Row, ...] = ()
    """All that are asked about in the end, where `rows` are a part of them."""

    def written(self) -> tuple[Row, ...]:
        """Of the whole: those that answers in words are written for."""
        return answered_rows(self.whole or self.rows, limit=self.plan.evaluate.limit, seed=self.plan.run.seed)

    def progress(self, what: str, whole: Sequence[Row] = ()) -> Callable[[int], None]:
        """Tells how many of the whole are done: its rows before this part count."""
        words, whole = f"{outside_name(self.system)}: {what}", whole or self.whole or self.rows
        here = {row.row_id for row in self.rows}
        before = next((i for i, row in enumerate(whole) if row.row_id in here), 0)
        return lambda n: self.tell(ProgressEvent(words, before + n, len(whole)))


def encoded_rows(rows: Sequence[Row], *, plan: Plan, loaded: Loaded, labels: Sequence[str]) -> tuple[Encoded, ...]:
    """As in training, cut to what the model can read."""
    examples = [render(row, task=plan.task, labels=labels) for row in rows]
    length = min(plan.prepare.max_length, loaded.card.context_tokens)
    return encode(examples, tokenizer=loaded.tokenizer, task=plan.task, max_length=length)


def label_predictions(asked: Asked) -> Answers:
    """By the rule of evaluate.label_scoring; probabilities where it has some."""
    labels, rows = asked.labels, asked.rows
    shown = [_shown_labels(asked, row) for row in rows]
    found = label_answers(
        asked.loaded,
        [label_question(row.text, labels=labels, shown=some) for row, some in zip(rows, shown, strict=True)],
        labels=labels,
        rule=asked.plan.evaluate.label_scoring,
        blank=lambda i: label_question("", labels=labels, shown=shown[i]),
        progress=asked.progress("asking for labels"),
    )
    p_NL = found.probabilities_NL
    return tuple(
        Prediction(
            row.row_id,
            asked.system,
            answer=found.labels[i],
            reference=row.label or "",
            probabilities=() if p_NL is None else array("d", p_NL[i]),
        )
        for i, row in enumerate(rows)
    )


def _shown_labels(asked: Asked, row: Row) -> list[tuple[str, str]]:
    """Texts and labels of the examples that fit before the row, the nearest last."""
    tokenizer = asked.loaded.tokenizer
    near = asked.shown.get(row.row_id, ())
    longest = max(map(len, label_ids(asked.labels, tokenizer=tokenizer))) if near else 0

    def pairs(some: Sequence[Row]) -> list[tuple[str, str]]:
        return [(one.text, one.label or "") for one in some]

    def fits(some: tuple[Row, ...]) -> bool:
        question = label_question(row.text, labels=asked.labels, shown=pairs(some))
        return len(encode_prompt(question, tokenizer=tokenizer)) + longest <= asked.loaded.card.context_tokens

    return pairs(fitting(near, fits=fits))


def language_predictions(asked: Asked) -> Answers:
    """Likelihood of every reference; for generate also written answers for a seeded part of the rows."""
    scored = _reference_predictions(asked)
    plan = asked.plan
    if plan.task != "generate":
        return scored
    written, here = asked.written(), {row.row_id for row in asked.rows}
    rows = [row for row in written if row.row_id in here]
    limit = asked.loaded.card.context_tokens - plan.evaluate.max_new_tokens
    prompts = [
        encode_prompt(prompt_of(_with_shown(asked, row)), tokenizer=asked.loaded.tokenizer, max_length=limit)
        for row in rows
    ]
    texts = answers(
        asked.loaded,
        prompts,
        max_new_tokens=plan.evaluate.max_new_tokens,
        progress=asked.progress("writing answers", written),
    )
    by_row = {row.row_id: answer for row, answer in zip(rows, texts, strict=True)}
    return tuple(
        replace(p, answer=a.text, is_stopped=a.is_stopped, n_tokens=len(a.ids)) if (a := by_row.get(p.row_id)) else p
        for p in scored
    )


def answered_rows(rows: Sequence[Row], *, limit: int | None, seed: int) -> tuple[Row, ...]:
    """The rows that answers are written for: a seeded draw, in the file's order."""
    if limit is None or len(rows) <= limit:
        return tuple(rows)
    drawn = set(random.Random(f"answers:{seed}").sample(range(len(rows)), limit))
    return tuple(row for i, row in enumerate(rows) if i in drawn)


def _with_shown(asked: Asked, row: Row) -> tuple[Message, ...]:
    """The row's turns behind the examples that leave room for its reference and for the longest answer."""
    tokenizer, context = asked.loaded.tokenizer, asked.loaded.card.context_tokens

    def fits(some: tuple[Row, ...]) -> bool:
        messages = with_examples(row.messages, [turns_of(one) for one in some])
        n_asked = len(encode_prompt(prompt_of(messages), tokenizer=tokenizer))
        (whole,) = encode(
            [replace(render(row, task="generate"), messages=messages)], tokenizer=tokenizer, task="generate"
        )
        return max(len(whole), n_asked + asked.plan.evaluate.max_new_tokens) <= context

    shown = fitting(asked.shown.get(row.row_id, ()), fits=fits)
    return with_examples(row.messages, [turns_of(one) for one in shown])


def _encoded_asked(asked: Asked, rows: Sequence[Row]) -> tuple[Encoded, ...]:
    if not asked.shown:
        return encoded_rows(rows, plan=asked.plan, loaded=asked.loaded, labels=asked.labels)
    found: list[Encoded] = []
    for row in rows:  # by itself: one without room for an example is cut as it is without any
        messages = _with_shown(asked, row)
        is_alone = len(messages) == len(row.messages)
        length = asked.plan.prepare.max_length if is_alone else asked.loaded.card.context_tokens
        plan = asked.plan.with_(prepare=asked.plan.prepare.with_(max_length=length))
        found += encoded_rows([replace(row, messages=messages)], plan=plan, loaded=asked.loaded, labels=asked.labels)
    return tuple(found)


@dataclass(slots=True)  # summed up over the pieces of a row
class _Reference:
    nats: float = 0.0
    n_bytes: int = 0
    is_end: bool | None = None


def _reference_predictions(asked: Asked) -> Answers:
    found: dict[str, _Reference] = {}
    tell = asked.progress("likelihood of the references")
    for start in range(0, len(asked.rows), CHUNK_ROWS):
        some = asked.rows[start : start + CHUNK_ROWS]
        encoded = _encoded_asked(asked, some)  # a long document is several
        for row, score in zip(encoded, answer_scores(asked.loaded, encoded), strict=True):
            if score.n_tokens:
                one = found.setdefault(row.row_id, _Reference())
                one.nats += score.nats
                one.n_bytes += _n_bytes(row, asked.loaded)
                one.is_end = score.is_end_argmax
        tell(start + len(some))
    none = _Reference(math.nan)
    is_generate = asked.plan.task == "generate"
    return tuple(
        Prediction(
            row.row_id,
            asked.system,
            reference=reference_of(row.messages),
            reference_nats=(one := found.get(row.row_id, none)).nats,
            reference_bytes=one.n_bytes,
            is_end_argmax=one.is_end if is_generate else None,
        )
        for row in asked.rows
    )


def _n_bytes(row: Encoded, loaded: Loaded) -> int:
    """UTF-8 bytes of what is trained."""
    ids = [token for token, is_trained in zip(row.ids, row.trained, strict=True) if is_trained]
    return len(str(loaded.tokenizer.decode(ids, skip_special_tokens=True)).encode("utf-8"))

"""The held-out rows that an exported folder is tried on.

In: the prepare folder and the proven model's tokenizer. Out: Sample: encoded rows, and prompts with their ids. Its own
file because which rows and positions are compared decides what the comparison can see.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tunewright.core.errors import ExportError
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, Example, Message, Row, Split, Task
from tunewright.model.load import Loaded
from tunewright.text.chat import Tokenizer
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import label_question, prompt_of, render
from tunewright.text.rows import read_rows

ROWS = 64
"""Rows compared. A fault of an export (a lost head, swapped labels, a wrong merge) touches all rows, not one in a
thousand; 64 rows of a 135 M model take about 15 s on two cores."""
POSITIONS = 64
"""Scored positions of a row at most: 64 x 49,152 logits in float32 are 13 MB."""
GOLDEN = 'Say  "naïve café № 5":\n\t— 你好, 👋🏽 don\'t!'
"""A prompt in which tokenizers and templates differ: spaces, line breaks, quotes, accents, other scripts, emoji."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something that is tokenised on both sides."""

    text: str
    turns: tuple[Message, ...]
    """generate; else empty."""
    ids: tuple[int, ...]
    """By the proven model's tokenizer."""

    def turn_dicts(self) -> list[dict[str, str]]:
        return [{key: asdict(turn)[key] for key in ("role", "content")} for turn in self.turns]


@dataclass(frozen=True, slots=True)
class Sample:
    """What both models are asked."""

    split: Split
    encoded: tuple[Encoded, ...]
    """generate and text: at most POSITIONS of each row stay marked, spread evenly, the last one among them."""
    prompts: tuple[Prompt, ...]
    """The golden one first."""


def sample(prepared: Path, *, loaded: Loaded, labels: tuple[str, ...], max_length: int, seed: int) -> Sample:
    """Seeded rows of the test split; of validation, then train, where there is no test row.

    labels: of the rows; a language model that classifies is asked for them by name.
    Raises ExportError when no row has anything to compare.
    """
    for split in ("test", "validation", "train"):
        rows = read_rows(prepared, split)
        picked = random.Random(seed).sample(rows, min(ROWS, len(rows)))
        task: Task = "generate" if loaded.task == "classify" and not loaded.labels else loaded.task
        examples = [
            _asked(row, labels=labels) if task != loaded.task else render(row, task=task, labels=loaded.labels)
            for row in picked
        ]
        length = min(max_length, loaded.card.context_tokens)
        encoded = encode(examples, tokenizer=loaded.tokenizer, task=task, max_length=length)
        usable = [row for row in encoded if has_head(task) or any(row.trained[1:])][:ROWS]
        if usable:
            kept = tuple(row if has_head(task) else thinned(row, n=POSITIONS) for row in usable)
            return Sample(split, kept, tuple(_prompts(examples, tokenizer=loaded.tokenizer, task=task)))
    raise ExportError("there is no row to compare the export on", where=str(prepared), fix="tunewright prepare PLAN")


def thinned(row: Encoded, *, n: int) -> Encoded:
    """The same ids with at most n of the marked positions still marked, spread evenly, the last one among them."""
    marked = [i for i, is_trained in enumerate(row.trained) if is_trained and i > 0]
    step = max(1.0, len(marked) / n)
    kept = {marked[-1 - int(k * step)] for k in range(min(n, len(marked)))}
    return replace(row, trained=tuple(i in kept for i in range(len(row))))


def _asked(row: Row, *, labels: tuple[str, ...]) -> Example:
    """The question that evaluation asks, with the label as the answer."""
    answer = Message("assistant", row.label or labels[0], is_trained=True)
    return Example(row.row_id, messages=(*label_question(row.text, labels=labels), answer))


def _prompts(examples: Sequence[Example], *, tokenizer: Tokenizer, task: Task) -> Iterator[Prompt]:
    if task == "generate":
        for turns in ((Message("user", GOLDEN),), *(prompt_of(example.messages) for example in examples)):
            if turns:
                yield Prompt("", turns, encode_prompt(turns, tokenizer=tokenizer).ids)
        return
    texts = [Example("", text=text) for text in (GOLDEN, *(example.text for example in examples))]
    n_end = 1 if task == "text" and tokenizer.eos_token_id is not None else 0  # it closes a document, typed by nobody
    for example, encoded in zip(texts, encode(texts, tokenizer=tokenizer, task=task), strict=True):
        yield Prompt(example.text, (), encoded.ids[: len(encoded) - n_end])

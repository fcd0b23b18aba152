"""The held-out rows that an exported folder is tried on.

In: the prepare folder and the proven model's tokenizer. Out: Sample: encoded rows, and prompts with their ids. Its own
file because which rows and positions are compared decides what the comparison can see.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tunewright.core.errors import ExportError
from tunewright.core.values import Encoded, Example, Message, Row, Split, Task
from tunewright.model.load import Loaded
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import prompt_of, render
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


def sample(prepared: Path, *, loaded: Loaded, max_length: int, seed: int) -> Sample:
    """Seeded rows of the test split; of validation, then train, where there is no test row.

    Raises ExportError when no row has anything to compare.
    """
    for split in ("test", "validation", "train"):
        rows = read_rows(prepared, split)
        picked = random.Random(seed).sample(rows, min(ROWS, len(rows)))
        examples = [render(row, task=loaded.task, labels=loaded.labels) for row in picked]
        encoded = encode(examples, tokenizer=loaded.tokenizer, task=loaded.task, max_length=max_length)
        usable = [row for row in encoded if loaded.task == "classify" or any(row.trained[1:])][:ROWS]
        if usable:
            kept = tuple(row if loaded.task == "classify" else thinned(row, n=POSITIONS) for row in usable)
            return Sample(split, kept, tuple(_prompts(picked, loaded=loaded)))
    raise ExportError("there is no row to compare the export on", where=str(prepared), fix="tunewright prepare PLAN")


def thinned(row: Encoded, *, n: int) -> Encoded:
    """The same ids with at most n of the marked positions still marked, spread evenly, the last one among them."""
    marked = [i for i, is_trained in enumerate(row.trained) if is_trained and i > 0]
    step = max(1.0, len(marked) / n)
    kept = {marked[-1 - int(k * step)] for k in range(min(n, len(marked)))}
    return replace(row, trained=tuple(i in kept for i in range(len(row))))


def _prompts(rows: Sequence[Row], *, loaded: Loaded) -> list[Prompt]:
    if loaded.task == "generate":
        conversations = [(Message("user", GOLDEN),), *(prompt_of(row.messages) for row in rows)]
        return [
            Prompt("", turns, encode_prompt(turns, tokenizer=loaded.tokenizer).ids) for turns in conversations if turns
        ]
    texts = [GOLDEN, *(row.text for row in rows)]
    return [
        Prompt(text, (), ids)
        for text, ids in zip(texts, _text_ids(texts, loaded=loaded, task=loaded.task), strict=True)
    ]


def _text_ids(texts: Sequence[str], *, loaded: Loaded, task: Task) -> list[tuple[int, ...]]:
    encoded = encode([Example("", text=text) for text in texts], tokenizer=loaded.tokenizer, task=task)
    end = 1 if task == "text" and loaded.tokenizer.eos_token_id is not None else 0  # it closes a document
    return [row.ids[: len(row) - end] for row in encoded]

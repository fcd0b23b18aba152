"""What a client sends as what the model reads: cleaned, rendered and encoded as in training.

In: messages or texts. Out: ids, rows. Its own file because here a server's prompt becomes the same tokens as a training
row's, and what does not fit is refused, never cut in silence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.core.errors import PlanError
from tunewright.core.values import Dropped, Example, Row, Task
from tunewright.serve.answer import why
from tunewright.serve.ask import asked
from tunewright.serve.queue.wanted import System
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record
from tunewright.text.chat import Tokenizer
from tunewright.text.clean import clean_text
from tunewright.text.encode import encode, encode_prompt

_COLUMN = "input"


@dataclass(frozen=True, slots=True)
class Reader:
    """One tokenizer at a time: they are not made for several threads."""

    task: Task
    context_tokens: int
    system_message: str | None
    """Put before conversations that have none, as in training."""
    tokenizer: Callable[[System], Tokenizer]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def chat(self, turns: Sequence[Mapping[str, Any]], system: System) -> tuple[int, ...]:
        """The prompt that asks for the answer to the last turn.

        Raises PlanError when there is nothing to answer or it is too long, ModelError when the template refuses it.
        """
        shape = Shape("generate", "messages", messages_column=_COLUMN)
        row = self._row(list(turns), shape=shape)
        with self._lock:
            prompt = encode_prompt(row.messages, tokenizer=self.tokenizer(system))
        return self._fitting(prompt.ids)

    def text(self, text: str, system: System) -> tuple[int, ...]:
        """A text that is gone on from, without the end token that closes a document.

        Raises PlanError when it is empty or too long.
        """
        with self._lock:
            tokenizer = self.tokenizer(system)
            (document,) = encode((Example("", text=_as_written(text)),), tokenizer=tokenizer, task="text")
            n_end = 0 if tokenizer.eos_token_id is None else 1
        ids = document.ids[: len(document) - n_end]
        if not ids:
            raise PlanError("there is no text to go on from", where="prompt", fix="send a text")
        return self._fitting(ids)

    def ids(self, ids: Sequence[int], *, vocabulary_size: int) -> tuple[int, ...]:
        """Tokens that the client has made itself.

        Raises PlanError for ids that the model does not know.
        """
        if not ids or not all(0 <= token < vocabulary_size for token in ids):
            raise PlanError("these are no tokens of this model", where="prompt", fix="send the text")
        return self._fitting(tuple(ids))

    def rows(self, texts: Sequence[str]) -> tuple[Row | Dropped, ...]:
        """Each as the cell of a file; a text in which there is nothing to read is dropped."""
        records = [Record(f"input:{i}", {_COLUMN: text}) for i, text in enumerate(texts)]
        return asked(records, shape=Shape(self.task, "unlabelled", text_column=_COLUMN))

    def texts(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Cleaned as a file's cells are.

        Raises PlanError when there is nothing to read in one.
        """
        clean = tuple(map(clean_text, texts))
        if "" in clean:
            raise PlanError(f"text {clean.index('')} is empty", where="input", fix="leave it out")
        return clean

    def _row(self, cell: Any, *, shape: Shape) -> Row:
        (row,) = asked([Record("input:1", {_COLUMN: cell})], shape=shape, system=self.system_message)
        if isinstance(row, Dropped):
            raise PlanError(f"there is nothing to answer: {why(row)}", where="messages", fix="end with a user message")
        return row

    def _fitting(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        if len(ids) >= self.context_tokens:
            raise PlanError(
                f"the prompt has {len(ids):,} tokens and leaves no room for an answer",
                where="prompt",
                why=f"the model reads and writes {self.context_tokens:,} tokens in all",
                fix="send less",
            )
        return ids


def _as_written(text: str) -> str:
    """Cleaned as a document is; the blanks at its end stay: what comes next depends on them."""
    return clean_text(text) + text[len(text.rstrip()) :]

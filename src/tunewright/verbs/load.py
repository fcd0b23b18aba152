"""A finished run's model, ready to answer a program.

In: a run. Out: Session, which predicts and chats. Its own file because it is the front door of the Python API; the
command line's predict and chat give the same answers by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tunewright.core.errors import PlanError
from tunewright.core.run import Run, find_run
from tunewright.core.tasks import has_head
from tunewright.core.values import Dropped, Message, Row, Task
from tunewright.model.load import Loaded
from tunewright.model.subject import load_base, load_subject
from tunewright.serve.answer import Answered, Limits, answered
from tunewright.serve.ask import asked
from tunewright.serve.queue.wanted import System
from tunewright.serve.talk import Reply, Tell, continuation, reply
from tunewright.serve.untuned import untuned, untuned_label
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record
from tunewright.text.render import opening, said
from tunewright.verbs.asking import Asking, asking

_COLUMN = "input"
_SHAPES: Mapping[Task, Shape] = {
    "classify": Shape("classify", "unlabelled", text_column=_COLUMN),
    "multilabel": Shape("multilabel", "unlabelled", text_column=_COLUMN),
    "regress": Shape("regress", "unlabelled", text_column=_COLUMN),
    "generate": Shape("generate", "prompt_completion", prompt_column=_COLUMN),
    "text": Shape("text", "text", text_column=_COLUMN),
}
"""A bare text as the only cell of a row."""
NO_BASE: Mapping[Task, str] = {"multilabel": "several labels", "regress": "numbers"}
"""What the model answers with only after training."""


@dataclass(frozen=True, slots=True)
class Session:
    """A model in memory. Ask it as often as you like; it remembers nothing between calls."""

    asking: Asking
    loaded: Loaded
    base: Callable[[], Loaded]
    """The base model, loaded when it is first needed; a language model's adapter is set aside instead."""

    def predict(
        self, inputs: Sequence[str | Sequence[Message | Mapping[str, Any]]], *, system: System = "tuned"
    ) -> list[Answered]:
        """An answer to each input, in order: the same as from a file of them.

        inputs: texts, or prompts or conversations (generate: a list of {"role", "content"}).
        An input without text has an error in place of an answer.

            model = tunewright.load("tickets")
            for answer in model.predict(["Where is my parcel?", "I want my money back."]):
                print(answer.answer, answer.probability)
        """
        if isinstance(inputs, str):
            raise TypeError("predict takes a list of texts; for one text: predict([text])")
        return self.answers([self._asked(i, one) for i, one in enumerate(inputs, start=1)], system=system)

    def answers(self, rows: Sequence[Row | Dropped], *, system: System = "tuned") -> list[Answered]:
        """The same for rows."""
        if system == "base" and self.loaded.task in NO_BASE:
            raise PlanError(
                f"the model before tuning gives no {NO_BASE[self.loaded.task]}",
                why="the layer that gives them is there only after training",
                fix="leave /base or system='base' out",
            )
        with self.model(system) as loaded:
            if system == "base" and loaded.task == "classify":
                return [self._base_label(loaded, row) for row in rows]
            limits = Limits(self.asking.subject.max_length, self.asking.max_new_tokens)
            return list(answered(loaded, rows, limits=limits))

    def chat(
        self,
        text: str,
        *,
        history: Sequence[Message] | None = None,
        system: System = "tuned",
        tell: Tell = lambda _: None,
    ) -> Reply:
        """The model's answer to `text`, told piece by piece; a model of raw text goes on from it.

        history: the messages before, as a Reply brings them; left out: a new conversation.
        Raises PlanError for a model that gives labels or numbers.

            first = model.chat("My tent leaks. What now?")
            second = model.chat("And if it is the zip?", history=first.messages)
        """
        if has_head(self.loaded.task):
            what = "numbers" if self.loaded.task == "regress" else "labels"
            raise PlanError(f"this model gives {what}, it does not talk", fix="predict([text]) gives them")
        n = self.asking.max_new_tokens
        with self.model(system) as loaded:
            if loaded.task == "text":
                return continuation(loaded, text, max_new_tokens=n, tell=tell)
            before = opening(self.asking.system) if history is None else tuple(history)
            return reply(loaded, (*before, said(text)), max_new_tokens=n, tell=tell)

    @contextmanager
    def model(self, system: System) -> Iterator[Loaded]:
        """Who answers, while the block lasts."""
        if system == "tuned":
            yield self.loaded
        else:
            with untuned(self.loaded, load=self.base) as base:
                yield base

    def _asked(self, number: int, one: str | Sequence[Message | Mapping[str, Any]]) -> Row | Dropped:
        """Read as the cell of a file would be."""
        task = self.loaded.task
        cell: Any = one
        if isinstance(one, str):
            shape = _SHAPES[task]
        elif task == "generate":
            shape = Shape(task, "messages", messages_column=_COLUMN)
            cell = [asdict(turn) if isinstance(turn, Message) else dict(turn) for turn in one]
        else:
            raise TypeError(f"a model of the task {task} takes texts; input {number} is a {type(one).__name__}")
        (row,) = asked([Record(f"input:{number}", {_COLUMN: cell})], shape=shape, system=self.asking.system)
        return row

    def _base_label(self, base: Loaded, row: Row | Dropped) -> Answered:
        if isinstance(row, Dropped):
            return answered(base, [row], limits=Limits(0, 0))[0]
        subject, rule = self.asking.subject, self.asking.label_scoring
        label = untuned_label(base, row.text, labels=subject.labels, max_length=subject.max_length, rule=rule)
        return Answered(row.row_id, label)


def load(
    run: str | Path | Run | None = None, *, overrides: Sequence[str] = (), runs_dir: str | Path = "runs"
) -> Session:
    """The model of a finished run.

    run: its name, its folder, or what `tunewright.run` returned; left out: the newest.
    overrides: plan values that win: evaluate.max_new_tokens=64, run.device=cpu, data.system=...
    Raises RunError when there is no such run or it is not trained, ModelError when its model is gone.
    """
    found = run if isinstance(run, Run) else find_run(str(run) if run else None, runs_dir=Path(runs_dir))
    how = asking(found, overrides)
    return Session(how, load_subject(how.subject), base=cache(partial(load_base, how.subject)))

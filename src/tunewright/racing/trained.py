"""One short training of a race: a contestant on a subset, and its loss on the race's validation rows.

In: what a run would do with this contestant, the size, the seconds left. Out: select.race.Trained. Its own file because
it is where a failure becomes a value: the race names it and goes on.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewright.core.errors import RunError, TunewrightError
from tunewright.core.events import Event, NoteEvent, ProgressEvent, StepEvent, Tracker
from tunewright.core.files import code_digest, file_digest
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.tasks import has_head
from tunewright.core.values import Row, Task
from tunewright.decided import Decided
from tunewright.racing.kept import Kept
from tunewright.racing.subsets import write_subset
from tunewright.select.race import Trained
from tunewright.text.rows import read_rows
from tunewright.train_on import train_on

STEPS_AN_EPOCH = 8
"""At least, where there are as many rows: with two steps an epoch nothing would be learned from a small subset."""
CODE = ("racing", "train", "model", "text", "core")


class OutOfTime(Exception):
    """The budget ended while a training ran; the race catches it, nobody else sees it."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """How one race trains."""

    decided: Callable[[str], Decided]
    """What a run would do with the contestant of that name; raises TunewrightError where it cannot."""
    train: tuple[Row, ...]
    """In nested order."""
    validation: tuple[Row, ...]
    kept: Kept
    tell: Tracker

    def __call__(self, name: str, size: int, *, seconds_left: float) -> Trained:
        """Raises RunError (disk) and KeyboardInterrupt: they end the race, and what was trained stays."""
        started = time.monotonic()
        try:
            decided = self.decided(name)
            made = self.kept.record(
                self._made_from(decided, size),
                lambda work: self._trained(decided, size, work=work, until=started + seconds_left),
            )
        except OutOfTime:
            return Trained(math.nan, time.monotonic() - started, is_out_of_time=True)
        except RunError:
            raise
        except (TunewrightError, RuntimeError, MemoryError) as error:  # RuntimeError: torch, also without memory
            why = error.what if isinstance(error, TunewrightError) else str(error).splitlines()[0]
            return Trained(math.nan, time.monotonic() - started, failure=why or type(error).__name__)
        return Trained(made["loss"], made["seconds"], wrong_share=_number(made["wrong_share"]))

    def _made_from(self, decided: Decided, size: int) -> dict[str, Any]:
        sections = plan_dict(decided.plan)
        return {
            "train": sections["train"],
            "task": decided.plan.task,
            "model": decided.card.fingerprint,
            "dtype": decided.plan.model.dtype,
            "quantization": decided.plan.model.quantization,
            "max_length": decided.plan.prepare.max_length,
            "run": {key: sections["run"].get(key) for key in ("seed", "device", "threads")},
            "rows": [content_of(row) for row in (*self.train[:size], *self.validation)],
            "size": size,
            "code": code_digest(CODE),
        }

    def _trained(self, decided: Decided, size: int, *, work: Path, until: float) -> dict[str, Any]:
        started, name = time.monotonic(), decided.card.name
        self.tell(NoteEvent(f"race: {name}, {decided.plan.train.method}, on {size} rows"))
        prepared = write_subset(work / "rows", self.train[:size], self.validation)
        short = replace(decided, plan=short_plan(decided.plan, size=size))

        def tell(event: Event) -> None:
            if isinstance(event, StepEvent):
                if time.monotonic() > until:
                    raise OutOfTime
                self.tell(ProgressEvent(f"{name} on {size} rows", event.step, event.n_steps, unit="steps"))

        train_on(prepared, short, fingerprint=file_digest(prepared / "train.parquet"), work=work / "train", tell=tell)
        steps = work / "train" / "steps.jsonl"
        loss = last_loss(steps, prepared=prepared, task=decided.plan.task)
        score = _number(json.loads((work / "train" / "summary.json").read_text(encoding="utf-8"))["validation_score"])
        return {"loss": loss, "wrong_share": 1 - score, "seconds": time.monotonic() - started}


def _number(value: float | None) -> float:
    """nan is written null."""
    return math.nan if value is None else value


def content_of(row: Row) -> list[Any]:
    """What a row says, for a digest."""
    return [row.row_id, row.text, row.label, [[turn.role, turn.content] for turn in row.messages]]


def short_plan(plan: Plan, *, size: int) -> Plan:
    """The same training on fewer rows: as many epochs, steps enough to learn, one measuring at the end."""
    train = plan.train
    batch = max(1, min(train.batch_size, size // STEPS_AN_EPOCH))
    n_steps = math.ceil(math.ceil(size / (batch * train.gradient_accumulation_steps)) * train.epochs)
    n_steps = min(n_steps, train.max_steps or n_steps)
    changes = {"batch_size": batch, "eval_steps": n_steps, "save_steps": n_steps, "patience": None, "trackers": ()}
    return plan.with_(train=train.with_(**changes))


def last_loss(steps: Path, *, prepared: Path, task: Task) -> float:
    """Of steps.jsonl, the lowest validation loss: nats a row with a head, else bits a byte of the answers.

    prepared: the folder whose validation rows it was measured on.
    """
    lines = [json.loads(line) for line in steps.read_text(encoding="utf-8").splitlines()]
    measured = [line for line in lines if line["event"] == "ValidationEvent" and line["loss_nats"] is not None]
    if not measured:
        return math.nan
    best = min(measured, key=lambda line: line["loss_nats"])
    if has_head(task):
        return float(best["loss_nats"])
    n_bytes = answer_bytes(read_rows(prepared, "validation"))
    return float(best["loss_nats"]) * int(best["n_targets"]) / (math.log(2) * n_bytes) if n_bytes else math.nan


def answer_bytes(rows: Sequence[Row]) -> int:
    """UTF-8 bytes of what is learned: the trained turns, or the whole text."""
    texts = [turn.content for row in rows for turn in row.messages if turn.is_trained]
    texts += [row.text for row in rows if not row.messages]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)

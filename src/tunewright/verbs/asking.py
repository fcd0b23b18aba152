"""How a finished run's model is asked: which model, how a file is read for it, how much it reads and writes.

In: a run and plan values that win over it. Out: Asking, without torch. Its own file because predict, chat and the
Python API must ask alike, and a mistake in what was typed must be told before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import PlanError
from tunewright.core.evaluate_plan import LabelScoring
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.core.section import is_auto
from tunewright.core.values import Subject
from tunewright.decided import read_decided, read_shape, subject_of, used_with
from tunewright.serve.columns import NAMEABLE
from tunewright.tables.shape import Shape

FIELDS = (
    *("data.text_column", "data.prompt_column", "data.messages_column", "data.format", "data.sheet"),
    "data.system",
    *("evaluate.max_new_tokens", "run.device", "run.threads"),
)
"""What may be said anew when a model is asked."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What is the same for every row and every turn."""

    subject: Subject
    shape: Shape
    """How the run read its own files."""
    named: dict[str, str]
    """Columns that the user named for this file: text_column, prompt_column, messages_column."""
    format: str | None
    """Of the file to read; None: by its name and content."""
    sheet: str | None
    """Of a workbook; None: the first that has rows."""
    system: str | None
    """System message put before conversations that have none."""
    max_new_tokens: int
    label_scoring: LabelScoring
    """How the untuned model is asked for a label."""


def asking(run: Run, overrides: Sequence[str] = ()) -> Asking:
    """How `run` is asked, with the values that win over its plan. auto: as the run decided, for a file by the file.

    Raises PlanError for a value that asking does not use or that would need a training, RunError when the run is not
    trained.
    """
    decided = used_with(read_decided(run), overrides)
    typed = plan_from({}, folder=Path(), name="", overrides=overrides)
    for field in typed.given:
        if field not in FIELDS:
            raise PlanError(
                f"{field} changes nothing about an answer",
                where="command line",
                why=f"what can be changed now: {', '.join(FIELDS)}",
                fix=f"leave {field} out",
            )
    data = typed.plan.data
    columns = {name: getattr(data, name) for name in NAMEABLE}
    return Asking(
        subject=subject_of(run, decided),
        shape=read_shape(run),
        named={name: column for name, column in columns.items() if column and not is_auto(column)},
        format=None if is_auto(data.format) else data.format,
        sheet=data.sheet,
        system=decided.plan.data.system,
        max_new_tokens=decided.plan.evaluate.max_new_tokens,
        label_scoring=decided.plan.evaluate.label_scoring,
    )

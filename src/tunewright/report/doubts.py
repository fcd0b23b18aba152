"""What the page says about train labels that the tuned model doubts.

In: explanations.json as values. Out: a frozen view; None when nobody asked. Its own file because it speaks of the data,
and of trainings that were paid for, not of an answer.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.examples import clipped
from tunewright.report.read import Record, RunFiles, as_list, as_record

SHOWN = 10
"""Rows on the page; all stand in label_errors.csv."""


@dataclass(frozen=True, slots=True)
class DoubtLine:
    """One row."""

    row_id: str
    text: str
    label: str
    probability: str
    suggestion: str
    probability_of_suggestion: str


@dataclass(frozen=True, slots=True)
class LabelDoubts:
    """The section."""

    not_run: str
    """Why; empty when it ran."""
    sentence: str
    cost: str
    left_out: tuple[str, ...]
    """Rows that were not looked at."""
    lines: tuple[DoubtLine, ...]
    n_suspects: int
    commands: tuple[str, ...]
    """What is typed to decide about them."""
    signature: str


def label_doubts_of(run: RunFiles) -> LabelDoubts | None:
    """None when label_errors was not asked for."""
    found = as_record(run.explanations.get("label_errors"))
    if not found:
        return None
    n_suspects, file = int(found.get("n_suspects") or 0), str(found.get("file") or "")
    copied = f"cp {shlex.quote(f'{run.folder}/explain/{file}')} ."
    return LabelDoubts(
        not_run=str(found.get("not_run") or ""),
        sentence=str(found.get("sentence") or ""),
        cost=f"{numbers.count_text(found.get('n_models'))} more trainings took "
        f"{numbers.seconds_text(found.get('seconds'))}",
        left_out=tuple(
            f"{numbers.count_text(n)} rows were not looked at: {why}."
            for why, n in as_record(found.get("not_looked")).items()
            if n
        ),
        lines=tuple(_line(as_record(row)) for row in as_list(found.get("rows"))[:SHOWN]),
        n_suspects=n_suspects,
        commands=(copied, f"tunewright run PLAN prepare.review={file}") if n_suspects else (),
        signature=str(found.get("signature") or ""),
    )


def _line(row: Record) -> DoubtLine:
    text, more = clipped(row.get("text"))
    return DoubtLine(
        row_id=str(row.get("row_id") or ""),
        text=text + "…" * bool(more),
        label=str(row.get("label") or ""),
        probability=numbers.percent_text(row.get("probability")),
        suggestion=str(row.get("suggestion") or ""),
        probability_of_suggestion=numbers.percent_text(row.get("probability_of_suggestion")),
    )

"""Before a run: is the data sound, is the right part of it trained on, does it fit, how long will it take?

In: a plan or data file. Out: Check. Nothing is written anywhere but a missing starter model, fetched into the cache.
Its own file because it stops where a run would stop and still returns what was found until then.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.asked import refuse_unusable_general, whole_plan, with_data
from tunewright.core.errors import DataError, TunewrightError
from tunewright.core.events import Event, NoteEvent, Tracker, null_tracker
from tunewright.core.planfile import LoadedPlan
from tunewright.core.values import SPLITS, Choice, Dropped, Finding, Split, Task
from tunewright.fingerprint import data_digests
from tunewright.prepare.cards import Card
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.draft import Draft, findings_record, shown_cards
from tunewright.prepare.findings import unusable_findings
from tunewright.prepare.given import Given, given
from tunewright.prepare.refusal import refuse_leakage
from tunewright.prepare.stage import drafted
from tunewright.prepare.told import masked_findings
from tunewright.resolve import refuse_unsupported
from tunewright.tables.shape import Shape

if TYPE_CHECKING:
    from tunewright.verbs.model_check import ModelCheck


@dataclass(frozen=True, slots=True)
class Check:
    """What is known before anything is trained. rows_read = rows_kept + dropped, unless nothing could be split."""

    files: tuple[str, ...]
    """How each file was read, a sentence each."""
    rows_read: int
    rows_kept: dict[Split, int]
    dropped: dict[str, int]
    """Reason to rows."""
    repaired: dict[str, int]
    task: Task
    why_task: str
    columns: dict[str, str]
    """What a column is for to its name: {"text": "body", "label": "intent"}."""
    n_labels: int
    findings: tuple[Finding, ...]
    checks: dict[str, dict[str, str]]
    """{name: {status: ok | found | not run, why}}, of the data."""
    cards: tuple[Card, ...]
    """What there is to look at behind the findings: the first rows, masked."""
    model: ModelCheck | None
    """None: the data was refused, or no model could be chosen."""
    error: TunewrightError | None
    """Why a run cannot start; None: it can."""


def check(
    loaded: LoadedPlan,
    *,
    runs_dir: Path = Path("runs"),
    row_id: str | None = None,
    takes_step: bool = True,
    tell: Tracker = null_tracker,
) -> Check:
    """Look at data, masks, memory, time.

    row_id: the row to show token by token; None: the train row of median length.
    Raises TunewrightError only where nothing could be read; what stops a run later is in `error`.
    """
    refuse_unsupported(loaded.plan)
    loaded = whole_plan(loaded, tell=tell)
    data_digests(with_data(loaded), folder=loaded.folder)
    actions = checked_actions(loaded.plan.prepare.actions)
    files: list[str] = []

    def remember(event: Event) -> None:
        files.extend([event.text] if isinstance(event, NoteEvent) else [])

    read = given(loaded.plan, folder=loaded.folder, tell=remember)
    how = tuple(said for said in files if said != read.shape.mapping)
    try:
        data = drafted(loaded.plan, read, actions=actions, tell=tell)
    except DataError as error:
        return _of_unsplit(read, how=how, error=error)
    found = _of_data(data, how=how)
    try:
        refuse_leakage(data.refusal)
        refuse_unusable_general(loaded)
        deciding = importlib.import_module("tunewright.deciding")  # torch takes seconds: the data's faults do not wait
        checking = importlib.import_module("tunewright.verbs.model_check")
        decided = deciding.decisions(loaded, data, tell=tell)
        model: ModelCheck = checking.model_check(
            data, decided, runs_dir=runs_dir, row_id=row_id, takes_step=takes_step, tell=tell
        )
    except TunewrightError as error:
        return replace(found, error=error)
    record = findings_record(data, counted=decided.counted)
    stopped = decided.counted.refusal or model.step_error
    return replace(
        found,
        findings=tuple(record["findings"]),
        checks=record["checks"],
        cards=shown_cards(data, counted=decided.counted).cards,
        model=model,
        error=stopped,
    )


def _of_data(data: Draft, *, how: tuple[str, ...]) -> Check:
    record = findings_record(data, counted=None)
    return Check(
        files=how,
        rows_read=data.rows_read,
        rows_kept={split: len(data.splits[split]) for split in SPLITS},
        dropped=_by_reason(data.dropped),
        repaired=data.repaired,
        task=data.task,
        why_task=_why_task(data.choices),
        columns=_columns(data.shape),
        n_labels=len(data.facts.labels),
        findings=tuple(record["findings"]),
        checks=record["checks"],
        cards=data.cards.cards,
        model=None,
        error=None,
    )


def _of_unsplit(read: Given, *, how: tuple[str, ...], error: DataError) -> Check:
    """What was found in files whose rows could not be divided: too few, or none that can be used."""
    named = {row_id for finding in read.findings for row_id in finding.row_ids}
    return Check(
        files=how,
        rows_read=read.n_read,
        rows_kept={},
        dropped=_by_reason(read.dropped),
        repaired=read.repaired,
        task=read.shape.task,
        why_task=_why_task(read.shape.choices),
        columns=_columns(read.shape),
        n_labels=len({row.label for part in read.rows.values() for row in part if row.label is not None}),
        findings=masked_findings(
            (*read.findings, *unusable_findings(d for d in read.dropped if d.row_id not in named))
        ),
        checks={},
        cards=(),
        model=None,
        error=error,
    )


def _by_reason(dropped: Iterable[Dropped]) -> dict[str, int]:
    return dict(sorted(Counter(row.reason for row in dropped).items()))


def _why_task(choices: Iterable[Choice]) -> str:
    return next((choice.reason for choice in choices if choice.field == "task"), "the plan names it")


def _columns(shape: Shape) -> dict[str, str]:
    named = {
        "text": shape.text_column,
        "label": shape.label_column,
        "prompt": shape.prompt_column,
        "input": shape.input_column,
        "completion": shape.completion_column,
        "messages": shape.messages_column,
        "group": shape.group_column,
    }
    return {role: name for role, name in named.items() if name}

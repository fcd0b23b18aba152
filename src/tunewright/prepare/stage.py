"""Is the data well-formed, clean, leak-free, and what exactly will be trained on?

In: a plan and its folder. Out: Draft, and the prepare folder written from it. The order is a promise: leakage is found
before any row is dropped, repeated rows leave train before it is split, the limit counts what is left for training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import write_json
from tunewright.core.plan import Plan
from tunewright.core.values import SPLITS, Action, Choice, DataFacts, Dropped, Finding, Row, Split, Task
from tunewright.prepare.actions import checked_actions
from tunewright.prepare.choices import data_choices, shares
from tunewright.prepare.duplicates import deduplicated, reported_duplicates
from tunewright.prepare.facts import data_facts
from tunewright.prepare.findings import (
    check_statuses,
    label_findings,
    label_spellings,
    long_row_findings,
    respelled,
    size_findings,
    spelling_findings,
    unusable_findings,
)
from tunewright.prepare.given import Given, given, named_files
from tunewright.prepare.keys import Keyed, fixed_prompts, keyed
from tunewright.prepare.leakage import group_findings, leak_findings, leaking, leaks, refusal
from tunewright.prepare.ledger import ledger
from tunewright.prepare.split import limited, split_of
from tunewright.tables.shape import Shape
from tunewright.tables.words import rows
from tunewright.text.rows import write_dropped, write_rows


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that prepare knows before a model is chosen. rows_read = kept + dropped, always."""

    task: Task
    splits: dict[Split, tuple[Row, ...]]
    """In the order of the files."""
    dropped: tuple[Dropped, ...]
    repaired: dict[str, int]
    findings: tuple[Finding, ...]
    checks: dict[str, dict[str, str]]
    """{name: {status: ok | found | not run, why}}."""
    facts: DataFacts
    choices: tuple[Choice, ...]
    rows_read: int
    refusal: str | None
    """Why the run must not go on; the evidence is published all the same."""
    shape: Shape
    """Which column is what; predicting reads files in the same way."""


def draft(plan: Plan, *, folder: Path, tell: Tracker) -> Draft:
    """Read, check, clean and split the data of a plan; nothing is written.

    data.limit counts usable rows of data.train, drawn by seed before they are split (a row of every label first):
    a quick try is quick in every stage. Validation and test files stay what they are.
    Raises PlanError for a check that does not exist, DataError when nothing is left to train or to test with.
    """
    actions = checked_actions(plan.prepare.actions)
    read = given(plan, folder=folder, tell=tell)
    made = drafted(plan, read, actions=actions)
    tell(NoteEvent(_summary(made)))
    for finding in made.findings:
        if finding.severity != "info":
            tell(NoteEvent(f"{finding.message}. {finding.suggestion}", level="warning"))
    return made


def write_draft(draft: Draft, work: Path, *, tokens: Mapping[str, Mapping[str, int]] | None) -> None:
    """The prepare folder: rows of each split, dropped rows, ledger.json, findings.json.

    tokens: the token account by split; None when none was counted (a refused run).
    """
    for split in SPLITS:
        write_rows(work / f"{split}.parquet", draft.splits[split])
    write_dropped(work / "dropped.parquet", draft.dropped)
    account = ledger(
        rows_read=draft.rows_read,
        splits=draft.splits,
        dropped=draft.dropped,
        repaired=draft.repaired,
        tokens=tokens,
    )
    write_json(work / "ledger.json", account)
    write_json(work / "findings.json", findings_record(draft, tokens=tokens))
    write_json(work / "shape.json", replace(draft.shape, choices=()))


def findings_record(draft: Draft, *, tokens: Mapping[str, Mapping[str, int]] | None) -> dict[str, Any]:
    """The content of findings.json; long rows are known once tokens are counted."""
    long = long_row_findings(tokens or {})
    checks = dict(draft.checks)
    if long:
        checks["long_rows"] = {"status": "found", "why": f"{len(long)} of {len(tokens or {})} splits have some"}
    elif tokens is not None:
        checks["long_rows"] = {"status": "ok", "why": "no row is longer than prepare.max_length"}
    return {"findings": list(draft.findings + long), "checks": checks}


def drafted(plan: Plan, read: Given, *, actions: Mapping[str, Action]) -> Draft:
    """The draft of what was read; pure."""
    task, seed = read.shape.task, plan.run.seed
    parts, findings, respelt = _one_spelling(read, action=actions["label_spelling"])
    fixed = fixed_prompts(parts["train"])
    sides = {split: keyed(part, fixed=fixed) for split, part in parts.items()}
    shared = leaks(sides)
    findings += [*leak_findings(shared, action=actions["leakage"]), *group_findings(sides)]
    cleaned = _cleaned(sides, gone=leaking(shared) if actions["leakage"] == "drop" else {}, actions=actions)
    _refuse_nothing_left(plan, cleaned.sides, n_read=read.n_read)
    splits, over = _split(plan, cleaned.sides, seed=seed)
    _refuse_untrainable(plan, splits, task=task)
    dropped = (*read.dropped, *cleaned.dropped, *over)
    named = {row_id for finding in read.findings for row_id in finding.row_ids}
    findings += [*cleaned.findings, *unusable_findings(d for d in read.dropped if d.row_id not in named)]
    findings += [*(label_findings(splits) if task == "classify" else ()), *size_findings(splits)]
    found = (*read.findings, *findings)
    kept = {split: len(splits[split]) for split in SPLITS}
    assert read.n_read == sum(kept.values()) + len(dropped), (read.n_read, kept, len(dropped))
    return Draft(
        task=task,
        splits=splits,
        dropped=dropped,
        repaired=dict(Counter(read.repaired) + Counter(respelt)),
        findings=found,
        checks=check_statuses(found, task=task, n_given=len(read.rows)),
        facts=data_facts(splits, task=task, seed=seed),
        choices=data_choices(plan, read=read, held_out=kept, n_divided=len(cleaned.sides["train"])),
        rows_read=read.n_read,
        refusal=refusal(shared, action=actions["leakage"]),
        shape=read.shape,
    )


@dataclass(frozen=True, slots=True)
class _Cleaned:
    sides: dict[Split, tuple[Keyed, ...]]
    dropped: tuple[Dropped, ...]
    findings: tuple[Finding, ...]


def _one_spelling(read: Given, *, action: Action) -> tuple[dict[Split, tuple[Row, ...]], list[Finding], dict[str, int]]:
    """Rows with labels as they are used, the finding about spellings, and how many labels were mended."""
    everything = [row for part in read.rows.values() for row in part]
    spellings = label_spellings(everything)
    findings = list(spelling_findings(everything, spellings, action=action))
    if action != "fix" or not spellings:
        return dict(read.rows), findings, {}
    n_mended = sum(row.label in spellings for row in everything)
    return {s: respelled(part, spellings) for s, part in read.rows.items()}, findings, {"label_spelling": n_mended}


def _cleaned(
    sides: Mapping[Split, Sequence[Keyed]],
    *,
    gone: Mapping[Split, Mapping[str, Dropped]],
    actions: Mapping[str, Action],
) -> _Cleaned:
    """Without leaking rows (when they are to go) and without repeated train rows."""
    left = {s: tuple(k for k in part if k.row.row_id not in gone.get(s, {})) for s, part in sides.items()}
    train = deduplicated(left["train"], duplicates=actions["duplicates"], conflicts=actions["conflicting_labels"])
    repeated = [f for s, part in left.items() if s != "train" for f in reported_duplicates(s, part)]
    return _Cleaned(
        sides={**left, "train": train.kept},
        dropped=(*(d for part in gone.values() for d in part.values()), *train.dropped),
        findings=(*train.findings, *repeated),
    )


def _split(
    plan: Plan, sides: Mapping[Split, Sequence[Keyed]], *, seed: int
) -> tuple[dict[Split, tuple[Row, ...]], tuple[Dropped, ...]]:
    """Rows of every split, and rows of the train file over the limit."""
    wanted = shares(plan)
    train, over = _limited(sides["train"], limit=plan.data.limit, seed=seed)
    places = split_of(train, test=wanted.test, validation=wanted.validation, seed=seed)
    splits: dict[Split, tuple[Row, ...]] = {
        split: tuple(k.row for k in sides.get(split, ()))
        if split != "train" and split in sides
        else tuple(k.row for k, place in zip(train, places, strict=True) if place == split)
        for split in SPLITS
    }
    return splits, over


def _limited(train: Sequence[Keyed], *, limit: int | None, seed: int) -> tuple[tuple[Keyed, ...], tuple[Dropped, ...]]:
    if limit is None:
        return tuple(train), ()
    stay = set(limited([k.row.label for k in train], limit, seed=seed))
    over = [k.row for i, k in enumerate(train) if i not in stay]
    kept = tuple(k for i, k in enumerate(train) if i in stay)
    return kept, tuple(Dropped(row.row_id, "over_limit", f"data.limit is {limit}") for row in over)


def _refuse_nothing_left(plan: Plan, sides: Mapping[Split, Sequence[Keyed]], *, n_read: int) -> None:
    for split, part in sides.items():
        if not part:
            raise DataError(
                f"no {split} row is left",
                where=f"data.{split}",
                why=f"none of the {rows(n_read)} read can be used for it",
                fix=f"see what was dropped above, or name another file: data.{split}=FILE",
            )
    if not named_files(plan, "test") and len(sides["train"]) < 2:
        raise _nothing_to_test_with("one usable row is left, and it is needed for training")


def _refuse_untrainable(plan: Plan, splits: Mapping[Split, Sequence[Row]], *, task: Task) -> None:
    if not splits["test"]:
        raise _nothing_to_test_with("every row is the only one of its label or its group, so none can be held out")
    labels = {row.label for row in splits["train"]}
    if task == "classify" and len(labels) < 2:
        limited = plan.data.limit is not None
        raise DataError(
            f"all train rows have the same label {next(iter(labels))!r}",
            where="data.train",
            why="a classifier needs at least two"
            + (f"; data.limit={plan.data.limit} may hide others" if limited else ""),
            fix="data.label_column=COLUMN for another column, or task=text to train on the text alone",
        )


def _nothing_to_test_with(why: str) -> DataError:
    return DataError(
        "nothing left to test with", where="data.train", why=why, fix="add rows, or name a test file: data.test=FILE"
    )


def _summary(made: Draft) -> str:
    kept = ", ".join(f"{len(made.splits[split]):,} {split}" for split in SPLITS)
    left = Counter(d.reason for d in made.dropped)
    out = "; left out: " + ", ".join(f"{n:,} {reason}" for reason, n in sorted(left.items())) if left else ""
    return f"{made.rows_read:,} rows read: {kept}{out}"

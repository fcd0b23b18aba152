"""Is the data well-formed, clean, leak-free, and what exactly will be trained on?

In: a plan and its folder. Out: Draft. The order is a promise: cells are mended first, then a person's decisions are
done, leakage is found before any row
is dropped, repeated rows leave train before it is split, the limit counts what is left for training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tunewright.core.errors import DataError
from tunewright.core.events import NoteEvent, Tracker, null_tracker
from tunewright.core.plan import Plan
from tunewright.core.scale import number_of
from tunewright.core.tasks import has_head
from tunewright.core.values import SPLITS, Action, Dropped, Row, Split, Task
from tunewright.prepare.checks.check import Moment
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.choices import data_choices, shares
from tunewright.prepare.draft import Draft
from tunewright.prepare.examine import Examined, Terms, examined
from tunewright.prepare.facts import data_facts
from tunewright.prepare.findings import check_statuses, unusable_findings
from tunewright.prepare.given import Given, given, named_files
from tunewright.prepare.keys import Keyed, fixed_prompts, keyed
from tunewright.prepare.open_quotes import without_open_quotes
from tunewright.prepare.refusal import refuse_leakage
from tunewright.prepare.refused import Refused, refused
from tunewright.prepare.reviewed import decided, reviewed, settled
from tunewright.prepare.split import limited, split_of, strata
from tunewright.prepare.told import as_told
from tunewright.tables.words import rows


def draft(plan: Plan, *, folder: Path, tell: Tracker) -> Draft:
    """Read, check, clean and split the data of a plan; nothing is written.

    data.limit counts usable rows of data.train, drawn by seed before they are split (a row of every label first):
    a quick try is quick in every stage. Validation and test files stay what they are.
    Raises PlanError for a check that does not exist, Refused when a quote never closes or nothing is left to train or
    to test with.
    """
    actions = checked_actions(plan.prepare.actions)
    read = given(plan, folder=folder, tell=tell)
    try:
        read = without_open_quotes(read, action=actions["quotes"])
    except DataError as error:
        files = {split: keyed(part) for split, part in read.rows.items()}
        raise refused(error, plan, read, Examined(files), sides=files, looked=_NONE_LOOKED) from None
    made = drafted(plan, read, actions=actions, tell=tell)
    tell(NoteEvent(_summary(made), level="warning" if _lost_most(made) else "info"))
    for finding in made.findings:
        if finding.severity != "info" and finding.action != "refuse":  # the refusal itself says those
            tell(NoteEvent(f"{finding.message}. {finding.suggestion}", level="warning"))
    return made


def sound_draft(plan: Plan, *, folder: Path, tell: Tracker) -> Draft:
    """The draft that a run goes on with.

    Raises as draft does, and Refused when test rows leak into training.
    """
    made = draft(plan, folder=folder, tell=tell)
    try:
        refuse_leakage(made.refusal)
    except DataError as error:
        raise Refused(error, made) from None
    return made


def drafted(plan: Plan, read: Given, *, actions: Mapping[str, Action], tell: Tracker = null_tracker) -> Draft:
    """The draft of what was read; tell hears which check is at work.

    Raises Refused when nothing is left to train or to test with, DataError for decisions about other rows.
    """
    task, seed = read.shape.task, plan.run.seed
    fixed = fixed_prompts(read.rows["train"])
    terms = Terms(task, actions, seed, fixed, settled(read.decisions))
    look = partial(examined, terms=terms, tell=tell)
    files = {split: keyed(part, fixed=fixed) for split, part in read.rows.items()}
    seen = reviewed(look("repair", files), read.decisions, fixed=fixed)
    mended = seen.sides
    seen = seen.and_then(look("given", seen.sides))
    seen = seen.and_then(look("left", seen.sides))
    try:
        _refuse_nothing_left(plan, seen.sides, n_read=read.n_read, dropped=(*read.dropped, *seen.dropped))
        n_divided = len(seen.sides["train"])
        divided, over = _split(plan, seen.sides, task=task)
        _refuse_untrainable(plan, divided, task=task)
    except DataError as error:
        raise refused(error, plan, read, seen, sides=mended, looked=_looked(read.rows, seen.sides)) from None
    own: frozenset[Split] = frozenset({"train", *(split for split in SPLITS if split not in read.rows)})
    seen = seen.and_then(look("split", divided, own=own))
    splits = {split: tuple(k.row for k in seen.sides[split]) for split in SPLITS}
    dropped = (*read.dropped, *seen.dropped, *over)
    named = {row_id for finding in read.findings for row_id in finding.row_ids}
    unusable = unusable_findings(d for d in read.dropped if d.row_id not in named)
    found = (*read.findings, *seen.findings, *unusable)
    kept = {split: len(splits[split]) for split in SPLITS}
    assert read.n_read == sum(kept.values()) + len(dropped), (read.n_read, kept, len(dropped))
    made = Draft(
        task=task,
        splits=splits,
        dropped=dropped,
        repaired=dict(Counter(read.repaired) + Counter(seen.n_repaired)),
        findings=found,
        checks=check_statuses(found, task=task, n_given=len(read.rows), not_run=seen.not_run),
        facts=data_facts(splits, task=task, seed=seed, label_column=read.shape.label_column),
        choices=data_choices(plan, read=read, held_out=kept, n_divided=n_divided),
        rows_read=read.n_read,
        refusal="; ".join(seen.refusals) or None,
        shape=read.shape,
        decisions=decided(read.decisions),
        seen=replace(seen, sides={}, changes=(*read.changes, *seen.changes)),
    )
    return as_told(made, sides=mended)


_NONE_LOOKED: tuple[Moment, ...] = ("reading",)


def _looked(read: Mapping[Split, Sequence[Row]], left: Mapping[Split, Sequence[Keyed]]) -> tuple[Moment, ...]:
    """The moments before the split at which there was a row to look at."""
    if not any(read.values()):
        return _NONE_LOOKED
    return ("reading", "repair", "given", "left") if any(left.values()) else ("reading", "repair", "given")


def _split(
    plan: Plan, sides: Mapping[Split, Sequence[Keyed]], *, task: Task
) -> tuple[dict[Split, tuple[Keyed, ...]], tuple[Dropped, ...]]:
    """Rows of every split, and rows of the train file over the limit."""
    wanted, seed = shares(plan), plan.run.seed
    train, over = _limited(sides["train"], limit=plan.data.limit, seed=seed, task=task)
    kinds = strata([k.row for k in train], task=task)
    places = split_of(train, test=wanted.test, validation=wanted.validation, seed=seed, kinds=kinds)
    splits: dict[Split, tuple[Keyed, ...]] = {
        split: tuple(sides.get(split, ()))
        if split != "train" and split in sides
        else tuple(k for k, place in zip(train, places, strict=True) if place == split)
        for split in SPLITS
    }
    return splits, over


def _limited(
    train: Sequence[Keyed], *, limit: int | None, seed: int, task: Task
) -> tuple[tuple[Keyed, ...], tuple[Dropped, ...]]:
    if limit is None:
        return tuple(train), ()
    stay = set(limited(train, limit, seed=seed, kinds=strata([k.row for k in train], task=task)))
    over = [k.row for i, k in enumerate(train) if i not in stay]
    kept = tuple(k for i, k in enumerate(train) if i in stay)
    return kept, tuple(Dropped(row.row_id, "over_limit", f"data.limit is {limit}") for row in over)


def _refuse_nothing_left(
    plan: Plan, sides: Mapping[Split, Sequence[Keyed]], *, n_read: int, dropped: Sequence[Dropped]
) -> None:
    reasons = Counter(d.reason.replace("_", " ") for d in dropped)
    gone = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
    for split, part in sides.items():
        if not part:
            raise DataError(
                f"no {split} row is left",
                where=f"data.{split}",
                why=f"none of the {rows(n_read)} read can be used for it" + (f"; left out: {gone}" if gone else ""),
                fix=f"mend the rows, or name another file: data.{split}=FILE",
            )
    if not named_files(plan, "test") and len(sides["train"]) < 2:
        raise _nothing_to_test_with("one usable row is left, and it is needed for training")


def _refuse_untrainable(plan: Plan, splits: Mapping[Split, Sequence[Keyed]], *, task: Task) -> None:
    if not splits["test"]:
        why = "every row is the only one of its label or its group, so none can be held out"
        raise _nothing_to_test_with(why, is_number=task == "classify" and _are_numbers(splits["train"]))
    labels = {k.row.label for k in splits["train"]}
    if has_head(task) and len(labels) < 2:
        limited = plan.data.limit is not None
        what, why = {
            "regress": ("number", "there is nothing to learn from one that never changes"),
            "multilabel": ("labels", "there is nothing to learn from what never changes"),
        }.get(task, ("label", "a classifier needs at least two"))
        raise DataError(
            f"all train rows have the same {what} {next(iter(labels))!r}",
            where="data.train",
            why=why + (f"; data.limit={plan.data.limit} may hide others" if limited else ""),
            fix="data.label_column=COLUMN for another column, or task=text to train on the text alone",
        )


def _are_numbers(rows: Sequence[Keyed]) -> bool:
    return all(number_of(k.row.label or "") is not None for k in rows)


def _nothing_to_test_with(why: str, *, is_number: bool = False) -> DataError:
    other = "task=regress learns them as numbers; or " if is_number else ""
    fix = f"{other}add rows, or name a test file: data.test=FILE"
    return DataError("nothing left to test with", where="data.train", why=why, fix=fix)


def _lost_most(made: Draft) -> bool:
    """More rows are left out than used, and nobody asked for fewer."""
    n_lost = sum(drop.reason != "over_limit" for drop in made.dropped)
    return 2 * n_lost > made.rows_read


def _summary(made: Draft) -> str:
    kept = ", ".join(f"{len(made.splits[split]):,} {split}" for split in SPLITS)
    left = Counter(d.reason for d in made.dropped)
    out = "; left out: " + ", ".join(f"{n:,} {reason}" for reason, n in sorted(left.items())) if left else ""
    return f"{made.rows_read:,} rows read: {kept}{out}"

"""The files that the plan names, as rows of the splits they were given for.

In: the plan's data section and its folder. Out: Given: rows by split, what could not be used, how each file was read.
Its own file because from here on nobody opens a file of the user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright.core.errors import DataError, PlanError
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.tasks import has_head
from tunewright.core.values import SPLITS, Change, Dropped, Finding, Row, Split
from tunewright.prepare.detect import shape
from tunewright.prepare.reviewed import Decision, read_decisions
from tunewright.tables.content import SHEETS
from tunewright.tables.convert import Converted, converted
from tunewright.tables.files import file_tags
from tunewright.tables.read import read_table
from tunewright.tables.shape import Shape
from tunewright.tables.table import Table, cell_text
from tunewright.tables.words import few, rows
from tunewright.text.private import quoted

_SHOWN_FILES = 5
"""Of the files of a split, those that are told one by one."""


@dataclass(frozen=True, slots=True)
class Given:
    """Every row of every named file. n_read = rows + dropped, always."""

    rows: dict[Split, tuple[Row, ...]]
    """Only of the splits the plan names files for; in the order of the files."""
    dropped: tuple[Dropped, ...]
    findings: tuple[Finding, ...]
    repaired: dict[str, int]
    n_read: int
    shape: Shape
    format: str
    """Of the first train file."""
    decisions: tuple[Decision, ...] = ()
    """What a person wrote into review.csv."""
    changes: tuple[Change, ...] = ()
    """Cells that reading mended."""


def given(plan: Plan, *, folder: Path, tell: Tracker) -> Given:
    """Read, understand and convert every file.

    Raises DataError for a file that cannot be read, holds no row, or lacks a column that the train file has; PlanError
    for a sheet where no file has any.
    """
    tables = {split: _tables(plan, split, folder=folder, tell=tell) for split in SPLITS if named_files(plan, split)}
    first = tables["train"][0]
    _refuse_unused_sheet(plan, [table for some in tables.values() for table in some])
    if not first.records:
        raise DataError(
            "there is no row to train on", where=str(first.path), why=first.how, fix="name another data.train"
        )
    found = shape(first, plan=plan)
    if found.mapping:
        tell(NoteEvent(found.mapping))
    first = _without_records(first)
    parts: dict[Split, list[Converted]] = {split: [] for split in tables}
    for split, some in tables.items():
        for i, table in enumerate(some):
            _refuse_missing_columns(table, found, first=first)
            _refuse_several_labels(table, found)
            _mind_missing_group(table, found, split=split, tell=tell)
            parts[split].append(converted(table, shape=found, system=plan.data.system))
            some[i] = table = _without_records(table)
    made = _collected(tables, parts, found)
    return replace(made, decisions=read_decisions(folder / plan.prepare.review)) if plan.prepare.review else made


def named_files(plan: Plan, split: Split) -> tuple[str, ...]:
    """Files that the plan names for a split; none when it is left open or null."""
    names = getattr(plan.data, split)
    if is_auto(names) or names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)


def _tables(plan: Plan, split: Split, *, folder: Path, tell: Tracker) -> list[Table]:
    names = named_files(plan, split)
    tables = []
    for name, tag in zip(names, file_tags(names), strict=True):
        asked = None if is_auto(plan.data.format) else plan.data.format
        table = read_table(folder / name, role=split, format=asked, sheet=plan.data.sheet, tag=tag)
        assert table.n_read == len(table.records) + len(table.dropped), (name, table.n_read)
        tables.append(table)
    for note in _read(tables, file_tags(names)):
        tell(NoteEvent(note))
    return tables


def _without_records(table: Table) -> Table:
    """What is known of a file whose records are rows by now: both at once would be twice the memory."""
    return replace(table, records=())


def _read(tables: Sequence[Table], tags: Sequence[str]) -> Iterator[str]:
    """How each file was read, a sentence each; of many the first ones and how many rows all have."""
    for table, tag in list(zip(tables, tags, strict=True))[:_SHOWN_FILES]:
        yield f"{tag or table.path.name}{table.how.removeprefix(table.path.name)}"
    if len(tables) > _SHOWN_FILES:
        yield f"and {len(tables) - _SHOWN_FILES:,} more files: {rows(sum(table.n_read for table in tables))} in all"


def _refuse_unused_sheet(plan: Plan, tables: Sequence[Table]) -> None:
    if plan.data.sheet is not None and all(table.format not in SHEETS for table in tables):
        raise PlanError(
            "data.sheet names a sheet, but no file is a workbook",
            where="data.sheet",
            why=f"{tables[0].path.name} is {tables[0].format}",
            fix="data.sheet=null",
        )


def _refuse_missing_columns(table: Table, found: Shape, *, first: Table) -> None:
    if not table.records:
        return
    used = (found.text_column, found.label_column, found.prompt_column, found.completion_column, found.messages_column)
    missing = [column for column in (*used, *found.slice_columns) if column and column not in table.columns]
    if missing:
        raise DataError(
            f"there is no column {' and no column '.join(missing)}",
            where=str(table.path),
            why=f"{first.path.name} has it; this file has {few(table.columns, most=12)}",
            fix="give every file the same columns, or name the columns they share: data.text_column=COLUMN",
        )


def _refuse_several_labels(table: Table, found: Shape) -> None:
    """A list of one label is that label; joined, the labels of others would be a class of their own."""
    column = found.label_column if found.task != "multilabel" else None
    cells = [(record.row_id, record.values.get(column)) for record in table.records] if column else []
    several = [(row_id, cell) for row_id, cell in cells if isinstance(cell, list) and len(cell) > 1]
    if several:
        raise DataError(
            f"the column {column} gives {rows(len(several))} several labels each",
            where=str(table.path),
            why=f"the task {found.task} learns one: {few([row_id for row_id, _ in several])}, "
            f"the first {quoted(cell_text(several[0][1]))}",
            fix=f"task=multilabel learns all of them; or name another column: data.label_column=COLUMN (not {column})",
        )


def _mind_missing_group(table: Table, found: Shape, *, split: Split, tell: Tracker) -> None:
    """Rows of train without their group could stand on both sides; those of other files are only not compared by it."""
    group = found.group_column
    if group is None or group in table.columns or not table.records:
        return
    if split != "train":
        what = f"{table.path.name} has no column {group}: whether its rows share one with train is not looked at"
        tell(NoteEvent(what, level="warning"))
        return
    raise DataError(
        f"there is no column {group}",
        where=str(table.path),
        why=f"rows of one {group} stay together in one split; those of this file could not",
        fix="give every train file the column, or split freely: data.group_column=null",
    )


def _collected(
    tables: Mapping[Split, Sequence[Table]], parts: Mapping[Split, Sequence[Converted]], found: Shape
) -> Given:
    all_tables = [table for some in tables.values() for table in some]
    all_parts = [part for some in parts.values() for part in some]
    made_rows = {split: tuple(row for part in some for row in part.rows) for split, some in parts.items()}
    unlabelled = {r.row_id for some in made_rows.values() for r in some if has_head(found.task) and r.label is None}
    repaired: Counter[str] = Counter()
    for counts in (*(table.repaired for table in all_tables), *(part.repaired for part in all_parts)):
        repaired.update(counts)
    made = Given(
        rows={split: tuple(row for row in some if row.row_id not in unlabelled) for split, some in made_rows.items()},
        dropped=(
            *(d for table in all_tables for d in table.dropped),
            *(d for part in all_parts for d in part.dropped),
            *(
                Dropped(row.row_id, "no_label")
                for some in made_rows.values()
                for row in some
                if row.row_id in unlabelled
            ),
        ),
        findings=(
            *(f for table in all_tables for f in table.findings),
            *(f for part in all_parts for f in part.findings),
        ),
        repaired=dict(repaired),
        n_read=sum(table.n_read for table in all_tables),
        shape=found,
        format=all_tables[0].format,
        changes=tuple(change for part in all_parts for change in part.changes),
    )
    ids = [row.row_id for some in made.rows.values() for row in some] + [d.row_id for d in made.dropped]
    assert len(ids) == made.n_read, (len(ids), made.n_read)
    assert len(set(ids)) == len(ids), f"row ids repeat: {few([i for i, n in Counter(ids).items() if n > 1])}"
    return made

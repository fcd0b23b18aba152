"""A person's decisions about suspicious rows: read from review.csv, and done.

In: the file as it came back from a spreadsheet, the rows. Out: Decision, one a row; the rows as decided. Its own file
because a decision is a person's word: it goes before what a check proposes, and is never guessed.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Literal

from tunewright.core.errors import DataError, PlanError
from tunewright.core.run import MANIFEST
from tunewright.core.values import Action, Change, Dropped, Finding, Row
from tunewright.prepare.examine import Examined, changes_of
from tunewright.prepare.keys import comparable, keyed, text_of
from tunewright.tables.stream import open_stream
from tunewright.tables.table import Record, cell_text
from tunewright.tables.words import few, told
from tunewright.tables.words import rows as rows_of
from tunewright.text.private import quoted
from tunewright.text.review_table import COLUMNS, shown_text

NAME = "review"
"""The check that drops and changes are told under."""
FIELD = "prepare.review"
Word = Literal["keep", "drop", "fix", "label", "open"]
_WORDS: dict[str, Word] = {
    "keep": "keep", "ok": "keep", "drop": "drop", "delete": "drop", "remove": "drop", "fix": "fix", "accept": "fix",
}  # fmt: skip
_HOW = "a decision is keep, drop, fix (take the suggestion), or the label it should have"
_LEAST_SHARED = 0.8
"""Share of the words of the longer text that line and row must share when letters were lost in saving, told by more
question marks than the row has. Of neighbouring rows of banking77 35 in 10,000 share as much."""
_LOST = "?\ufffd"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person wrote beside one row; the word is open where they wrote nothing."""

    row_id: str
    word: Word
    label: str
    """What the cell decision says when it is a label, or the suggestion of the line."""
    line: tuple[str, ...]
    """The cells as they stand in the file, in the order of review.COLUMNS."""
    where: str
    """File and line, for errors."""


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Every line, in the order of the file, whatever a spreadsheet made of it (csv, xlsx, ods).

    Raises PlanError for a file in a run folder, DataError for one that cannot be read, has no column row_id or
    decision, or decides twice about one row.
    """
    _refuse_in_run(path)
    names, rows = _table(path)
    found: dict[str, Decision] = {}
    for record in rows:
        if not isinstance(record, Record):
            raise DataError(
                f"a line cannot be read: {record.reason.replace('_', ' ')}",
                where=f"{path}:{record.row_id.rpartition(':')[2]}",
                why=record.detail,
                fix="save it once more from a spreadsheet as CSV (UTF-8) or xlsx",
            )
        line = tuple(_as_written(cell_text(record.values.get(names.get(name, "")))) for name in COLUMNS)
        where = f"{path}:{record.row_id.rpartition(':')[2]}"
        row_id, said = line[COLUMNS.index("row_id")].strip(), line[COLUMNS.index("decision")].strip()
        if not row_id:
            continue
        other = found.get(row_id)
        if other and said and other.word != "open":
            raise DataError(
                f"two lines decide about {row_id}", where=where, why=f"the other one is {other.where}", fix="leave one"
            )
        if other and not said:
            continue
        word = _WORDS.get(said.lower(), "label") if said else "open"
        label = line[COLUMNS.index("suggestion")] if word == "fix" else said if word == "label" else ""
        found[row_id] = Decision(row_id, word, _without_key(label), line, where)
    return tuple(found.values())


def _table(path: Path) -> tuple[dict[str, str], list[Record | Dropped]]:
    """Names as they stand in the header to the columns that they name, and the lines below it.

    A header of these very names is one, also where a table of two columns and empty cells does not look as if it had
    any.
    """
    stream = open_stream(path, role=NAME, another=_another)
    rows = list(stream)
    names = {column.strip().lower(): column for column in stream.columns}
    first = rows[0] if rows else None
    if not names.keys() >= NEEDED and isinstance(first, Record):
        said = {cell_text(cell).strip().lower(): column for column, cell in first.values.items()}
        names, rows = (said, rows[1:]) if said.keys() >= NEEDED else (names, rows)
    if missing := [name for name in COLUMNS if name in NEEDED - names.keys()]:
        raise DataError(
            f"there is no column {' and no column '.join(missing)}",
            where=str(path),
            why=f"it has {few(stream.columns, most=8)}",
            fix=f"start from the review.csv of a run; its columns are {', '.join(COLUMNS)}",
        )
    return names, rows


NEEDED = frozenset({"row_id", "decision"})


def reviewed(seen: Examined, decisions: Sequence[Decision], *, fixed: frozenset[str] = frozenset()) -> Examined:
    """What was seen, with every decision done: rows dropped, labels changed, one finding that counts them.

    Later checks may not drop or relabel a decided row any more: `settled` names the ones that stay. Repairs came
    before: personal data is masked in a kept row too, and a row that a repair has dropped needs no decision.
    Raises DataError for a row that is not there or says something else now, and for a label that no row has.
    """
    if not decisions:
        return seen
    gone_before = {drop.row_id: drop.reason for drop in seen.dropped}
    others = (*_overruled(decisions, gone_before), *_undecided(decisions))
    lines = [one for one in decisions if one.row_id not in gone_before]
    decisions = decided(lines)
    rows = {k.row.row_id: k.row for part in seen.sides.values() for k in part}
    labels = {row.label for row in rows.values() if row.label is not None}
    _refuse_other_rows(decisions, rows)
    after = {one.row_id: _after(one, rows[one.row_id], labels=labels) for one in decisions}
    changes: list[Change] = []
    for row_id, row in after.items():
        changes += changes_of(rows[row_id], row, check=NAME) if row else ()
    sides = {
        split: tuple(
            k if k.row.row_id not in after else keyed((row,), fixed=fixed)[0]
            for k in part
            if (row := after.get(k.row.row_id, k.row)) is not None
        )
        for split, part in seen.sides.items()
    }
    gone = tuple(Dropped(row_id, NAME, "a person decided so") for row_id, row in after.items() if row is None)
    found = (
        *_finding(decisions, n_changed=len(changes)),
        *_relabelled(decisions, rows, after),
        *_ignored(lines, rows),
        *others,
    )
    return seen.and_then(Examined(sides, found, gone, tuple(changes)))


def decided(lines: Sequence[Decision]) -> tuple[Decision, ...]:
    """The lines in which a person wrote something."""
    return tuple(one for one in lines if one.word != "open")


def settled(decisions: Sequence[Decision]) -> frozenset[str]:
    """Rows that a person decided about and that stay."""
    return frozenset(one.row_id for one in decided(decisions) if one.word != "drop")


def _after(one: Decision, row: Row, *, labels: Collection[str]) -> Row | None:
    """The row as it should be; None when it goes."""
    if one.word == "drop":
        return None
    if one.word == "keep":
        return row
    if not one.label:
        raise DataError(
            f"{one.row_id} should be fixed, and its line suggests nothing",
            where=one.where,
            why=_HOW,
            fix="keep or drop",
        )
    same = [label for label in labels if label.casefold() == one.label.casefold()]
    if one.label not in labels and len(same) == 1:
        return replace(row, label=same[0])
    if one.label not in labels:
        near = difflib.get_close_matches(one.label, labels, n=1, cutoff=0.5)
        raise DataError(
            f"{one.label!r} is no decision" + (", and no label of the data" if labels else ""),
            where=one.where,
            why=f"did you mean {near[0]!r}? {_HOW}" if near else _HOW,
            fix=f"write {near[0]!r}, keep or drop" if near else "write keep or drop",
        )
    return replace(row, label=one.label)


def _refuse_other_rows(decisions: Sequence[Decision], rows: Mapping[str, Row]) -> None:
    """The decisions must be about these rows: a line number means another row once the file was changed."""
    for one in decisions:
        row = rows.get(one.row_id)
        if row is not None and _is_about(one, row):
            continue
        says = "is not among the rows" if row is None else f"says something else: {shown_text(text_of(row))[:60]!r}"
        raise DataError(
            f"{one.row_id} {says}",
            where=one.where,
            why="the data has changed since this file was written, or its letters were lost when it was saved",
            fix=f"leave {FIELD} out, run `tunewright prepare` and take the new review.csv",
        )


def _is_about(one: Decision, row: Row) -> bool:
    """A line without its text is taken at its word."""
    line, now = one.line[COLUMNS.index("text")], shown_text(text_of(row))
    said, says = comparable(line), comparable(now)
    if not line.strip() or said == says:
        return True
    if sum(map(line.count, _LOST)) <= sum(map(now.count, _LOST)):
        return False
    first, second = Counter(said.split()), Counter(says.split())
    return (first & second).total() >= _LEAST_SHARED * max(first.total(), second.total())


def _finding(decisions: Sequence[Decision], *, n_changed: int) -> tuple[Finding, ...]:
    if not decisions:
        return ()
    ids = tuple(one.row_id for one in decisions)
    n_dropped = sum(one.word == "drop" for one in decisions)
    n_kept = len(ids) - n_dropped - n_changed
    done = f"{n_dropped:,} left out, {n_changed:,} given another label, {n_kept:,} kept as they are"
    message = f"{told(len(ids), 'was', 'were')} decided by a person: {done}"
    action: Action = "fix" if n_changed else "drop" if n_dropped else "report"
    return (Finding(NAME, "info", message, ids, "each stands in prepare/ledger.json under reviewed", action),)


def _relabelled(
    decisions: Sequence[Decision], rows: Mapping[str, Row], after: Mapping[str, Row | None]
) -> tuple[Finding, ...]:
    """Decided rows whose label is not the one that the person saw beside them, unless the decision gives them that."""
    said = {one.row_id: one.line[COLUMNS.index("label")].strip() for one in decisions}
    ids = tuple(
        row_id
        for row_id, label in said.items()
        if label not in ("", rows[row_id].label) and ((row := after[row_id]) is None or row.label != label)
    )
    if not ids:
        return ()
    labels = f"{quoted(said[ids[0]])} in the review and {quoted(rows[ids[0]].label or '')} in the data"
    what = f"{told(len(ids), 'was', 'were')} decided with another label in the review than in the data"
    message = f"{what}, as {few(ids)} (the first: {labels}); the decisions are done all the same"
    return (Finding(NAME, "warning", message, ids, "look whether they still hold; the new review.csv has the labels"),)


def _undecided(decisions: Sequence[Decision]) -> tuple[Finding, ...]:
    """A file that somebody named and in which nothing is decided is no work done."""
    if decided(decisions):
        return ()
    message = f"{FIELD} names a file in which nothing is decided yet"
    return (Finding(NAME, "warning", message, (), "fill in its column decision: keep, drop, fix, or a label"),)


def _overruled(decisions: Sequence[Decision], gone: Mapping[str, str]) -> tuple[Finding, ...]:
    """Rows that a person wanted and that a repair has dropped: the plan said so, and it is said here."""
    ids = tuple(one.row_id for one in decisions if one.word not in ("open", "drop") and one.row_id in gone)
    if not ids:
        return ()
    checks = list(dict.fromkeys(gone[row_id] for row_id in ids))
    message = (
        f"{told(len(ids), 'was', 'were')} to stay by a person's decision, and the plan drops what {few(checks)} finds"
    )
    return (Finding(NAME, "warning", message, ids, f"keep them: prepare.actions.{checks[0]}=report", "drop"),)


def _ignored(lines: Sequence[Decision], rows: Mapping[str, Row]) -> tuple[Finding, ...]:
    """Lines whose label was changed and not their decision: nothing is done by them, and that is said."""
    at = COLUMNS.index("label")
    ids = tuple(
        one.row_id
        for one in lines
        if one.word == "open" and one.row_id in rows and one.line[at].strip() not in ("", rows[one.row_id].label)
    )
    if not ids:
        return ()
    what = f"{rows_of(len(ids))} with another label in the review than in the data and no decision"
    suggestion = "write the new label into the column decision; the column label only shows what the data say"
    return (Finding(NAME, "warning", f"{what}, as {few(ids)}; nothing is done", ids, suggestion),)


def _refuse_in_run(path: Path) -> None:
    if (path.resolve().parent.parent / MANIFEST).is_file():
        raise PlanError(
            "this file is a run's own, and is made anew with it: decisions in it would be lost",
            where=FIELD,
            why=str(path),
            fix=f"cp {quote(str(path))} . and {FIELD}={quote(path.name)} (paths start from the plan's own folder)",
        )


def _another(path: Path | None) -> str:
    return f"{FIELD}={quote(str(path))}" if path else "paths start from the plan's own folder"


def _as_written(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from computing."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "\t") else cell


def _without_key(said: str) -> str:
    """
    >>> _without_key("label: refund"), _without_key("refund")
    ('refund', 'refund')
    """
    key, mark, name = said.partition(":")
    return (name if mark and key.strip().lower() == "label" else said).strip()

"""Text that has nothing to do with the task: what a tuned model must not have forgotten how to read.

In: evaluate.general: shipped, none, or a file. Out: General, or DataError before any training. Its own file because the
file is asked for three times: is it good, was it changed, what does it say.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from tunewright.core.errors import DataError
from tunewright.core.evaluate_plan import NO_GENERAL, SHIPPED
from tunewright.core.files import file_digest
from tunewright.core.section import is_auto
from tunewright.core.tasks import has_head
from tunewright.core.values import Choice, Row, Task
from tunewright.tables.names import TEXT, plain
from tunewright.tables.table import Table, cell_text

FIELD = "evaluate.general"
MOST_PARAGRAPHS = 200
"""Of a file, drawn by seed: what reading them twice may cost."""
_SHIPPED = Path(__file__).with_name("general.jsonl")
"""100 paragraphs of English on 6 topics, written for this project."""


@dataclass(frozen=True, slots=True)
class General:
    """Paragraphs, each a Row whose label is its topic."""

    source: str
    """shipped, or the file's name."""
    rows: tuple[Row, ...]
    n_read: int
    """Different paragraphs that the file has; more than `rows` where some were drawn."""


def general_text(name: str, *, seed: int) -> General:
    """What evaluate.general names, which is not none; repeated and empty paragraphs are left out.

    Raises DataError for a file without text.
    """
    if name == SHIPPED:
        records = [json.loads(line) for line in _SHIPPED.read_text(encoding="utf-8").splitlines()]
        rows = tuple(Row(f"general:{i}", text=r["text"], label=r["topic"]) for i, r in enumerate(records, start=1))
        return General(SHIPPED, rows, len(rows))
    from tunewright.tables.read import read_table  # half a second of readers that a finished run does without

    path = Path(name)
    table = read_table(path, role="general")
    column = _text_column(table)
    first: dict[str, str] = {}
    for record in table.records:
        first.setdefault(cell_text(record.values.get(column)).strip(), record.row_id)
    rows = tuple(Row(row_id, text=text) for text, row_id in first.items() if text)
    if not rows:
        raise DataError(
            "there is no text in this file",
            where=f"{path} ({FIELD})",
            why=f"all {len(table.records)} cells of its column {column} are empty",
            fix=f"{FIELD}={SHIPPED}, or a file with one paragraph a line",
        )
    return General(path.name, _drawn(rows, seed=seed), len(rows))


def general_choice(task: Task) -> Choice:
    """What is chosen for a plan that says nothing."""
    if has_head(task):
        return Choice(FIELD, NO_GENERAL, "a model that gives labels or numbers writes no text")
    return Choice(FIELD, SHIPPED, "100 paragraphs on 6 topics, read before and after tuning: a gain is half the truth")


def general_digest(name: str) -> str:
    """Of what would be read; empty for none and for what is not decided yet.

    Raises DataError when there is no such file.
    """
    if is_auto(name) or name == NO_GENERAL:
        return ""
    path = _SHIPPED if name == SHIPPED else Path(name)
    if not path.is_file():
        raise DataError(
            f"there is no file {path}",
            where=FIELD,
            why="it is shipped, none, or a file; paths start from the plan's own folder",
            fix=f"ls {quote(str(path.parent))}, or {FIELD}={SHIPPED}",
        )
    return file_digest(path)


def refuse_bad_general(name: str) -> None:
    """Raises DataError for a file that is not there, cannot be read or has no text: better now than after training."""
    if not is_auto(name) and name not in (NO_GENERAL, SHIPPED):
        general_digest(name)
        general_text(name, seed=0)


def _drawn(rows: Sequence[Row], *, seed: int) -> tuple[Row, ...]:
    if len(rows) <= MOST_PARAGRAPHS:
        return tuple(rows)
    kept = set(random.Random(f"general:{seed}").sample(range(len(rows)), MOST_PARAGRAPHS))
    return tuple(row for i, row in enumerate(rows) if i in kept)


def _text_column(table: Table) -> str:
    """The only one, else the first whose name says text, else the one with the longest cells."""
    named = [column for column in table.columns if plain(column) in TEXT]
    if len(table.columns) == 1 or named:
        return (named or list(table.columns))[0]
    return max(table.columns, key=lambda name: sum(len(cell_text(r.values.get(name))) for r in table.records))

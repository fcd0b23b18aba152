"""Rows of cells under a header, as records.

In: lines of cells, of a delimited file or a sheet. Out: Grid: columns, and each line as a record or as a drop.
Its own file because a spreadsheet and a CSV of the same cells must give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from tunewright.core.errors import DataError
from tunewright.core.values import Dropped
from tunewright.tables.again import Again
from tunewright.tables.delimited import Line
from tunewright.tables.header import HEAD_LINES, Header, header
from tunewright.tables.table import Record

MOST_ABOVE = 10
"""Lines that a title may have. Ours: a logo, a name, a date and some space."""
_LABEL_CHARACTERS = 32
_MOST_KNOWN = 1000
"""Cells that are kept once though they come back in every row: as many and as long as labels are. In a million rows of
id, text and label they take 61 MB less, reading takes 3 % longer."""
RowId = Callable[[int], str]
"""A line's number as a row id."""


@dataclass(frozen=True, slots=True)
class Grid:
    head: Header
    columns: tuple[str, ...]
    """The header's without those that have neither a name nor a value."""
    n_rows: int
    rows: Again[Record | Dropped]


def grid(lines: Iterable[Line], *, n_lines: int, width: int, row_id: RowId, where: str) -> Grid:
    """The lines as rows.

    n_lines: all of them. width: the most frequent number of cells. where: the first line, for errors.
    Raises DataError when there is nothing below the header.
    """
    first = list(islice(lines, HEAD_LINES))
    n_above = _above(first, width=width)
    first, n_lines = first[n_above:], n_lines - n_above
    head = replace(header(first, width=width), n_above=n_above)
    if n_lines == 1 and head.is_found:
        why = f"its only line is {', '.join(head.columns)}"[:200]
        fix = "add rows below the header, or name another file"
        raise DataError("the file has a header and no rows", where=where, why=why, fix=fix)
    below = Again(lambda: islice(lines, n_above + head.is_found, None))
    columns = _used_columns(head.columns, below)
    names = first[0].cells if head.is_found else None
    row = partial(_row, columns=head.columns, used=columns, names=names, row_id=row_id, known={})
    rows = Again(lambda: map(row, below))
    return Grid(head, columns, n_lines - head.is_found, rows)


def _above(first: Sequence[Line], *, width: int) -> int:
    """Lines of one filled cell above a header: the title of a sheet that was made to be printed."""
    n_filled = [sum(1 for cell in line.cells if cell.strip()) for line in first[: MOST_ABOVE + 1]]
    n_titles = next((i for i, n in enumerate(n_filled) if n > 1), 0)
    is_wide = n_titles > 0 and 2 * n_filled[n_titles] > width >= 2
    return n_titles if is_wide and header(first[n_titles:], width=width).is_found else 0


def _row(
    line: Line,
    *,
    columns: Sequence[str],
    used: Sequence[str],
    names: tuple[str, ...] | None,
    row_id: RowId,
    known: dict[str, str],
) -> Record | Dropped:
    """known: short cells seen before; grows."""
    if any(cell.strip() for cell in line.cells[len(columns) :]):
        return Dropped(row_id(line.number), "ragged", f"{len(line.cells)} cells instead of {len(columns)}")
    if line.cells == names:
        return Dropped(row_id(line.number), "repeated_header", "the names of the columns again")
    cells = dict(zip(columns, (_shared(cell, known) for cell in line.cells), strict=False))
    return Record(row_id(line.number), {name: cells.get(name) for name in used})


def _shared(cell: str, known: dict[str, str]) -> str:
    """The cell, or the equal one that is held already."""
    if len(cell) > _LABEL_CHARACTERS:
        return cell
    return known.setdefault(cell, cell) if len(known) < _MOST_KNOWN else known.get(cell, cell)


def _used_columns(columns: Sequence[str], lines: Iterable[Line]) -> tuple[str, ...]:
    """Without those that have neither a name nor a value: a spreadsheet's empty columns."""
    unnamed = {i for i, name in enumerate(columns) if name == f"column_{i + 1}"}
    empty = set(unnamed)
    for line in lines if unnamed else ():
        empty -= {i for i in empty if i < len(line.cells) and line.cells[i].strip()}
        if not empty:
            break
    return tuple(name for i, name in enumerate(columns) if i not in empty)

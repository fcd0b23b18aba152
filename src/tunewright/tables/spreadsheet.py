"""A sheet of an Excel or OpenDocument workbook as lines of cells.

In: a workbook and which sheet is wanted. Out: Sheet. Its own file because a cell of a workbook is a number, a date or a
time, and must become the text that a person sees in it.
"""

from __future__ import annotations

import difflib
import io
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from tunewright.core.errors import DataError
from tunewright.tables.content import Source
from tunewright.tables.delimited import Line
from tunewright.tables.table import cell_text

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""Name of the stream that holds a protected xlsx. Source: MS-OFFCRYPTO 2.3.4.4."""
_STDERR = 2
"""POSIX's number of the stream."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet's rows. Empty rows are no rows."""

    name: str
    lines: tuple[Line, ...]
    """Numbered as the spreadsheet shows them; all of one length."""
    n_merged: int
    """Cells that have their value from the merged cell above."""
    others: tuple[str, ...]
    """Sheets that have rows too, when nobody said which one is meant."""


def sheet_of(source: Source, *, wanted: str | None) -> Sheet:
    """The sheet with this name; the first that has two rows, a name and a value, when none is named.

    Hidden sheets come last. Raises DataError: no such sheet, no rows, a password, damage.
    """
    data = source.whole()
    with _reading(source, data), _silent_panics(), CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        about = sorted(book.sheets_metadata, key=lambda sheet: sheet.visible != SheetVisibleEnum.Visible)
        names = [sheet.name for sheet in about if sheet.typ == SheetTypeEnum.WorkSheet]
        if wanted is not None and wanted not in names:
            raise _no_sheet(source, wanted, names)
        sheets = {name: book.get_sheet_by_name(name) for name in names}
        filled = [name for name, sheet in sheets.items() if sheet.start is not None]
        full = [name for name in filled if sheets[name].height > 1]
        name = wanted or next(iter([*full, *filled]), None)
        if name not in filled:
            raise _is_empty(source, name)
        n_merged, lines = _lines(sheets[name])
    return Sheet(name, lines, n_merged, () if wanted else tuple(other for other in filled if other != name))


def _lines(sheet: CalamineSheet) -> tuple[int, tuple[Line, ...]]:
    assert sheet.start is not None
    top, left = sheet.start
    cells = [[_text(value) for value in row] for row in sheet.to_python()]
    n_merged = 0
    # Only the first cell of a merged block has a value: the rows below it mean the same, the cells beside it do not.
    for (first, column), (last, _) in sheet.merged_cell_ranges or ():
        for row in range(first - top + 1, min(last - top + 1, len(cells))):
            if 0 <= column - left < len(cells[row]) and first >= top and not cells[row][column - left]:
                cells[row][column - left] = cells[first - top][column - left]
                n_merged += bool(cells[row][column - left])
    numbered = enumerate(cells, top + 1)
    return n_merged, tuple(Line(number, tuple(row)) for number, row in numbered if any(cell.strip() for cell in row))


def _text(value: Any) -> str:
    """What a person sees: 3 for 3.0, 2024-01-31, 30:05:00 for a duration; a cell with an error is empty.

    >>> _text(3.0), _text(timedelta(hours=30, minutes=5))
    ('3', '30:05:00')
    """
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return cell_text(value)


@contextmanager
def _reading(source: Source, data: bytes) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except BaseException as error:
        # pyo3 makes a panic of calamine's a BaseException that cannot be imported.
        if not isinstance(error, CalamineError) and type(error).__name__ != "PanicException":
            raise
        if _ENCRYPTED in data:
            raise DataError(
                "the workbook is protected by a password",
                where=str(source.path),
                why="its content is encrypted",
                fix="open it, take the password off (File > Info > Protect Workbook), and save it",
            ) from error
        raise DataError(
            "the workbook cannot be read",
            where=str(source.path),
            why="it is damaged, protected by a password, or another kind of Office document",
            fix="open it, choose File > Save as > Excel workbook (xlsx), and name that file",
        ) from error


@contextmanager
def _silent_panics() -> Iterator[None]:
    """A panic of calamine's (an xls that lacks its last 5 bytes) writes "thread panicked" past Python to stderr."""
    with Path(os.devnull).open("wb") as nowhere:
        stderr = os.dup(_STDERR)
        os.dup2(nowhere.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)


def _no_sheet(source: Source, wanted: str, names: Sequence[str]) -> DataError:
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    meant = f", did you mean {near[0]!r}?" if near else ""
    return DataError(
        f"there is no sheet {wanted!r}{meant}",
        where=f"{source.path} (data.sheet)",
        why=f"its sheets are {', '.join(names)}",
        fix=f"data.sheet={shlex.quote((near or list(names))[0])}",
    )


def _is_empty(source: Source, name: str | None) -> DataError:
    what = f"the sheet {name!r} has no rows" if name else "the workbook has no rows"
    return DataError(what, where=str(source.path), why="all its cells are empty", fix="name a file with rows")

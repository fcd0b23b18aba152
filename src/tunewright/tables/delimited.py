"""Lines of delimited text as rows of cells, under one reading of the quotes.

In: lines. Out: rows, each with the physical line it starts on, one at a time. Its own file because finding out how a
file is written and then reading it must split the lines by the same code.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

_LONGEST_CELL_LINES = 500
"""A quoted cell of a damaged file that has not closed by then is a stray quote."""
_LONGEST_CELL_CHARACTERS = 2**24
"""A quoted cell that has not closed by then is one too, so that it cannot fill the memory."""
_NO_LIMIT = 2**31 - 1
"""The csv module's largest. Without quotes a cell is never longer than its line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of cells; none of a blank line."""

    number: int
    """Physical line it starts on, from 1."""
    cells: tuple[str, ...]
    is_stray: bool = False
    """A stray quote stands in it; it is read as it stands."""
    is_open: bool = False
    """It opens a quote that never closes."""


def strict_rows(
    lines: Iterable[str], *, delimiter: str, quote: str, escape: str | None = None, skip_blanks: bool = False
) -> Iterator[Line]:
    """The rows; raises csv.Error where a quote does not open and close as it should."""
    reader = csv.reader(
        lines, delimiter=delimiter, quotechar=quote, escapechar=escape, skipinitialspace=skip_blanks, strict=True
    )
    start = 1
    for cells in _rows(reader, limit=_LONGEST_CELL_CHARACTERS):
        yield Line(start, tuple(cells))
        start = reader.line_num + 1


def bare_rows(lines: Iterable[str], *, delimiter: str) -> Iterator[Line]:
    """Every physical line a row, quotes as letters."""
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    for number, cells in enumerate(_rows(reader, limit=_NO_LIMIT), 1):
        yield Line(number, tuple(cells))


def opens_only(cells: Sequence[str], *, quote: str) -> bool:
    """A cell, read as it stands, begins with a quote, and the line has one too many.

    >>> opens_only(['"refund today', "refund"], quote='"'), opens_only(['"Go" he said', "no"], quote='"')
    (True, False)
    """
    return any(cell.startswith(quote) for cell in cells) and sum(cell.count(quote) for cell in cells) % 2 == 1


def mended_rows(lines: Iterable[str], *, delimiter: str, quote: str, width: int) -> Iterator[Line]:
    """Row by row: well-quoted ones as they are meant, a line with a stray quote as it stands.

    A cell that runs over lines which are whole rows by themselves is a stray quote, not a long cell.
    """
    rest, ahead, number = iter(lines), list[str](), 1
    while ahead or (ahead := list(islice(rest, 1))):
        row = _first_row(_looking_ahead(ahead, rest), delimiter=delimiter, quote=quote)
        n_used = row.n_lines if row else 0
        inner = [_cells(line, delimiter=delimiter) for line in ahead[1:n_used]]
        if row is None or (inner and all(len(cells) == width for cells in inner)):
            n_used = 1
            cells = tuple(_cells(ahead[0], delimiter=delimiter))
            yield Line(number, cells, is_stray=True, is_open=opens_only(cells, quote=quote))
        else:
            yield Line(number, row.cells)
        del ahead[:n_used]
        number += n_used


@dataclass(frozen=True, slots=True)
class _Row:
    cells: tuple[str, ...]
    n_lines: int


def _first_row(lines: Iterable[str], *, delimiter: str, quote: str) -> _Row | None:
    """The well-quoted row that starts here; None when there is none."""
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    try:
        cells = next(_rows(reader, limit=_LONGEST_CELL_CHARACTERS))
    except (csv.Error, StopIteration):
        return None
    return _Row(tuple(cells), reader.line_num)


def _looking_ahead(ahead: list[str], rest: Iterator[str]) -> Iterator[str]:
    """The lines of a damaged file's next row, kept in `ahead` so that they can be read again as rows of their own."""
    for i in range(_LONGEST_CELL_LINES):
        ahead.extend(islice(rest, 1) if i == len(ahead) else ())
        if i == len(ahead):
            return
        yield ahead[i]


def _cells(line: str, *, delimiter: str) -> list[str]:
    return next(_rows(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), limit=_NO_LIMIT), [])


def _rows(reader: Iterator[list[str]], *, limit: int) -> Iterator[list[str]]:
    """The csv module's limit is global: it is changed while a row is read, never longer."""
    while True:
        before = csv.field_size_limit(limit)
        try:
            cells = next(reader)
        except StopIteration:
            return
        finally:
            csv.field_size_limit(before)
        yield cells

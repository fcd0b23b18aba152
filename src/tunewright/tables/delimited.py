"""Delimited text as lines of cells: which delimiter, and whether quotes mean anything.

In: the text of a csv, tsv, semicolon or pipe file. Out: Delimited, every row with the physical line it starts on.
Its own file because one quote read wrongly swallows rows without an error: each reading is checked against the lines.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import clevercsv

from tunewright.tables.names import is_known

Quotes = Literal["quoted", "escaped", "spaced", "none", "mended"]
"""quoted: RFC 4180. escaped: a backslash before a quote. spaced: a blank before the quote. none: quotes are letters.
mended: quoted, but lines with stray quotes are read without."""

DELIMITERS = (",", "\t", ";", "|")
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
_SAMPLE_CHARACTERS = 100_000
"""Enough to tell the delimiter; the quotes are checked on the whole file."""
_MIN_SHARE = 0.7
"""Share of rows that must have the same number of cells before a character counts as the delimiter."""
_STRAY_SHARE = 0.05
"""Share of quoted lines whose quotes do not close, above which quotes are letters. SMS Spam's sms.tsv: 21 %; a proper
csv with a slip: well below 1 %."""
_LONGEST_CELL_LINES = 500
"""A quoted cell of a damaged file that has not closed by then is a stray quote."""
_CLEVER_CHARACTERS = 10_000
"""clevercsv tries many dialects; more text makes it slow, not better."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of cells."""

    number: int
    """Physical line it starts on, from 1."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delimited:
    """A delimited file, split into cells. Blank lines are no rows."""

    delimiter: str
    """Empty: one column."""
    quotes: Quotes
    lines: tuple[Line, ...]
    width: int
    """The most frequent number of cells."""
    n_stray: int = 0
    """Lines with a stray quote, read as they stand."""
    quote: str = '"'


def delimited(text: str, *, prefer: str = ",") -> Delimited:
    """The cells of a file.

    prefer: the delimiter that wins when another fits equally well.

    >>> delimited("a;b\\n1;2\\n").lines[1]
    Line(number=2, cells=('1', '2'))
    """
    with _long_cells():
        delimiter, quote = _delimiter(_sample(text), prefer=prefer)
        return _split(text, delimiter=delimiter, quote=quote)


@contextmanager
def _long_cells() -> Iterator[None]:
    """The csv module's limit is global: lift it here only."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _sample(text: str) -> str:
    if len(text) <= _SAMPLE_CHARACTERS:
        return text
    end = text.rfind("\n", 0, _SAMPLE_CHARACTERS)
    return text[: end if end > 0 else _SAMPLE_CHARACTERS]


def _delimiter(sample: str, *, prefer: str) -> tuple[str, str]:
    """The delimiter and the quote character; an empty delimiter when every line is one cell."""
    ordered = sorted(DELIMITERS, key=lambda d: d != prefer)
    fits = {d: _split(sample, delimiter=d) for d in ordered if d in sample}
    good = {d: _share(fit) for d, fit in fits.items() if fit.width > 1 and _share(fit) >= _MIN_SHARE}
    best = max(good.values(), default=0.0)
    tied = [d for d, share in good.items() if share == best]
    if len(tied) == 1:
        return tied[0], '"'
    fits = {d: fit for d, fit in fits.items() if fit.lines}
    clever = _clever(sample) if tied or not any(_looks_plain(fit) for fit in fits.values()) else None
    if clever is not None and (not tied or clever[0] in tied):
        return clever
    named = [d for d, fit in fits.items() if len(fit.lines[0].cells) > 1 and all(map(is_known, fit.lines[0].cells))]
    return max(tied or named[:1], key=lambda d: fits[d].width, default=""), '"'


def _share(split: Delimited) -> float:
    """Share of rows that have the usual number of cells; trailing empty cells do not count against a row."""
    n_same = sum(1 for line in split.lines if _used(line, width=split.width) == split.width)
    return n_same / len(split.lines) if split.lines else 0.0


def _used(line: Line, *, width: int) -> int:
    n = len(line.cells)
    return width if n > width and not any(line.cells[width:]) else n


def _looks_plain(split: Delimited) -> bool:
    """Most lines hold no such character at all: this is one column, not a messy dialect."""
    return split.width == 1 and _share(split) >= _MIN_SHARE


def _clever(sample: str) -> tuple[str, str] | None:
    """clevercsv's verdict, checked: it must split nearly every line alike, and not at blanks, letters or quotes."""
    head = sample[:_CLEVER_CHARACTERS]
    try:
        dialect = clevercsv.Sniffer().sniff(head)
    except (clevercsv.Error, ValueError, IndexError, re.error, UnicodeError):
        return None
    if dialect is None:
        return None
    delimiter, quote = dialect.delimiter or "", "'" if dialect.quotechar == "'" else '"'
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in " \r\n\"'.":
        return None
    fit = _split(sample, delimiter=delimiter, quote=quote)
    return (delimiter, quote) if fit.width > 1 and _share(fit) >= 0.9 else None


def _split(text: str, *, delimiter: str, quote: str = '"') -> Delimited:
    """Cells by this delimiter, with the reading of quotes that the lines bear out."""
    if not delimiter:
        return _one_column(text)
    physical = list(io.StringIO(text, newline=""))
    quoted = _strict(physical, delimiter=delimiter, quote=quote)
    if quote not in text:
        return _made(delimiter, "quoted", quoted or [], quote=quote)
    bare = _bare(physical, delimiter=delimiter)
    if quoted is not None and not (delimiter == "\t" and len(quoted) < len(bare) and _is_even(bare)):
        return _with_blanks(physical, delimiter=delimiter, quote=quote, quoted=quoted, text=text)
    if quoted is None and "\\" + quote in text:
        escaped = _strict(physical, delimiter=delimiter, quote=quote, escape="\\")
        if escaped is not None:
            return _made(delimiter, "escaped", escaped, quote=quote)
    if quoted is not None or (_is_even(bare) and _stray_share(physical, delimiter, quote) > _STRAY_SHARE):
        return _made(delimiter, "none", bare, quote=quote)
    return _mended(physical, delimiter=delimiter, quote=quote, width=_width(bare))


def _made(delimiter: str, quotes: Quotes, lines: Sequence[Line], *, quote: str, n_stray: int = 0) -> Delimited:
    return Delimited(delimiter, quotes, tuple(lines), _width(lines), n_stray, quote)


def _width(lines: Sequence[Line]) -> int:
    return Counter(len(line.cells) for line in lines).most_common(1)[0][0] if lines else 0


def _is_even(lines: Sequence[Line]) -> bool:
    """Every line has the same number of cells, at least two."""
    widths = {len(line.cells) for line in lines}
    return len(widths) == 1 and min(widths) > 1


def _strict(
    physical: Sequence[str], *, delimiter: str, quote: str, escape: str | None = None, skip_blanks: bool = False
) -> list[Line] | None:
    """The rows when every quote opens and closes where it should, else None."""
    reader = csv.reader(
        physical, delimiter=delimiter, quotechar=quote, escapechar=escape, skipinitialspace=skip_blanks, strict=True
    )
    lines, start = [], 1
    try:
        for cells in reader:
            if cells:
                lines.append(Line(start, tuple(cells)))
            start = reader.line_num + 1
    except csv.Error:
        return None
    return lines


def _bare(physical: Sequence[str], *, delimiter: str) -> list[Line]:
    """Every physical line a row, quotes as letters."""
    reader = csv.reader(physical, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return [Line(number, tuple(cells)) for number, cells in enumerate(reader, 1) if cells]


def _with_blanks(physical: Sequence[str], *, delimiter: str, quote: str, quoted: list[Line], text: str) -> Delimited:
    """The strict reading; or the one that skips blanks before a quote, when it makes more rows alike."""
    made = _made(delimiter, "quoted", quoted, quote=quote)
    if delimiter + " " + quote in text and _share(made) < 1:
        spaced = _strict(physical, delimiter=delimiter, quote=quote, skip_blanks=True)
        other = _made(delimiter, "spaced", spaced or [], quote=quote)
        return other if _share(other) > _share(made) else made
    return made


def _stray_share(physical: Sequence[str], delimiter: str, quote: str) -> float:
    """Of the lines with a quote at the start of a cell, those that are not well quoted on their own."""
    opening = [line for line in physical if line.startswith(quote) or delimiter + quote in line]
    n_stray = sum(1 for line in opening if _strict([line], delimiter=delimiter, quote=quote) is None)
    return n_stray / len(opening) if opening else 0.0


def _mended(physical: Sequence[str], *, delimiter: str, quote: str, width: int) -> Delimited:
    """Row by row: well-quoted ones as they are meant, a line with a stray quote as it stands."""
    lines: list[Line] = []
    i = n_stray = 0
    while i < len(physical):
        cells, n_used = _next_row(physical, i, delimiter=delimiter, quote=quote, width=width)
        if not n_used:
            cells, n_used, n_stray = _cells(physical[i], delimiter=delimiter), 1, n_stray + 1
        if cells:
            lines.append(Line(i + 1, tuple(cells)))
        i += n_used
    return _made(delimiter, "mended", lines, quote=quote, n_stray=n_stray)


def _next_row(physical: Sequence[str], start: int, *, delimiter: str, quote: str, width: int) -> tuple[list[str], int]:
    """The well-quoted row that starts here and how many physical lines it takes; ([], 0) when there is none.

    A cell that runs over lines which are whole rows by themselves is a stray quote, not a long cell.
    """
    reader = csv.reader(
        islice(physical, start, start + _LONGEST_CELL_LINES), delimiter=delimiter, quotechar=quote, strict=True
    )
    try:
        cells = next(reader)
    except (csv.Error, StopIteration):
        return [], 0
    n_used = reader.line_num
    inner = physical[start + 1 : start + n_used]
    is_swallowing = n_used > 1 and all(len(_cells(line, delimiter=delimiter)) == width for line in inner)
    return ([], 0) if is_swallowing else (cells, n_used)


def _cells(line: str, *, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])


def _one_column(text: str) -> Delimited:
    """Lines of one cell; quotes around a whole cell are taken off when all of them close."""
    # A character that no text holds: the rows split at line ends and quotes only.
    made = _split(text.replace("\x1f", " "), delimiter="\x1f")
    return Delimited("", made.quotes, made.lines, made.width, made.n_stray)

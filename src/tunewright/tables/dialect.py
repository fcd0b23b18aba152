"""How a delimited file is written: which delimiter, and whether quotes mean anything.

In: the lines of a csv, tsv, semicolon or pipe file. Out: Dialect, and by it the file's rows. Its own file because one
quote read wrongly swallows rows without an error: each reading is checked on all lines.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import clevercsv

from tunewright.tables.again import Again
from tunewright.tables.delimited import Line, bare_rows, mended_rows, opens_only, strict_rows
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
_NO_DELIMITER = "\x1f"
"""Stands for "one column": lines are rid of it, so rows split at line ends and quotes only."""
_LONG_WORD = re.compile(r"(\w{60})\w+")
"""It tells nothing of a delimiter, and clevercsv's search for addresses takes .3 s for a word of 5,000 letters."""
_CLEVER_CHARACTERS = 10_000
"""clevercsv tries many dialects; more text makes it slow, not better."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are told apart."""

    delimiter: str
    """Empty: one column."""
    quotes: Quotes
    quote: str
    width: int
    """The most frequent number of cells."""
    n_lines: int
    """Rows, blank lines are none."""
    share: float
    """Of the rows, those with that many cells; empty ones at the end do not count against a row."""
    is_even: bool
    """Every row has the same number of cells, at least two."""
    n_stray: int
    """Lines with a stray quote, read as they stand."""
    bare_width: int
    """The most frequent number of cells when quotes are letters."""
    open_line: int = 0
    """The first line that opens a quote which never closes; 0 when there is none."""


def dialect(lines: Iterable[str], *, prefer: str = ",") -> Dialect:
    """How the file is written, checked on all its lines; they are gone through several times.

    prefer: the delimiter that wins when another fits equally well.

    >>> found = dialect(["a;b\\n", "1;2\\n"])
    >>> found.delimiter, found.n_lines, found.width
    (';', 2, 2)
    """
    delimiter, quote = _delimiter(_sample(lines), prefer=prefer)
    return _fit(lines, delimiter=delimiter, quote=quote)


def rows_of(lines: Iterable[str], written: Dialect) -> Iterator[Line]:
    """The rows, one at a time; what is held is a row, and 500 lines where a quote does not close.

    >>> lines = ["a;b\\n", "1;2\\n"]
    >>> list(rows_of(lines, dialect(lines)))[1].cells
    ('1', '2')
    """
    delimiter, quote = written.delimiter or _NO_DELIMITER, written.quote
    lines = _physical(lines, written.delimiter)
    if written.quotes == "none":
        rows = bare_rows(lines, delimiter=delimiter)
    elif written.quotes == "mended":
        rows = mended_rows(lines, delimiter=delimiter, quote=quote, width=written.bare_width)
    else:
        escape, is_spaced = "\\" if written.quotes == "escaped" else None, written.quotes == "spaced"
        rows = strict_rows(lines, delimiter=delimiter, quote=quote, escape=escape, skip_blanks=is_spaced)
    return _counted(rows, delimiter=written.delimiter)


def _sample(lines: Iterable[str]) -> list[str]:
    sample: list[str] = []
    n_left = _SAMPLE_CHARACTERS
    for line in lines:
        if len(line) > n_left:
            return sample or [line[:n_left]]
        sample.append(line)
        n_left -= len(line)
    return sample


def _delimiter(sample: Sequence[str], *, prefer: str) -> tuple[str, str]:
    """The delimiter and the quote character; an empty delimiter when every line is one cell."""
    text = "".join(sample)
    ordered = sorted(DELIMITERS, key=lambda d: d != prefer)
    fits = {d: _fit(sample, delimiter=d, quote='"') for d in ordered if d in text}
    good = {d: fit.share for d, fit in fits.items() if fit.width > 1 and fit.share >= _MIN_SHARE}
    best = max(good.values(), default=0.0)
    tied = [d for d, share in good.items() if share == best]
    if len(tied) == 1:
        return tied[0], '"'
    fits = {d: fit for d, fit in fits.items() if fit.n_lines}
    clever = _clever(sample, text) if tied or not any(map(_looks_plain, fits.values())) else None
    if clever is not None and (not tied or clever[0] in tied):
        return clever
    named = [d for d, fit in fits.items() if _is_named(next(rows_of(sample, fit)).cells)]
    return max(tied or named[:1], key=lambda d: fits[d].width, default=""), '"'


def _looks_plain(fit: Dialect) -> bool:
    """Most lines hold no such character at all: this is one column, not a messy dialect."""
    return fit.width == 1 and fit.share >= _MIN_SHARE


def _is_named(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and all(map(is_known, cells))


def _clever(sample: Sequence[str], text: str) -> tuple[str, str] | None:
    """clevercsv's verdict, checked: it must split nearly every line alike, and not at blanks, letters or quotes."""
    try:
        found = clevercsv.Sniffer().sniff(_LONG_WORD.sub(r"\1", text[:_CLEVER_CHARACTERS]))
    except (clevercsv.Error, ValueError, IndexError, re.error, UnicodeError):
        return None
    if found is None:
        return None
    delimiter, quote = found.delimiter or "", "'" if found.quotechar == "'" else '"'
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in " \r\n\"'.":
        return None
    fit = _fit(sample, delimiter=delimiter, quote=quote)
    return (delimiter, quote) if fit.width > 1 and fit.share >= 0.9 else None


@dataclass(frozen=True, slots=True)
class _Tally:
    """What rows look like, counted."""

    shapes: Counter[tuple[int, int]]
    """By number of cells, and of cells up to the last that is filled."""
    n_stray: int
    open_line: int = 0

    @property
    def n_lines(self) -> int:
        return self.shapes.total()

    @property
    def width(self) -> int:
        widths: Counter[int] = Counter()
        for (n_cells, _), n in self.shapes.items():
            widths[n_cells] += n
        return widths.most_common(1)[0][0] if widths else 0

    @property
    def share(self) -> float:
        width = self.width
        same = (n for (n_cells, n_used), n in self.shapes.items() if n_used <= width <= n_cells)
        return sum(same) / self.n_lines if self.shapes else 0.0

    @property
    def is_even(self) -> bool:
        widths = {n_cells for n_cells, _ in self.shapes}
        return len(widths) == 1 and min(widths) > 1


def _counted(lines: Iterable[Line], *, delimiter: str) -> Iterator[Line]:
    """The lines that are rows: where there is one column only, a blank one between others is a row with an empty cell.

    Blank lines between rows of several cells, and those above and below all rows, are none.
    """
    blanks: list[int] = []
    is_begun = False
    for line in lines:
        if line.cells:
            yield from (Line(number, ("",)) for number in blanks)
            yield line
            blanks, is_begun = [], True
        elif is_begun and not delimiter:
            blanks.append(line.number)


def _tally(rows: Iterable[Line], *, delimiter: str) -> _Tally | None:
    """None when the csv module refuses a row."""
    shapes: Counter[tuple[int, int]] = Counter()
    n_stray = open_line = 0
    try:
        for row in _counted(rows, delimiter=delimiter):
            n_used = len(row.cells)
            while n_used and not row.cells[n_used - 1]:
                n_used -= 1
            shapes[len(row.cells), n_used] += 1
            n_stray += row.is_stray
            open_line = open_line or (row.number if row.is_open else 0)
    except csv.Error:
        return None
    return _Tally(shapes, n_stray, open_line)


def _fit(lines: Iterable[str], *, delimiter: str, quote: str) -> Dialect:
    """The dialect with this delimiter, with the reading of quotes that the lines bear out."""
    lines, mark = _physical(lines, delimiter), delimiter or _NO_DELIMITER
    has_quotes = any(quote in line for line in lines)
    quoted = _tally(strict_rows(lines, delimiter=mark, quote=quote), delimiter=delimiter)
    if quoted is not None and not (has_quotes and mark == "\t"):
        return _with_blanks(lines, quoted, delimiter=delimiter, quote=quote)
    bare = _tally(bare_rows(lines, delimiter=mark), delimiter=delimiter)
    assert bare is not None, "without quotes every line is a row"
    if quoted is not None and not (quoted.n_lines < bare.n_lines and bare.is_even):
        return _with_blanks(lines, quoted, delimiter=delimiter, quote=quote)
    if quoted is None and any("\\" + quote in line for line in lines):
        escaped = _tally(strict_rows(lines, delimiter=mark, quote=quote, escape="\\"), delimiter=delimiter)
        if escaped is not None:
            return _made("escaped", escaped, delimiter=delimiter, quote=quote)
    are_letters = not has_quotes or quoted is not None
    if are_letters or (bare.is_even and _stray_share(lines, delimiter=mark, quote=quote) > _STRAY_SHARE):
        made = _made("none", bare, delimiter=delimiter, quote=quote)  # beside tabs quotes are letters by custom
        return made if are_letters or mark == "\t" else replace(made, open_line=_open_line(lines, mark, quote))
    mended = _tally(mended_rows(lines, delimiter=mark, quote=quote, width=bare.width), delimiter=delimiter)
    assert mended is not None, "a row that csv refuses is read as it stands"
    return _made("mended", mended, delimiter=delimiter, quote=quote, bare_width=bare.width)


def _open_line(lines: Iterable[str], delimiter: str, quote: str) -> int:
    """The first line that opens a quote and does not close it; 0 when none does."""
    bare = bare_rows(lines, delimiter=delimiter)
    return next((row.number for row in bare if opens_only(row.cells, quote=quote)), 0)


def _physical(lines: Iterable[str], delimiter: str) -> Iterable[str]:
    return lines if delimiter else Again(lambda: (line.replace(_NO_DELIMITER, " ") for line in lines))


def _made(quotes: Quotes, rows: _Tally, *, delimiter: str, quote: str, bare_width: int = 0) -> Dialect:
    return Dialect(
        delimiter,
        quotes,
        quote,
        rows.width,
        rows.n_lines,
        rows.share,
        rows.is_even,
        rows.n_stray,
        bare_width,
        rows.open_line,
    )


def _with_blanks(lines: Iterable[str], quoted: _Tally, *, delimiter: str, quote: str) -> Dialect:
    """The strict reading; or the one that skips blanks before a quote, when it makes more rows alike."""
    if quoted.share < 1 and delimiter and any(delimiter + " " + quote in line for line in lines):
        spaced = _tally(strict_rows(lines, delimiter=delimiter, quote=quote, skip_blanks=True), delimiter=delimiter)
        if spaced is not None and spaced.share > quoted.share:
            return _made("spaced", spaced, delimiter=delimiter, quote=quote)
    return _made("quoted", quoted, delimiter=delimiter, quote=quote)


def _stray_share(lines: Iterable[str], *, delimiter: str, quote: str) -> float:
    """Of the lines with a quote at the start of a cell, those that are not well quoted on their own."""
    n_opening = n_stray = 0
    for line in lines:
        if line.startswith(quote) or delimiter + quote in line:
            n_opening += 1
            n_stray += _tally(strict_rows([line], delimiter=delimiter, quote=quote), delimiter=delimiter) is None
    return n_stray / n_opening if n_opening else 0.0

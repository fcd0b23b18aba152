"""Which columns a delimited file has: the names in its first row, or ours when that row is data.

In: lines of cells. Out: Header. Its own file because a header taken for a row, or a row for a header, is an error
that nobody sees: the rule and its reason stand in one place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.tables.delimited import Line
from tunewright.tables.names import is_known

_LONGEST_NAME = 60
"""Characters; a longer first cell is a sentence. Google Forms' headers, which are questions, have known neighbours."""
_NUMBER = re.compile(r"\s*[-+]?\d[\d.,:/ -]*%?\s*")
_NAME = re.compile(r"[^\W\d_][\w .\-/()#:]*")
_SPELLED = re.compile(r"[^\W\d_]+(_\w+|\d{1,3})|[a-z]+[A-Z]\w*")
"""snake_case, camelCase, field1: how programs name columns."""
HEAD_LINES = 1001
"""Lines that are looked at: the first, and those it is held against."""


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file."""

    columns: tuple[str, ...]
    """Distinct and not empty."""
    is_found: bool
    """False: the first row is data and the names are ours."""
    n_unnamed: int = 0
    n_above: int = 0
    """Lines above it that are a title, not rows."""
    renamed: tuple[str, ...] = ()
    """What the later columns of a name that stood before are called."""


def header(lines: Sequence[Line], *, width: int) -> Header:
    """The file's columns.

    lines: the file's first, at most HEAD_LINES.
    width: the most frequent number of cells; a first row with fewer gets names of ours at its end, or, when the
    first column counts 1, 2, 3 (R writes it without a name), at its start.
    """
    first, body = lines[0].cells, [line.cells for line in lines[1:]]
    if not _is_header(first, body):
        return Header(_our_names(first, lines, width=max(width, 1)), is_found=False)
    given = [cell.strip().strip("\ufeff") for cell in first]
    missing = [""] * (width - len(given))
    given = [*missing, *given] if len(missing) == 1 and _counts(body) else [*given, *missing]
    return named(given)


def named(given: Sequence[str]) -> Header:
    """The columns that these names make, one for each: a name that stood before gets a number, an empty one its place.

    >>> named(["text", "text", ""]).columns
    ('text', 'text_2', 'column_3')
    """
    names: dict[str, None] = {}
    renamed: list[str] = []
    taken = set(given)
    numbers: Counter[str] = Counter()
    for i, name in enumerate(given, 1):
        new = name or f"column_{i}"
        is_double = new in names
        while new in names or (new != name and new in taken):
            numbers[name] += 1
            new = f"{name or 'column'}_{numbers[name] + 1 if name else i + numbers[name] + 1}"
        names[new] = None
        renamed += [new] if is_double else []
    return Header(tuple(names), is_found=True, n_unnamed=sum(not name for name in given), renamed=tuple(renamed))


def _is_header(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Names, not values: known ones, or short and distinct ones unlike what stands below them."""
    named = [(i, cell.strip()) for i, cell in enumerate(first) if cell.strip()]
    if not named:
        return False
    if all(is_known(cell) for _, cell in named):
        return True
    rows = [cells for cells in body if tuple(cells) != tuple(first)]
    columns = {i: [cells[i].strip() for cells in rows if i < len(cells) and cells[i].strip()] for i, _ in named}
    if any(cell in columns[i] for i, cell in named) or any(len(cell) > _LONGEST_NAME for _, cell in named):
        return False
    if any(is_known(cell) for _, cell in named):
        return True
    if any(_NUMBER.fullmatch(cell) for _, cell in named) or len({cell for _, cell in named}) < len(named):
        return False
    if all(_SPELLED.fullmatch(cell) for _, cell in named):
        return True
    if any(columns[i] and all(map(_NUMBER.fullmatch, columns[i])) for i, _ in named):
        return True
    return bool(rows) and all(_NAME.fullmatch(cell) for _, cell in named) and _is_shorter(named, columns)


def _is_shorter(named: Sequence[tuple[int, str]], columns: dict[int, list[str]]) -> bool:
    """Some column is mostly long text while its name is not: v2 above a message."""
    for i, cell in named:
        mean = sum(map(len, columns[i])) / len(columns[i]) if columns[i] else 0.0
        if mean >= 3 * len(cell) or (len(cell.split()) <= 2 and mean >= 20 > len(cell)):
            return True
    return False


def _counts(body: Sequence[Sequence[str]]) -> bool:
    firsts = [cells[0] for cells in body if cells]
    return len(firsts) > 1 and (
        firsts == [str(i) for i in range(1, len(firsts) + 1)] or firsts == [str(i) for i in range(len(firsts))]
    )


def _our_names(first: Sequence[str], lines: Sequence[Line], *, width: int) -> tuple[str, ...]:
    """text and label where that is plain to see, else column_1, column_2 ..."""
    if width == 1:
        return ("text",)
    if width == 2:
        pairs = [line.cells for line in lines if len(line.cells) == 2]
        few = [len({cells[i].strip() for cells in pairs}) * 5 <= len(pairs) for i in (0, 1)]
        if few == [True, False]:
            return ("label", "text")
        if few == [False, True]:
            return ("text", "label")
    return tuple(f"column_{i}" for i in range(1, width + 1))

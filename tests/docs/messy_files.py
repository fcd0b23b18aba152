"""What becomes of each file of messytables' collection of horrors, and the page that tells it: docs/messy-files.md.

In: the table below and the files beside the checkout. Out: the page, written by `python -m tests.docs.messy_files`.
Its own file because a test holds each file against another reader and the page against the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.shared_data import shared_folder
from tunewright.core.errors import DataError
from tunewright.tables.read import read_table
from tunewright.tables.table import Table

PAGE = Path(__file__).parents[2] / "docs" / "messy-files.md"
FOLDER = "messytables_horror/horror"


@dataclass(frozen=True, slots=True)
class Written:
    """How a delimited file is truly written, found by looking at it: what another reader is told."""

    encoding: str = "utf-8"
    delimiter: str = ","
    skips_blanks: bool = False
    n_above: int = 0
    """Lines before the header."""
    has_header: bool = True


@dataclass(frozen=True, slots=True)
class Messy:
    trouble: str
    """What is wrong with the file."""
    why: str
    """Why what becomes of it is right."""
    written: Written | None = None
    """None: no delimited file, or none that can be read."""


FILES: Mapping[str, Messy] = {
    "begrotingsanalyse-2011.csv": Messy(
        "a printed sheet saved as CSV: titles, three lines of names one above the other, empty columns",
        "no single line names the columns, so none is taken for it: every cell stays, and it is said;"
        " columns without a name and a value are left out",
        Written(has_header=False),
    ),
    "characters.csv": Messy(
        "Chinese in Big5, cells of several lines", "the signs are right, and a cell of several lines is one cell",
        Written("big5"),
    ),
    "complex.csv": Messy(
        "a blank after every comma, and quotes after it", "the blank is no part of a cell, `6,000,000` is one cell",
        Written(skips_blanks=True),
    ),
    "example.tsv": Messy("tabs", "a header and numbers", Written(delimiter="\t")),
    "excel_pasting.csv": Messy(
        "pasted from a sheet: a title, blank lines, a header of years, notes below",
        "years are numbers as what stands below them: no line is surely a header; every line is a row, and it is said",
        Written(has_header=False),
    ),
    "long.csv": Messy("4,000 lines of one word", "one column, no name", Written(delimiter="\x1f", has_header=False)),
    "mixedGLB.csv": Messy(
        "a title and remarks above the header, `****` for missing numbers",
        "the three lines above the header are left out and named; `****` is what the file says",
        Written(n_above=3),
    ),
    "null.csv": Messy(
        "no header; the word null, empty cells", "null is a word like another: nobody said that it means nothing",
        Written(has_header=False),
    ),
    "simple.csv": Messy("nothing", "a plain file", Written()),
    "simple.ods": Messy("an OpenDocument sheet with dates", "a date is the day that a person sees"),
    "simple.psv": Messy("pipes", "six columns", Written(delimiter="|")),
    "simple.ssv": Messy("semicolons", "the rows of simple.csv", Written(delimiter=";")),
    "simple.unknown": Messy("no byte in it", "there is nothing to read"),
    "simple.xls": Messy("an old Excel file", "the rows of simple.csv; dates as days, whole numbers without a point"),
    "simple.xlsx": Messy("an Excel file", "the rows of simple.csv; dates as days, whole numbers without a point"),
    "simple.zip": Messy("an archive of simple.csv", "an archive may hold any number of files: the person says which"),
    "skip_initials.csv": Messy(
        "blanks before a cell", "they stand in the file; cleaning takes them off a text or a label later", Written()
    ),
    "small.csv": Messy("the letter a and nothing else", "a name without a row below it is no data"),
    "spanish_chars.csv": Messy(
        "Spanish in cp1252, remarks below the table", "the accents are right; remarks are rows with empty cells",
        Written("cp1252"),
    ),
    "sparse_with_column_errors.csv": Messy(
        "German in cp1252; a fourth column without a name", "the fourth column holds values: it stays and gets a name",
        Written("cp1252"),
    ),
    "utf-16le_encoded.csv": Messy("UTF-16", "the letters are right, no NUL is among them", Written("utf-16")),
    "utf8bom.csv": Messy(
        "a byte order mark and one line", "the mark is no letter of the first cell; two words are a row, not names",
        Written("utf-8-sig", has_header=False),
    ),
    "weird_head_padding.csv": Messy(
        "titles padded to thousands of blanks, lines of one to eleven cells",
        "no line surely names the columns; short lines are rows with missing cells, and counted",
        Written(delimiter=";", has_header=False),
    ),
}  # fmt: skip


def page() -> str:
    """The whole file."""
    folder = shared_folder() / "data" / FOLDER
    lines = [_line(folder / name, messy) for name, messy in FILES.items()]
    return _HEAD.format(n=len(FILES)) + "".join(f"{line}\n" for line in lines)


def _line(path: Path, messy: Messy) -> str:
    try:
        table = read_table(path, role="train")
    except DataError as error:
        return f"| {path.name} | {messy.trouble} | refused: {error.what} | | {messy.why} |"
    return f"| {path.name} | {messy.trouble} | {_read(table)} | {_cell(table)} | {messy.why} |"


def _read(table: Table) -> str:
    said = f"; told: {', '.join(finding.check for finding in table.findings)}" if table.findings else ""
    n = len(table.columns)
    return f"{table.how.partition(': ')[2]}, {n} {'column' if n == 1 else 'columns'}{said}"


def _cell(table: Table) -> str:
    """One cell of the last row, short."""
    record = table.records[-1]
    name, value = next((n, v) for n, v in record.values.items() if v)
    text = " ".join(str(value).split())
    return f"{record.row_id.removeprefix('train:')}, {name}: `{text if len(text) <= 30 else text[:29] + '…'}`"


_HEAD = """# What becomes of messy files

The {n} files of [messytables'](https://github.com/okfn/messytables) collection of horrors (MIT licence): each is read
with the cells that stand in it or refused in words. A test reads each with another reader, told how the file is
written, and compares every cell, and this page with what happens. It is written by `python -m tests.docs.messy_files`.

| file | what is wrong with it | what becomes of it | its last row | why that is right |
|---|---|---|---|---|
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

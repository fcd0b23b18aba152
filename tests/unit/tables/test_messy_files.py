"""Every cell of messytables' horrors is the cell that another reader finds, who was told how the file is written."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.docs.messy_files import FILES, FOLDER, PAGE, Written, page
from tests.shared_data import shared_data
from tunewright.core.errors import DataError
from tunewright.tables.read import read_table
from tunewright.tables.table import Table

REFUSED = {
    "simple.unknown": ("the file is empty", "name a file with rows"),
    "simple.zip": ("a zip archive", "unzip simple.zip, and name the file inside (it holds simple.csv)"),
    "small.csv": ("a header and no rows", "add rows below the header, or name another file"),
}
DELIMITED = {name: messy.written for name, messy in FILES.items() if messy.written}


def cells(table: Table) -> list[list[str]]:
    return [[record.values[name] or "" for name in table.columns] for record in table.records]


def true_rows(path: Path, written: Written) -> list[list[str]]:
    """Of the csv module; a line of blanks is no row, one of empty cells is."""
    with path.open(encoding=written.encoding, newline="") as file:
        lines = list(file)[written.n_above :]
    rows = csv.reader(lines, delimiter=written.delimiter, skipinitialspace=written.skips_blanks)
    return [row for row in rows if row]


def test_the_table_tells_every_file() -> None:
    assert {path.name for path in shared_data(FOLDER).iterdir()} == set(FILES)


@pytest.mark.parametrize("name", DELIMITED)
def test_every_cell_is_the_one_that_another_reader_finds(name: str) -> None:
    path, written = shared_data(FOLDER) / name, DELIMITED[name]
    rows = true_rows(path, written)
    width = max(map(len, rows))
    names = [cell.strip() for cell in rows[0]] if written.has_header else []
    names += [""] * (width - len(names))
    whole = [row + [""] * (width - len(row)) for row in rows[written.has_header :]]
    kept = [i for i, cell in enumerate(names) if cell or any(row[i].strip() for row in whole)]
    table = read_table(path, role="train")
    if width > 1:
        assert table.columns == tuple(names[i] or f"column_{i + 1}" for i in kept)
    assert cells(table) == [[row[i] for i in kept] for row in whole]
    assert not table.dropped


@pytest.mark.parametrize("name", ["simple.xls", "simple.xlsx", "simple.ssv"])
def test_other_formats_of_a_file_hold_the_same_cells(name: str) -> None:
    folder = shared_data(FOLDER)
    table, plain = read_table(folder / name, role="train"), read_table(folder / "simple.csv", role="train")
    assert (table.columns, cells(table)) == (plain.columns, cells(plain))


def test_a_workbook_holds_the_cells_that_another_reader_finds() -> None:
    path = shared_data(FOLDER) / "simple.xlsx"
    head, *rows = load_workbook(path).worksheets[0].iter_rows(values_only=True)
    table = read_table(path, role="train")
    assert table.columns == head
    assert cells(table) == [[_shown(value) for value in row] for row in rows]


def _shown(value: Any) -> str:
    return str(value).removesuffix(" 00:00:00")


def test_an_open_document_holds_what_a_person_sees_in_it() -> None:
    table = read_table(shared_data(FOLDER) / "simple.ods", role="train")
    assert table.columns == ("Name", "Age", "When")
    assert [row[0::2] for row in cells(table)][0::2] == [["Bob", "2010-10-10"], ["Ian", "2015-11-11"]]
    assert [row[1] for row in cells(table)][::2] == ["20", "34"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_rows_is_refused_with_the_way_out(name: str) -> None:
    what, fix = REFUSED[name]
    with pytest.raises(DataError, match=what) as caught:
        read_table(shared_data(FOLDER) / name, role="train")
    assert caught.value.fix == fix


def test_the_page_tells_what_happens() -> None:
    shared_data(FOLDER)
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.docs.messy_files writes it anew"

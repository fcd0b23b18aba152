"""A workbook gives the rows that a CSV of the same cells gives, or says in words why it gives none."""

from __future__ import annotations

import csv
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from tests.shared_data import shared_data
from tunewright.core.errors import DataError
from tunewright.tables.read import read_table

HORROR = "messytables_horror/horror"


def write_workbook(path: Path, sheets: dict[str, list[tuple[Any, ...]]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


CELL = st.text(alphabet="ab ,;\"'\n\té한0=+", min_size=1, max_size=12).filter(lambda cell: bool(cell.strip()))


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_sheet_gives_the_rows_of_a_csv_when_the_cells_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    book = Workbook()
    for i, row in enumerate([("text", "label"), *rows], 1):
        for j, cell in enumerate(row, 1):
            book.active.cell(i, j).value = cell
            book.active.cell(i, j).data_type = "s"  # openpyxl would take "=a" for a formula
    book.save(folder / "same.xlsx")
    with (folder / "same.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    sheet, delimited = (read_table(folder / name, role="train") for name in ("same.xlsx", "same.csv"))
    assert [record.values for record in sheet.records] == [record.values for record in delimited.records]
    assert sheet.n_read == len(rows)


def test_read_table_names_rows_as_the_spreadsheet_shows_them(tmp_path: Path) -> None:
    rows = [(), (None, "text", "label"), (None, "hello", "a"), (), (None, "bye", "b")]
    table = read_table(write_workbook(tmp_path / "x.xlsx", {"Tickets": rows}), role="train")
    assert [(r.row_id, r.values) for r in table.records] == [
        ("train:Tickets!3", {"text": "hello", "label": "a"}),
        ("train:Tickets!5", {"text": "bye", "label": "b"}),
    ]
    assert table.how == "x.xlsx: xlsx, sheet Tickets, 2 rows"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (None, ""),
        ("00123", "00123"),
        ("#N/A", ""),  # openpyxl writes it as an error
        (date(2024, 1, 31), "2024-01-31"),
        (datetime(2024, 1, 31, 9, 30), "2024-01-31 09:30:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
    ],
)
def test_read_table_shows_a_cell_as_a_person_sees_it(tmp_path: Path, value: Any, text: str) -> None:
    path = write_workbook(tmp_path / "x.xlsx", {"S": [("text", "label"), ("hello", value), ("bye", "b")]})
    assert read_table(path, role="train").records[0].values["label"] == text


def test_read_table_gives_the_rows_below_a_merged_cell_its_value(tmp_path: Path) -> None:
    book = Workbook()
    for row in [("text", "label"), ("a", "late"), ("b", None), ("c", "lost")]:
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    book.save(tmp_path / "x.xlsx")
    table = read_table(tmp_path / "x.xlsx", role="train")
    assert [record.values["label"] for record in table.records] == ["late", "late", "lost"]
    assert table.repaired == {"merged_cells": 1}


TWO = {
    "Notes": [("read me",)],
    "Tickets 2024": [("text", "label"), ("hello", "a")],
    "Old": [("text", "label"), ("bye", "b"), ("see you", "c")],
}


def test_read_table_takes_the_first_sheet_with_rows_and_names_the_others(tmp_path: Path) -> None:
    table = read_table(write_workbook(tmp_path / "x.xlsx", TWO), role="train")
    assert [record.row_id for record in table.records] == ["train:Tickets 2024!2"]
    (finding,) = table.findings
    assert "Notes, Old" in finding.message
    assert finding.suggestion == "data.sheet=Notes"


def test_read_table_reads_the_sheet_that_is_named(tmp_path: Path) -> None:
    table = read_table(write_workbook(tmp_path / "x.xlsx", TWO), role="train", sheet="Old", tag="x.xlsx")
    assert [record.row_id for record in table.records] == ["train:x.xlsx:Old!2", "train:x.xlsx:Old!3"]
    assert table.findings == ()


def test_read_table_offers_the_near_sheet_when_a_name_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'Tickets 2024'") as caught:
        read_table(write_workbook(tmp_path / "x.xlsx", TWO), role="train", sheet="tickets 2024")
    assert caught.value.fix == "data.sheet='Tickets 2024'"


def test_read_table_takes_a_hidden_sheet_last(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "Lists"
    book.active.append(("code", "meaning"))
    book.active.append(("a", "late"))
    book.active.sheet_state = "hidden"
    shown = book.create_sheet("Tickets")
    shown.append(("text", "label"))
    shown.append(("hello", "a"))
    book.save(tmp_path / "x.xlsx")
    assert "sheet Tickets" in read_table(tmp_path / "x.xlsx", role="train").how


@pytest.mark.parametrize(("name", "n_rows"), [("simple.xls", 6), ("simple.xlsx", 6), ("simple.ods", 3)])
def test_read_table_reads_every_row_of_a_real_workbook_whatever_its_name(
    tmp_path: Path, name: str, n_rows: int
) -> None:
    path = tmp_path / "renamed.csv"
    path.write_bytes(shared_data(f"{HORROR}/{name}").read_bytes())
    table = read_table(path, role="train")
    assert (table.format, table.n_read, len(table.records)) == (name.rpartition(".")[2], n_rows, n_rows)


def test_read_table_refuses_a_cut_workbook(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "x.xlsx", TWO)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="damaged"):
        read_table(path, role="train")


@pytest.mark.parametrize("n_missing", [5, 600, 20_000])
def test_read_table_refuses_a_cut_old_workbook_without_a_word_of_its_library(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], n_missing: int
) -> None:
    path = tmp_path / "x.xls"
    path.write_bytes(shared_data(f"{HORROR}/simple.xls").read_bytes()[:-n_missing])
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path, role="train")
    assert capfd.readouterr().err == ""


def test_read_table_says_password_when_a_workbook_has_one(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(DataError, match="password"):
        read_table(path, role="train")


@pytest.mark.parametrize(
    ("sheets", "says"),
    [({"S": []}, "the workbook has no rows"), ({"S": [("text", "label")]}, "a header and no rows")],
)
def test_read_table_refuses_a_workbook_without_rows(
    tmp_path: Path, sheets: dict[str, list[tuple[Any, ...]]], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        read_table(write_workbook(tmp_path / "x.xlsx", sheets), role="train")


def test_read_table_refuses_a_text_document_that_is_zipped_like_a_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.docx", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    with pytest.raises(DataError, match="text document"):
        read_table(tmp_path / "x.docx", role="train")


def test_read_table_refuses_a_format_that_the_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match="not xlsx"):
        read_table(tmp_path / "x.csv", role="train", format="xlsx")
    with pytest.raises(DataError, match=r"xlsx, not csv[\s\S]*data\.format=xlsx"):
        read_table(write_workbook(tmp_path / "x.xlsx", TWO), role="train", format="csv")


@pytest.mark.parametrize("n_titles", [1, 2])
def test_lines_above_the_header_are_a_title_and_said_to_be(n_titles: int, tmp_path: Path) -> None:
    lines = [["Bericht Kundenservice"], ["Mai 2026"]][:n_titles]
    rows = [[f"wo bleibt mein Paket {i}", "Lieferung", "2026-05-01"] for i in range(6)]
    path = tmp_path / "titled.csv"
    path.write_text(
        "\n".join(";".join(cells) for cells in [*lines, ["Kundentext", "Kategorie", "Datum"], *rows]) + "\n"
    )
    table = read_table(path, role="train")
    assert table.columns == ("Kundentext", "Kategorie", "Datum")
    assert table.n_read == len(table.records) == 6
    assert table.records[0].row_id == f"train:{n_titles + 2}"
    (finding,) = (f for f in table.findings if f.check == "header")
    above = f"{n_titles} {'line' if n_titles == 1 else 'lines'} above its header"
    assert finding.message == f"titled.csv has {above}, left out as a title"


def test_a_first_row_of_one_cell_stays_a_row_when_no_header_follows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "my parcel has not come yet;\n" + "".join(f"please send me the money {i};refund\n" for i in range(6))
    )
    assert read_table(path, role="train").n_read == 7

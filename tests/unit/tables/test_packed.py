"""Packed files are read like the files inside; one that would fill the disk is refused before it fills the memory."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from tunewright.core.errors import DataError
from tunewright.tables.packed import MOST_BYTES, opened
from tunewright.tables.read import read_table

ROWS = b"text,label\n" + b"".join(b"where is order %d,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1]) for i in range(40))
MOST_PEAK_BYTES = 2**24
"""Of Arrow's memory while a bomb is read: 16 MiB, some of the pieces that it is read in."""


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.zst", "x.zst", "x.csv"])
def test_read_table_reads_a_packed_file_as_the_file_inside_whatever_its_name(tmp_path: Path, name: str) -> None:
    pack = gzip.compress if name.endswith(".gz") else zstd
    table = read_table(write(tmp_path / name, pack(ROWS)), role="train")
    plain = read_table(write(tmp_path / "plain.csv", ROWS), role="train")
    assert (table.records, table.columns, table.findings) == (plain.records, plain.columns, plain.findings)
    assert table.how == f"{name}: csv, comma, utf-8, 40 rows"


def test_read_table_reads_archives_of_several_pieces_and_notes(tmp_path: Path) -> None:
    note = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"  # a skippable frame. Source: RFC 8878, 3.1.2
    half = len(ROWS) // 2
    packed = zstd(ROWS[:half]) + note + zstd(b"") + zstd(ROWS[half:])
    assert read_table(write(tmp_path / "x.csv.zst", packed), role="train").n_read == 40
    packed = gzip.compress(ROWS[:half]) + gzip.compress(ROWS[half:])
    assert read_table(write(tmp_path / "x.csv.gz", packed), role="train").n_read == 40


def test_read_table_reads_packed_parquet_and_packed_workbooks(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "x.parquet")
    packed = write(tmp_path / "x.parquet.zst", zstd((tmp_path / "x.parquet").read_bytes()))
    assert [record.values["text"] for record in read_table(packed, role="train").records] == ["a", "b"]
    book = Workbook()
    for cells in (("text", "label"), ("where is it", "order"), ("my money back", "refund")):
        book.active.append(cells)
    book.save(tmp_path / "x.xlsx")
    packed = write(tmp_path / "x.xlsx.zst", zstd((tmp_path / "x.xlsx").read_bytes()))
    assert [record.values["label"] for record in read_table(packed, role="train").records] == ["order", "refund"]


@pytest.mark.parametrize(
    ("name", "packed", "tool"),
    [
        ("x.csv.zst", zstd(ROWS)[:-7], "zstd"),
        ("x.csv.zst", zstd(ROWS)[:40] + b"xxxxx" + zstd(ROWS)[40:], "zstd"),
        ("x.csv.zst", zstd(ROWS) + b"and more", "zstd"),
        ("x.csv.gz", gzip.compress(ROWS)[:-9], "gzip"),
    ],
    ids=["cut", "garbled", "more behind", "cut gzip"],
)
def test_read_table_says_which_archive_is_damaged(tmp_path: Path, name: str, packed: bytes, tool: str) -> None:
    with pytest.raises(DataError, match=f"the {tool} archive is damaged") as caught:
        read_table(write(tmp_path / name, packed), role="train")
    assert caught.value.fix.startswith(f"{tool} -t ")


def test_opened_stops_at_the_limit_when_a_small_archive_holds_hundreds_of_gigabytes(tmp_path: Path) -> None:
    one = zstd(b"hello,ab\n" * (2**24 // 9))
    bomb = write(tmp_path / "x.csv.zst", one * 10_000)
    assert bomb.stat().st_size < 2**25
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match="far more than a file of rows") as caught:
        n_bytes(bomb, most_peak_bytes=before + MOST_PEAK_BYTES)
    assert "unpack it and name that file" in caught.value.fix


def n_bytes(path: Path, *, most_peak_bytes: int) -> int:
    n = 0
    with opened(path, "zstd") as file:
        while chunk := file.read(2**20):
            n += len(chunk)
            assert pa.total_allocated_bytes() < most_peak_bytes
            assert n <= max(MOST_BYTES, 100 * path.stat().st_size)
    return n


def test_read_table_reads_a_file_of_one_sentence_though_it_shrinks_hundreds_of_times(tmp_path: Path) -> None:
    rows = b"text,label\n" + b"where is my order,delivery\n" * 100_000
    packed = write(tmp_path / "x.csv.gz", gzip.compress(rows))
    assert len(rows) > 250 * packed.stat().st_size
    assert read_table(packed, role="train").n_read == 100_000


def test_read_table_refuses_a_workbook_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(65):
                sheet.write(b" " * 2**24)
    with pytest.raises(DataError, match="the workbook or archive unpacks to far more") as caught:
        read_table(tmp_path / "x.xlsx", role="train")
    assert "save the sheet with the rows as CSV" in caught.value.fix


def test_read_table_names_a_tar_archive_for_what_it_is(tmp_path: Path) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        entry = tarfile.TarInfo("rows.csv")
        entry.size = len(ROWS)
        archive.addfile(entry, io.BytesIO(ROWS))
    with pytest.raises(DataError, match="a tar archive") as caught:
        read_table(write(tmp_path / "x.tar.gz", gzip.compress(held.getvalue())), role="train")
    assert caught.value.fix.startswith("tar -xf x.tar.gz")

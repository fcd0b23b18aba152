"""A file's rows one at a time: the same rows as other readers give, in the memory of one."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.values import Dropped
from tunewright.tables.read import read_table
from tunewright.tables.stream import open_stream
from tunewright.tables.table import Record

TEXT = st.text(alphabet="ab ,;\"'\n\té한0=.", min_size=1, max_size=12).filter(lambda cell: bool(cell.strip()))
ROWS = st.lists(st.fixed_dictionaries({"text": TEXT, "label": TEXT}), min_size=1, max_size=10)
HEADER = {"text": "text", "label": "label"}


def csv_bytes(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([row["text"], row["label"]] for row in [HEADER, *rows])
    return file.getvalue().encode()


def jsonl_bytes(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet_bytes(rows: list[dict[str, str]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, row_group_size=3)
    return file.getvalue()


@given(rows=ROWS)
@pytest.mark.parametrize("is_gzipped", [False, True])
@pytest.mark.parametrize(
    ("name", "written"), [("x.csv", csv_bytes), ("x.jsonl", jsonl_bytes), ("x.parquet", parquet_bytes)]
)
def test_stream_gives_back_the_rows_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], name: str, written: Any, is_gzipped: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / (f"{name}.gz" if is_gzipped else name)
    path.write_bytes(gzip.compress(written(rows)) if is_gzipped else written(rows))
    stream = open_stream(path)
    expected = [row for row in rows if name != "x.csv" or row != HEADER]
    assert [row.values for row in stream if isinstance(row, Record)] == expected
    assert stream.n_read == len(rows)


DAMAGED = {
    "ragged.csv": b"text,label\na,b\nc,d,e\nf\n",
    "header.csv": b"text,label\na,b\ntext,label\nc,d\n",
    "unclosed.csv": b"text,label\n" + b'"fine, well",b\n' * 40 + b'"never closed,b\n' + b"c,d\n" * 40,
    "none.tsv": b'a\t"open\n' * 9 + b"c\td\n" * 9,
    "escaped.csv": b'text,label\n"a \\"b\\", c",d\n"e, f",g\n',
    "spaced.csv": b'text, label\n"a, b", "c, d"\n"e, f", g\n',
    "nul.csv": b"text,label\nhel\0lo there,b\n",
    "foreign.csv": "text,label\ndéjà vu,a\n".encode() * 9 + "déjà,a\n".encode("cp1252"),
    "lines.jsonl": b'{"text": "a"}\n{"text": \n42\n{"text": "b", "label": 1}\n{"text": "c"}\n{"text": "d"}\n',
    "list.json": b'[{"text": "a"}, 42, {"text": "b", "label": "c"}]',
    "lines.txt": b"First.\n\n  \nSecond.\r\nThird.",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_stream_gives_the_rows_of_read_table_in_the_order_of_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    table, rows = read_table(path, role="row"), list(open_stream(path))
    assert [row for row in rows if isinstance(row, Record)] == list(table.records)
    assert [row for row in rows if isinstance(row, Dropped)] == list(table.dropped)
    numbers = [int(row.row_id.removeprefix("row:")) for row in rows]
    assert numbers == sorted(set(numbers))
    assert len(rows) == table.n_read == open_stream(path).n_read


def test_stream_starts_anew_each_time_and_ids_do_not_depend_on_where_one_starts(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,label\na,b\nc,d\ne,f\n")
    stream = open_stream(tmp_path / "x.csv")
    assert list(stream) == list(stream)
    assert [row.row_id for row in islice(stream, 1, None)] == ["row:3", "row:4"]


def test_stream_finds_what_only_stands_at_the_end_of_a_large_file(tmp_path: Path) -> None:
    lines = [
        "text,label",
        *(f'"line {i}, of many",{"ab"[i % 2]}' for i in range(20_000)),
        '"never closed,a',
        "déjà vu,b",
    ]
    (tmp_path / "x.csv").write_bytes("\n".join(lines).encode("cp1252"))
    stream = open_stream(tmp_path / "x.csv")
    assert stream.how == "x.csv: csv, comma, stray quotes, cp1252, 20,002 rows"
    *_, stray, last = stream
    assert isinstance(last, Record)
    assert last.values == {"text": "déjà vu", "label": "b"}
    assert stray.row_id == "row:20002"


MEASURE = """
import sys
from pathlib import Path
from tunewright.core.machine import peak_memory_bytes
from tunewright.tables.stream import open_stream
for _ in open_stream(Path(sys.argv[1])): pass
small = peak_memory_bytes()
for _ in open_stream(Path(sys.argv[2])): pass
print((peak_memory_bytes() - small) // 2**20)
"""
MOST_GROWTH_MIB = 8
"""Held as records, the 150,000 rows between the two files take 60 MiB and more."""


def write_rows(path: Path, n_rows: int) -> None:
    rows = ({"text": f"this is row number {i} of a file that is long", "label": "abc"[i % 3]} for i in range(n_rows))
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(path.suffix, rows))


def _lines(suffix: str, rows: Iterator[dict[str, str]]) -> Iterator[str]:
    if suffix == ".jsonl":
        return (json.dumps(row) + "\n" for row in rows)
    if suffix == ".txt":
        return (row["text"] + "\n" for row in rows)
    # One quote that never closes: nothing may be held back until it does.
    return (f'"{row["text"]}",{row["label"]}\n' if i != 9000 else '"open,a\n' for i, row in enumerate(rows))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt", ".parquet"])
def test_stream_takes_no_more_memory_when_a_file_has_four_times_the_rows(tmp_path: Path, suffix: str) -> None:
    small, large = tmp_path / f"small{suffix}", tmp_path / f"large{suffix}"
    write_rows(small, 50_000)
    write_rows(large, 200_000)
    command = [sys.executable, "-c", MEASURE, str(small), str(large)]
    growth = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(growth) <= MOST_GROWTH_MIB

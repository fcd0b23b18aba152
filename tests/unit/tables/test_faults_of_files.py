"""What people's files suffer from is read, counted and said in words that end in something to do."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.core.events import null_tracker
from tunewright.core.plan import DataPlan, Plan
from tunewright.core.values import Finding, Row
from tunewright.prepare.given import given
from tunewright.tables.content import source_of
from tunewright.tables.decode import encoding_of
from tunewright.tables.read import read_table
from tunewright.tables.stream import MOST_LINE_CHARACTERS
from tunewright.tables.table import Table

N_LETTERS = 5_000_000
MOST_SECONDS = 20
"""Of processor time, for a file of 5 MB that takes half a second alone. Quadratic reading takes hours."""


def read(folder: Path, content: str | bytes, *, name: str = "x.csv") -> Table:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(folder / name, role="train")


def finding(table: Table, check: str) -> Finding:
    (found,) = [finding for finding in table.findings if finding.check == check]
    assert found.suggestion
    return found


def test_read_table_keeps_both_columns_when_a_name_stands_twice(tmp_path: Path) -> None:
    table = read(tmp_path, "text,text,label\na,b,c\nd,e,f\n")
    assert table.records[0].values == {"text": "a", "text_2": "b", "label": "c"}
    assert "text_2" in finding(table, "columns").message


def test_read_table_says_how_many_nul_bytes_it_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, b"text,label\nhel\0lo \0there,a\nb,c\n")
    assert "2 NUL bytes" in finding(table, "nul_bytes").message
    assert finding(table, "nul_bytes").suggestion.endswith(r"tr -d '\0' < x.csv > clean.x.csv")


def test_read_table_says_which_line_of_json_lines_is_broken(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"order {i}", "label": "ab"[i % 2]}) for i in range(12)]
    lines[6] = lines[6][:-5]
    table = read(tmp_path, "\n".join(lines), name="x.jsonl")
    assert [drop.row_id for drop in table.dropped] == ["train:7"]
    assert "the first is line 7: " in finding(table, "unreadable").message
    assert finding(table, "unreadable").suggestion == "mend line 7: sed -n 7p x.jsonl"


def test_read_table_says_which_record_of_a_json_list_is_no_row(tmp_path: Path) -> None:
    table = read(tmp_path, '[{"text": "a"}, 42, {"text": "b"}]', name="x.json")
    assert "the first is record 2: " in finding(table, "unreadable").message
    assert finding(table, "unreadable").suggestion.endswith("python -m json.tool x.json")


def test_read_table_shows_a_ragged_line_of_a_packed_file_with_a_command_that_unpacks(tmp_path: Path) -> None:
    table = read(tmp_path, gzip.compress(b"text,label\na,b\nc,d,e\nf,g\n"), name="my rows.csv.gz")
    assert finding(table, "ragged").suggestion.endswith("gzip -dc 'my rows.csv.gz' | sed -n 3p")


def test_read_table_keeps_formulas_as_text_and_says_so(tmp_path: Path) -> None:
    cells = ["=cmd()", "=cmd|' /C calc'!A0", "@SUM(1+1)", "=1+1", "+1 for this", "- a dash", "@you!", "=) fine", "-5"]
    table = read(tmp_path, "text\tlabel\n" + "".join(f"{cell}\ta\n" for cell in cells), name="x.tsv")
    assert [record.values["text"] for record in table.records] == cells
    assert finding(table, "formulas").row_ids == ("train:2", "train:3", "train:4", "train:5")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_read_table_reads_unicode_in_every_width_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, "text,label\nwhere is my café,a\nnowhere,b\n".encode(encoding))
    assert [record.values["text"] for record in table.records] == ["where is my café", "nowhere"]
    assert table.columns == ("text", "label")


def test_read_table_reads_a_foreign_byte_as_windows_wrote_it(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label\ndéjà vu,a\n".encode() * 9 + b"caf\xe9,b\n")
    assert table.records[-1].values["text"] == "café"
    assert "1 of its bytes" in finding(table, "encoding").message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b" \r\n\t\n", "the file is empty"),
        (b"\0" * 100_000, "the file is empty"),
        (b"\xef\xbb\xbf", "nothing to read"),
        (b"\xff\xfe", "nothing to read"),
        (b"text,label\n\n\n", "a header and no rows"),
    ],
)
def test_read_table_refuses_a_file_without_rows(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path, content)
    assert caught.value.why
    assert caught.value.fix


WORDS = "word sälad " * (N_LETTERS // 11)
QUOTES, COMMAS = '"' * N_LETTERS, "," * N_LETTERS
FEW = "".join(f'"where, order {i}",{"ab"[i % 2]}\n' for i in range(30))


@pytest.mark.parametrize(
    ("name", "content", "n_rows"),
    [
        ("x.csv", f"text,label\n{FEW}{WORDS},a\n{FEW}", 61),
        ("x.csv", f'text,label\n{FEW}"{WORDS}",a\n{FEW}', 61),
        ("x.csv", f'text,label\n"{WORDS}",a\n{FEW}', 31),
        ("x.csv", f'text,label\n{FEW}"{WORDS},a\n{FEW}', 61),
        ("x.csv", f"text,label\n{FEW}{QUOTES},a\n{FEW}", 61),
        ("x.csv", f"text,label\n{FEW}{COMMAS}\n{FEW}", 61),
        ("x.jsonl", f'{{"text": "a", "label": "b"}}\n{{"text": "{WORDS}"}}\n', 2),
        ("x.txt", f"one\n{WORDS}\ntwo", 3),
    ],
    ids=["bare", "quoted", "first", "unclosed", "quotes", "commas", "jsonl", "txt"],
)
def test_read_table_reads_a_cell_of_five_megabytes_in_linear_time(
    tmp_path: Path, name: str, content: str, n_rows: int
) -> None:
    started = time.process_time()
    assert read(tmp_path, content, name=name).n_read == n_rows
    assert time.process_time() - started < MOST_SECONDS


@pytest.mark.parametrize("name", ["c", "column {}", ""])
def test_read_table_reads_very_many_columns_in_linear_time(tmp_path: Path, name: str) -> None:
    names = ["text", "label", *(name.format(i) for i in range(20_000))]
    rows = [["hello there", "ab"[i % 2], *("x" for _ in range(20_000))] for i in range(3)]
    started = time.process_time()
    table = read(tmp_path, "\n".join(map(",".join, [names, *rows])))
    assert (table.n_read, len(table.columns)) == (3, 20_002)
    assert time.process_time() - started < MOST_SECONDS


def test_read_table_refuses_a_line_that_no_row_can_be(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"first\n" + b"word " * (MOST_LINE_CHARACTERS // 5 + 2**19))
    with pytest.raises(DataError, match="a line of this file is longer than any row") as caught:
        read_table(tmp_path / "x.txt", role="train")
    assert caught.value.fix.endswith("fold x.txt -s -w 2000 > rows.txt")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_read_table_reads_many_lines_however_they_end(tmp_path: Path, end: str) -> None:
    source = source_of(_written(tmp_path / "x.csv", f"text,label{end}" + f"where is my order,late{end}" * 100_000))
    assert encoding_of(source).n_longest < 2**20 + 100
    assert read_table(tmp_path / "x.csv", role="train").n_read == 100_000


def _written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_read_table_says_which_column_holds_values_of_several_kinds(tmp_path: Path) -> None:
    values = ["money back", 17, True, ["One.", "Two."], {"body": "help"}, None, 2.5, "late"]
    lines = [json.dumps({"text": value, "label": 1}) for value in values]
    table = read(tmp_path, "\n".join(lines), name="x.jsonl")
    found = finding(table, "mixed_types")
    assert found.message == (
        "the column text of x.jsonl holds text in 2 rows, numbers in 2 rows, true or false in 1 row, objects in 1 row,"
        " lists in 1 row; objects are columns of their own (text.KEY), the rest is read as text"
    )
    assert found.row_ids == ("train:2", "train:7", "train:3", "train:4", "train:5")
    assert table.records[4].values == {"text.body": "help", "label": 1}


def test_read_table_takes_objects_of_one_kind_for_columns_without_a_word(tmp_path: Path) -> None:
    lines = [json.dumps({"id": i, "a": {"text": "where", "n": 1}, "tags": ["x"]}) for i in range(5)]
    assert not read(tmp_path, "\n".join(lines), name="x.jsonl").findings


FLOATS = [1.0, 2.0, 2.5]


@pytest.mark.parametrize(
    ("name", "labels"), [("x.csv", {"1.0", "2.0", "2.5"}), ("x.jsonl", {"1", "2", "2.5"})], ids=["csv", "jsonl"]
)
def test_float_labels_are_the_names_of_classes_as_a_person_writes_them(
    tmp_path: Path, name: str, labels: set[str]
) -> None:
    texts = [(f"where is order {i} of mine", FLOATS[i % 3]) for i in range(30)]
    if name == "x.csv":
        content = "text,label\n" + "".join(f"{text},{label}\n" for text, label in texts)
    else:
        content = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in texts)
    assert {row.label for row in rows_of_file(tmp_path, name, content)} == labels


def rows_of_file(folder: Path, name: str, content: str) -> tuple[Row, ...]:
    (folder / name).write_text(content, encoding="utf-8")
    return given(Plan(data=DataPlan(train=name)), folder=folder, tell=null_tracker).rows["train"]


def test_ten_thousand_labels_are_read_one_by_one(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"where is order {i},class {i % 10_000}\n" for i in range(50_000))
    rows = rows_of_file(tmp_path, "x.csv", content)
    assert (len(rows), len({row.label for row in rows})) == (50_000, 10_000)


UNUSUAL = [
    "😀 so happy 👩‍👩‍👧",  # a family: three signs and two joiners
    "👍🏽 thanks",
    "שלום, איפה ההזמנה שלי",
    "أين طلبي من فضلك",
    "می‌خواهم",  # with a zero-width non-joiner, as Persian is written
    "left \u202eright\u202c left",
    "zero\u200bwidth",
]


def test_signs_right_to_left_and_zero_width_texts_are_read_as_they_are(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f'"{text}",{"ab"[i % 2]}\n' for i, text in enumerate(UNUSUAL * 5))
    assert [row.text for row in rows_of_file(tmp_path, "x.csv", content)] == UNUSUAL * 5


def test_labels_that_differ_only_in_what_nobody_sees_are_one_label(tmp_path: Path) -> None:
    labels = ["refund", "re\u200bfund", "re\u2060fund", "re\xadfund", "\ufeffrefund", "login", "👩‍👩‍👧"]
    content = "text,label\n" + "".join(f"order {i},{labels[i % 7]}\n" for i in range(70))
    assert {row.label for row in rows_of_file(tmp_path, "x.csv", content)} == {"refund", "login", "👩‍👩‍👧"}


def test_a_column_of_cells_of_ten_megabytes_is_read_whole(tmp_path: Path) -> None:
    cells = [f"{i} " + "word " * 2_000_000 for i in range(4)]
    content = "text,label\n" + "".join(f'"{cell}",{"ab"[i % 2]}\n' for i, cell in enumerate(cells))
    started = time.process_time()
    table = read(tmp_path, content)
    assert [record.values["text"] for record in table.records] == cells
    assert time.process_time() - started < MOST_SECONDS

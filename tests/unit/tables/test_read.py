"""Every file that people bring is read as it is meant, or refused with a reason."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.shared_data import shared_data
from tunewright.core.errors import DataError
from tunewright.tables.content import source_of
from tunewright.tables.decode import encoding_of, whole_text
from tunewright.tables.delimited import strict_rows
from tunewright.tables.dialect import dialect, rows_of
from tunewright.tables.header import header
from tunewright.tables.read import read_table
from tunewright.tables.table import Table


def read(folder: Path, content: str | bytes, *, name: str = "data.csv", format: str | None = None) -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, role="train", format=format)


def text_of(folder: Path, data: bytes) -> str:
    (folder / "text").write_bytes(data)
    source = source_of(folder / "text")
    return whole_text(source, encoding_of(source))


def cells(table: Table) -> list[tuple[object, ...]]:
    return [tuple(record.values.get(name) for name in table.columns) for record in table.records]


def ids(table: Table) -> list[str]:
    return [record.row_id for record in table.records]


CELL = st.text(alphabet="ab ,;|\t\"'\n\\.é한0", max_size=12)
PAIRS = st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8)


@settings(deadline=None, max_examples=300)
@given(
    pairs=PAIRS,
    delimiter=st.sampled_from(",;|\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\r\n", "\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_dialect_gives_back_what_csv_writer_wrote(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, str]],
    delimiter: str,
    quoting: int,
    end: str,
    encoding: str,
) -> None:
    # A quoted cell of tab-separated text that holds tabs and line ends looks like rows: documented as rows.
    assume(delimiter != "\t" or not any("\t" in cell and "\n" in cell for pair in pairs for cell in pair))
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([("text", "label"), *pairs])
    text = text_of(tmp_path_factory.getbasetemp(), file.getvalue().encode(encoding))
    lines = list(io.StringIO(text, newline=""))
    assert [line.cells for line in rows_of(lines, dialect(lines))] == [("text", "label"), *pairs]


@settings(deadline=None, max_examples=300)
@given(
    data=st.binary(max_size=200),
    name=st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "a.txt", "a"]),
)
def test_read_table_raises_nothing_but_data_error_when_bytes_are_random(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        table = read_table(path, role="train")
    except DataError:
        return
    assert table.n_read == len(table.records) + len(table.dropped) > 0


@settings(deadline=None, max_examples=200)
@given(
    text=st.text(alphabet='{}[]",:01aeé\n "textlab', max_size=60), name=st.sampled_from(["a.csv", "a.json", "a.jsonl"])
)
def test_read_table_keeps_the_count_when_text_is_nearly_json(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(text, encoding="utf-8")
    try:
        table = read_table(path, role="train")
    except DataError:
        return
    assert table.n_read == len(table.records) + len(table.dropped) > 0


def test_read_table_counts_physical_lines_when_cells_hold_newlines(tmp_path: Path) -> None:
    table = read(tmp_path, 'text,label\n"two\nlines",a\n\nb,c\n')
    assert ids(table) == ["train:2", "train:5"]
    assert cells(table) == [("two\nlines", "a"), ("b", "c")]


def test_read_table_puts_the_tag_into_ids_when_a_role_has_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nx,y\n")
    assert ids(read_table(tmp_path / "a.csv", role="train", tag="a.csv")) == ["train:a.csv:2"]


def test_read_table_says_how_in_one_sentence(tmp_path: Path) -> None:
    assert read(tmp_path, "text;label\na;b\n", name="t.csv").how == "t.csv: csv, semicolon, utf-8, 1 row"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_read_table_finds_the_delimiter_when_prose_holds_the_others(tmp_path: Path, delimiter: str) -> None:
    others = [d for d in ",;|" if d != delimiter]
    rows = [delimiter.join((f"well{others[i % 2]} so be it", "ab"[i % 2])) for i in range(20)]
    table = read(tmp_path, "\n".join([delimiter.join(("text", "label")), *rows]))
    assert table.columns == ("text", "label")
    assert len(table.records) == 20


def test_read_table_reads_one_column_when_prose_holds_commas(tmp_path: Path) -> None:
    table = read(tmp_path, "text\nHello, you.\nNo comma here.\nOne, two, three.\nPlain.\nMore.\n")
    assert table.columns == ("text",)
    assert len(table.records) == 5


def test_read_table_takes_quotes_as_letters_when_they_do_not_close(tmp_path: Path) -> None:
    rows = [f'ham\t"Hi {i}" she said' if i % 3 == 0 else f"spam\tline {i}" for i in range(30)]
    rows[4] = 'ham\t"never closed'
    rows[5] = 'ham\t"closed"'
    table = read(tmp_path, "\n".join(rows), name="sms.tsv")
    assert table.n_read == 30
    assert table.columns == ("label", "text")
    assert [record.values["text"] for record in table.records[4:6]] == ['"never closed', '"closed"']
    assert "quotes" in {finding.check for finding in table.findings}


def test_read_table_loses_one_line_at_most_when_one_quote_is_stray(tmp_path: Path) -> None:
    rows = [f'"text {i}, with a comma",a' for i in range(100)]
    rows[50] = '"oops, it never closes,a'
    table = read(tmp_path, "\n".join(["text,label", *rows]))
    assert table.n_read == 100
    assert table.records[49].values == {"text": "text 49, with a comma", "label": "a"}
    assert table.records[-1].values == {"text": "text 99, with a comma", "label": "a"}
    assert table.repaired["stray_quotes"] == 1


def test_read_table_understands_backslashes_before_quotes(tmp_path: Path) -> None:
    table = read(tmp_path, 'text,label\n"He said \\"hi\\", ok",a\n"b, c",b\n')
    assert cells(table) == [('He said "hi", ok', "a"), ("b, c", "b")]


def test_read_table_understands_blanks_before_quotes(tmp_path: Path) -> None:
    table = read(tmp_path, 'text, label\n"a, b", "x, y"\n"c, d", z\n')
    assert cells(table) == [("a, b", "x, y"), ("c, d", "z")]


def test_read_table_drops_a_row_with_too_many_cells_and_counts_a_short_one(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label\na,b\nc,d,e\nf\ng,h\ni,j\nk,l\nm,n,\n")
    assert [(d.row_id, d.reason) for d in table.dropped] == [("train:3", "ragged")]
    assert cells(table)[1] == ("f", None)
    assert table.repaired == {"ragged": 1}
    assert table.n_read == 7


def test_read_table_names_columns_when_names_are_missing_or_double(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label,label,,\nhello there,a,b,,x\nbye,c,d,,\n")
    assert table.columns == ("text", "label", "label_2", "column_5")


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("text,label\na,b\n", ("text", "label")),
        ("v1,v2\nham,Go until jurong point crazy available\nspam,Free entry in a weekly competition\n", ("v1", "v2")),
        (
            "frage,thema\nWo ist meine Bestellung geblieben?,lieferung\nKann ich umtauschen?,rueckgabe\n",
            ("frage", "thema"),
        ),
        ("".join(f"Where is number {i}?,late\n" for i in range(9)), ("text", "label")),
        ("lost_card,where_now\nlost_card,gone_now\nfound_card,here_now\n", ("column_1", "column_2")),
        ("1,good thing\n2,bad thing\n3,other thing\n", ("column_1", "column_2")),
        ("id,n\n1,2\n3,4\n", ("id", "n")),
        ('"","x"\n"1","some text"\n"2","more text"\n', ("column_1", "x")),
    ],
)
def test_header_is_told_from_data(content: str, columns: tuple[str, ...]) -> None:
    lines = content.splitlines(keepends=True)
    written = dialect(lines)
    assert header(list(rows_of(lines, written)), width=written.width).columns == columns


def test_read_table_drops_the_header_again_when_files_were_pasted_together(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label\na,b\ntext,label\nc,d\n")
    assert [(d.row_id, d.reason) for d in table.dropped] == [("train:3", "repeated_header")]


def test_read_table_takes_nul_bytes_out_and_counts_them(tmp_path: Path) -> None:
    table = read(tmp_path, b"text,label\nhel\0lo there my friend,a\nb,c\n")
    assert cells(table)[0] == ("hello there my friend", "a")
    assert table.repaired == {"nul_bytes": 1}


def test_read_table_reads_a_huge_cell_and_leaves_the_csv_module_as_it_was(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)  # the csv module's own default
    table = read(tmp_path, f"text,label\n{'x' * 300_000},a\n")
    assert len(str(table.records[0].values["text"])) == 300_000
    assert csv.field_size_limit() == 131_072


SENTENCES = {
    "cp1252": "Où est ma commande ? Je l’attends depuis trois semaines, déjà payée",
    "cp1250": "Dziękuję bardzo, proszę o zwrot pieniędzy za zamówienie, żółty łoś",
    "gbk": "今天天气真好，我们去公园散步吧。我的订单还没有到",
    "big5": "今天天氣真好，我們去公園散步吧，我的訂單還沒有到",
    "shift_jis": "今日はとても良い天気ですね。散歩に行きましょう。",
    "cp949": "오늘 날씨가 정말 좋네요. 산책하러 갈까요?",
    "cp1251": "Сегодня хорошая погода, пойдём гулять",
    "cp850": "Ich möchte meine Bestellung zurückgeben, weil die Größe nicht paßt",
    "utf-16-le": "Où est ma commande ? Je l’attends",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_encoding_of_finds_the_encoding_when_it_is_not_utf8(tmp_path: Path, encoding: str) -> None:
    text = "text;label\n" + f"{SENTENCES[encoding]};a\n" * 20
    assert text_of(tmp_path, text.encode(encoding)) == text


def test_read_table_reports_another_encoding(tmp_path: Path) -> None:
    table = read(tmp_path, ("text,label\n" + "déjà vu,a\n" * 5).encode("cp1252"))
    assert [f.check for f in table.findings] == ["encoding"]
    assert "cp1252" in table.how


def test_encoding_of_keeps_utf8_when_a_few_bytes_are_foreign(tmp_path: Path) -> None:
    data = "déjà vu\n".encode() * 20 + "déjà vu\n".encode("cp1252")
    assert text_of(tmp_path, data) == "déjà vu\n" * 21
    assert encoding_of(source_of(tmp_path / "text")).n_mended == 2


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "a", "label": 1}, {"text": "b", "label": 0}]',
        '{"data": [{"text": "a", "label": 1}, {"text": "b", "label": 0}], "version": 2}',
        '{"text": ["a", "b"], "label": [1, 0]}',
        '{"text": {"0": "a", "1": "b"}, "label": {"0": 1, "1": 0}}',
        '{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n',
        '{"text": "a",\n "label": 1}\n{"text": "b",\n "label": 0}\n',
    ],
)
@pytest.mark.parametrize("name", ["data.json", "data.jsonl", "data"])
def test_read_table_reads_json_in_every_shape_whatever_its_name(tmp_path: Path, content: str, name: str) -> None:
    table = read(tmp_path, content, name=name)
    assert cells(table) == [("a", 1), ("b", 0)]
    assert ids(table) == ["train:1", "train:2"]


def test_read_table_reads_one_record_of_json_lines(tmp_path: Path) -> None:
    assert cells(read(tmp_path, '{"text": "a", "label": "b"}\n', name="x.jsonl")) == [("a", "b")]


def test_read_table_drops_a_bad_json_line_with_its_number(tmp_path: Path) -> None:
    table = read(tmp_path, '{"text": "a"}\n{"text": \n{"text": "b"}\n42\n{"text": "c"}\n', name="x.jsonl")
    assert [(d.row_id, d.reason) for d in table.dropped] == [("train:2", "unreadable"), ("train:4", "unreadable")]
    assert ids(table) == ["train:1", "train:3", "train:5"]
    assert table.n_read == 5


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": ' + "9" * 5000 + "}", '[{"text": "a"},', "{}", "3", "[]"])
def test_read_table_refuses_json_that_is_damaged_or_holds_no_rows(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError):
        read(tmp_path, content, name="x.json")


def test_read_table_reads_parquet_by_record_number(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), path)
    table = read_table(path, role="test")
    assert (ids(table), cells(table)) == (["test:1", "test:2"], [("a", 0), ("b", 1)])


def test_read_table_refuses_a_cut_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Parquet"):
        read(tmp_path, b"PAR1\x15\x04junk", name="x.parquet")


def test_read_table_takes_each_line_of_a_text_file_as_a_row(tmp_path: Path) -> None:
    table = read(tmp_path, "First, a line.\n\nSecond; a line.\n", name="x.txt")
    assert ids(table) == ["train:1", "train:3"]
    assert "one line = one row" in table.how


def test_read_table_unpacks_gzip(tmp_path: Path) -> None:
    assert cells(read(tmp_path, gzip.compress(b"text,label\na,b\n"), name="x.csv.gz")) == [("a", "b")]
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path, gzip.compress(b"text,label\na,b\n")[:-9], name="y.csv.gz")


def test_read_table_obeys_the_format_that_is_named(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a,b\nc,d\n", name="x.csv", format="txt").records) == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"", "empty"),
        ("x.csv", b" \n\n", "empty"),
        ("x.csv", b"text,label\n", "no rows"),
        ("x.csv", b"\x89PNG\r\n\x1a\n....", "PNG"),
        ("x.csv", b"%PDF-1.7 ...", "PDF"),
        ("x.csv", b"\x80\x04\x95\x10\x00", "pickle"),
        ("x.bin", bytes(range(32)) * 50, "not a text file"),
    ],
)
def test_read_table_says_what_a_file_is_when_it_holds_no_rows(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path, content, name=name)
    assert name in caught.value.where
    assert caught.value.fix


def test_read_table_offers_near_names_when_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match=r"did you mean tickets\.csv"):
        read_table(tmp_path / "ticket.csv", role="train")


def test_read_table_names_the_files_inside_when_it_is_given_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match=r"folder[\s\S]*tickets\.csv"):
        read_table(tmp_path, role="train")


@pytest.mark.parametrize(
    ("name", "n_rows", "columns"),
    [
        ("sms_spam/data/sms.tsv", 5574, ("label", "text")),
        ("sms_spam_latin1_csv/spam.csv", 5572, ("v1", "v2", "column_3", "column_4", "column_5")),
        ("banking77/banking_data/train.csv", 10003, ("text", "category")),
        ("banking77/banking_data/test.csv", 3080, ("text", "category")),
        ("gsm8k/grade_school_math/data/train.jsonl", 7473, ("question", "answer")),
        ("korean_chatbot/ChatbotData.csv", 11823, ("Q", "A", "label")),
        (
            "mts_dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv",
            1201,
            ("ID", "section_header", "section_text", "dialogue"),
        ),
        ("pubmedqa/data/test_ground_truth.json", 500, ("key", "value")),
    ],
)
def test_read_table_reads_every_row_of_a_real_file(name: str, n_rows: int, columns: tuple[str, ...]) -> None:
    table = read_table(shared_data(name), role="train")
    assert (table.n_read, len(table.records), table.columns) == (n_rows, n_rows, columns)


def test_read_table_reads_cp1252_when_three_nameless_columns_stand_beside_the_text() -> None:
    table = read_table(shared_data("sms_spam_latin1_csv/spam.csv"), role="train")
    assert ", cp1252," in table.how
    assert {record.values["v1"] for record in table.records} == {"ham", "spam"}


def test_read_table_agrees_with_json_loads_line_by_line() -> None:
    path = shared_data("gsm8k/grade_school_math/data/test.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [record.values for record in read_table(path, role="test").records] == lines


def test_read_table_offers_a_name_with_blanks_as_it_can_be_typed(tmp_path: Path) -> None:
    read(tmp_path, "text\na\nb\n", name="my rows.csv")
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "my row.csv", role="test")
    assert caught.value.fix == f"data.test='{tmp_path}/my rows.csv'"


def test_read_table_leaves_hidden_files_out_when_it_lists_a_folder(tmp_path: Path) -> None:
    for name in (".out.csv.made_from.json", "rows.csv"):
        (tmp_path / name).write_text("text\na\n")
    with pytest.raises(DataError) as in_folder:
        read_table(tmp_path, role="train")
    with pytest.raises(DataError) as missing:
        read_table(tmp_path / "quite_another.parquet", role="train")
    assert in_folder.value.why == "data files in it: rows.csv"
    assert missing.value.why == "the folder holds rows.csv"


def test_read_table_keeps_both_columns_of_one_name_in_a_parquet_file(tmp_path: Path) -> None:
    columns = [pa.array(["a", "b"]), pa.array(["c", "d"]), pa.array([[1], [2]])]
    for n in (2, 3):
        pq.write_table(pa.table(columns[:n], names=["text", "text", "list"][:n]), tmp_path / f"{n}.parquet")
        table = read_table(tmp_path / f"{n}.parquet", role="train")
        assert [(r.values["text"], r.values["text_2"]) for r in table.records] == [("a", "c"), ("b", "d")]
        assert table.columns == ("text", "text_2", "list")[:n]
        assert "text_2" in table.findings[0].message


@pytest.mark.parametrize(
    "record",
    [{"a": {"b": 1}, "a.b": 2}, {"a.b": 2, "a": {"b": 1}}, {"a": {"b.c": 1}, "a.b": {"c": 2}}],
    ids=["nested first", "nested last", "both nested"],
)
def test_read_table_loses_no_value_when_a_nested_name_is_there_already(record: dict[str, Any], tmp_path: Path) -> None:
    table = read(tmp_path, json.dumps([record, record]), name="x.json")
    found = json.dumps(table.records[0].values)
    assert "1" in found
    assert "2" in found


@pytest.mark.parametrize("quote", ["", '"'])
def test_read_table_keeps_a_blank_line_of_one_column_as_an_empty_cell(quote: str, tmp_path: Path) -> None:
    lines = ["text", "", f"{quote}hello there, you{quote}", "", "   ", f"{quote}bye now{quote}", "", ""]

    table = read(tmp_path, "\n".join(lines), name="x.csv")

    assert [(r.row_id, r.values["text"].strip()) for r in table.records] == [
        *(("train:2", ""), ("train:3", "hello there, you"), ("train:4", ""), ("train:5", ""), ("train:6", "bye now")),
    ]
    assert table.n_read == 5, "blank lines at the end are the file's, not rows"


def test_read_table_takes_blank_lines_for_nothing_when_rows_have_several_cells(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label\n\nhello,a\n\nbye,b\n")
    assert [record.row_id for record in table.records] == ["train:3", "train:5"]


@pytest.mark.parametrize("name", ["plan.yaml", "plan.YML"])
def test_read_table_reads_no_plan_as_rows(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a plan and not rows") as caught:
        read(tmp_path, "task: classify\ndata: rows.csv\n", name=name)
    assert caught.value.fix.endswith("data.format=txt")
    assert read_table(tmp_path / name, role="train", format="txt").n_read == 2


def test_source_of_unpacks_no_more_of_a_mimetype_than_it_needs(tmp_path: Path) -> None:
    n_bytes = 2**26
    with zipfile.ZipFile(tmp_path / "x.ods", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", b"x" * n_bytes)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a zip archive"):
            source_of(tmp_path / "x.ods")
        assert tracemalloc.get_traced_memory()[1] < n_bytes / 16
    finally:
        tracemalloc.stop()


def test_strict_rows_gives_up_a_quoted_cell_before_it_fills_the_memory() -> None:
    """16 mebicharacters. Without a limit one stray quote makes the rest of a file of any size into one cell."""
    lines = ['"' + "x" * 2**22 + "\n", *["x" * 2**22 + "\n"] * 4]
    with pytest.raises(csv.Error, match="field larger"):
        list(strict_rows(lines, delimiter=",", quote='"'))

"""Rows come out as they went in, with our cells beside them, in every format."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import PlanError
from tunewright.core.values import Dropped
from tunewright.serve.parts import Cells
from tunewright.serve.write import WRITERS, Output, free_names, writer_for
from tunewright.tables.again import Again
from tunewright.tables.stream import Stream, open_stream
from tunewright.tables.table import Record

NAMES = {"prediction": "prediction", "probability": "probability", "error": "error"}


def stream(rows: list[dict[str, Any] | None], *, format: str = "jsonl") -> Stream:
    """None: a row that could not be read."""
    made = [Dropped(f"row:{i}", "ragged") if row is None else Record(f"row:{i}", row) for i, row in enumerate(rows)]
    columns = tuple(dict.fromkeys(name for row in rows for name in row or ()))
    return Stream(Path("in"), format, columns, len(rows), "", (), {}, Again(lambda: iter(made)))


def output(rows: list[dict[str, Any] | None], *, format: str = "jsonl") -> Output:
    def cells() -> Iterator[Cells]:
        for i, row in enumerate(rows):
            error = "ragged" if row is None else ""
            yield {"prediction": None if error else f"p{i}", "probability": None if error else i / 8, "error": error}

    return Output(stream(rows, format=format), cells, NAMES)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(cells=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_delimited_cells_come_out_as_they_went_in_when_another_reader_reads_them(
    suffix: str, cells: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("out") / f"out{suffix}"

    writer_for(path)(output([{"a": a, "b": b} for a, b in cells], format="csv"))(path)

    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert lines[0] == ["a", "b", "prediction", "probability", "error"]
    assert [tuple(line[:2]) for line in lines[1:]] == cells


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_is_read_again_with_every_row_in_its_place(suffix: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any] | None] = [{"text": 'one, "two"\nthree', "n": "1"}, None, {"text": "=cmd()", "n": "3"}]
    path = tmp_path / f"out{suffix}"

    writer_for(path)(output(rows))(path)

    found = [row.values if isinstance(row, Record) else {"error": "unread"} for row in open_stream(path)]
    assert [row.get("text") or None for row in found] == ['one, "two"\nthree', None, "=cmd()"]
    assert [row.get("n") or None for row in found] == ["1", None, "3"]
    assert [row["prediction"] or None for row in found] == ["p0", None, "p2"]
    assert [row["error"] or None for row in found] == [None, "ragged", None]


def test_parquet_keeps_types_when_all_cells_agree_and_writes_text_when_they_do_not(tmp_path: Path) -> None:
    day = datetime.date(2024, 2, 29)
    rows: list[dict[str, Any] | None] = [
        {"n": 1, "x": 1, "day": day, "mixed": 1, "list": [{"role": "user"}], "none": None},
        None,
        {"n": 2, "x": 0.5, "day": None, "mixed": "a", "list": [{"content": "hi"}], "none": None},
    ]
    path = tmp_path / "out.parquet"

    writer_for(path)(output(rows))(path)

    table = pq.read_table(path)
    types = {name: table.schema.field(name).type for name in ("n", "x", "day", "mixed", "none")}
    assert types == {"n": pa.int64(), "x": pa.float64(), "day": pa.date32(), "mixed": pa.string(), "none": pa.string()}
    assert table.column("mixed").to_pylist() == ["1", None, "a"]
    assert table.column("day").to_pylist() == [day, None, None]
    assert table.column("probability").to_pylist() == [0.0, None, 0.25]


def test_cells_that_json_has_no_word_for_become_text_or_null(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"

    row = {"when": datetime.date(2024, 1, 2), "x": float("nan"), "raw": b"a", "odd": "\ud800"}
    writer_for(path)(output([row]))(path)

    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["when"], found["x"], found["raw"]) == ("2024-01-02", None, "a")


@pytest.mark.parametrize("suffix", WRITERS)
def test_half_characters_end_nothing_when_they_are_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    writer_for(path)(output([{"text": "a\ud800b"}, {"text": [1, "\ud800"]}]))(path)

    found = [row.values for row in open_stream(path) if isinstance(row, Record)]
    assert [row["prediction"] for row in found] == ["p0", "p1"]
    assert found[0]["text"] == ("a\ud800b" if suffix == ".jsonl" else "a\\ud800b"), "JSON has a word for it"


def test_delimited_cells_keep_a_lone_carriage_return(tmp_path: Path) -> None:
    """Before Python 3.13 csv.writer leaves it bare, and readers end the row at it."""
    path = tmp_path / "out.csv"
    writer_for(path)(output([{"text": "one\rtwo"}], format="csv"))(path)

    with path.open(encoding="utf-8", newline="") as file:
        assert [line[0] for line in csv.reader(file)] == ["text", "one\rtwo"]


@pytest.mark.parametrize(
    "cell",
    [{}, {"a": {}}, [{}], {"a": [{"b": {}}]}, {"\ud800": 1}],
    ids=["empty", "in one", "in a list", "deep", "half"],
)
def test_parquet_holds_text_when_a_cell_is_an_object_that_it_has_no_type_for(cell: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"

    writer_for(path)(output([{"text": "a", "more": cell}, {"text": "b", "more": None}]))(path)

    table = pq.read_table(path)
    assert table.schema.field("more").type == pa.string()
    assert table.column("more").to_pylist() == [json.dumps(cell), None]


def test_parquet_holds_text_when_a_later_cell_does_not_fit_the_type_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewright.serve.write.BATCH_ROWS", 1)
    path = tmp_path / "out.parquet"

    writer_for(path)(output([{"n": 2**60}, {"n": 0.5}]))(path)

    assert pq.read_table(path).column("n").to_pylist() == [str(2**60), "0.5"]


def test_parquet_keeps_a_column_apart_when_half_of_its_name_is_no_character(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"

    writer_for(path)(output([{"a\ud800": "half", "a\\ud800": "whole"}]))(path)

    table = pq.read_table(path)
    assert table.column("a\\ud800").to_pylist() == ["whole"]
    assert table.column("a\\ud800_2").to_pylist() == ["half"]


def test_parquet_knows_its_types_before_there_is_an_answer(tmp_path: Path) -> None:
    def cells() -> Iterator[Cells]:
        raise AssertionError("no row is answered yet")

    write = writer_for(tmp_path / "out.parquet")(Output(stream([{"text": "a", "more": {}}]), cells, NAMES))
    with pytest.raises(AssertionError, match="no row is answered yet"):
        write(tmp_path / "out.parquet")


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_writer_for_asks_for_a_name_when_there_is_none(name: str) -> None:
    with pytest.raises(PlanError, match="has no name") as caught:
        writer_for(Path(name))
    assert caught.value.fix == "-o answers.csv"


def test_free_names_never_takes_a_column_of_the_file() -> None:
    names = free_names(("prediction", "error"), taken=("prediction", "prediction_2", "error", "text"))
    assert names == {"prediction": "prediction_3", "error": "error_2"}


def test_writer_for_names_the_endings_when_it_has_none_for_it() -> None:
    with pytest.raises(PlanError, match=r"-o answers\.csv") as caught:
        writer_for(Path("answers.xlsx"))
    assert ".parquet" in caught.value.why

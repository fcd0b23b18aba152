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

    writer_for(path)(path, output([{"a": a, "b": b} for a, b in cells], format="csv"))

    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert lines[0] == ["a", "b", "prediction", "probability", "error"]
    assert [tuple(line[:2]) for line in lines[1:]] == cells


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_is_read_again_with_every_row_in_its_place(suffix: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any] | None] = [{"text": 'one, "two"\nthree', "n": "1"}, None, {"text": "=cmd()", "n": "3"}]
    path = tmp_path / f"out{suffix}"

    writer_for(path)(path, output(rows))

    found = [row.values for row in open_stream(path) if isinstance(row, Record)]
    assert [row["text"] or None for row in found if "text" in row] in (
        [rows[0]["text"], None, "=cmd()"],  # type: ignore[index]
        [rows[0]["text"], "=cmd()"],  # type: ignore[index]  # JSON lines: a key is not there
    )
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

    writer_for(path)(path, output(rows))

    table = pq.read_table(path)
    types = {name: table.schema.field(name).type for name in ("n", "x", "day", "mixed", "none")}
    assert types == {"n": pa.int64(), "x": pa.float64(), "day": pa.date32(), "mixed": pa.string(), "none": pa.string()}
    assert table.column("mixed").to_pylist() == ["1", None, "a"]
    assert table.column("day").to_pylist() == [day, None, None]
    assert table.column("probability").to_pylist() == [0.0, None, 0.25]


def test_cells_that_json_has_no_word_for_become_text_or_null(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"

    writer_for(path)(
        path, output([{"when": datetime.date(2024, 1, 2), "x": float("nan"), "raw": b"a", "odd": "\ud800"}])
    )

    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["when"], found["x"], found["raw"]) == ("2024-01-02", None, "a")


@pytest.mark.parametrize("suffix", WRITERS)
def test_half_characters_end_nothing_when_they_are_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    writer_for(path)(path, output([{"text": "a\ud800b"}, {"text": [1, "\ud800"]}]))
    assert path.stat().st_size


def test_free_names_never_takes_a_column_of_the_file() -> None:
    names = free_names(("prediction", "error"), taken=("prediction", "prediction_2", "error", "text"))
    assert names == {"prediction": "prediction_3", "error": "error_2"}


def test_writer_for_names_the_endings_when_it_has_none_for_it() -> None:
    with pytest.raises(PlanError, match=r"-o answers\.csv") as caught:
        writer_for(Path("answers.xlsx"))
    assert ".parquet" in caught.value.why

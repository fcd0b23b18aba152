"""Rows on disk: what is read is what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import RunError
from tunewright.core.values import SPLITS, Dropped, Message, Row
from tunewright.text.rows import read_rows, write_dropped, write_rows

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
MESSAGES = st.builds(
    Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT, is_trained=st.booleans()
)
ROWS = st.builds(
    Row,
    row_id=st.integers(1, 9**9).map("train:{}".format),
    text=TEXT,
    label=st.none() | TEXT,
    messages=st.lists(MESSAGES, max_size=3).map(tuple),
    group=st.none() | TEXT,
    columns=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
)


@settings(max_examples=50)
@given(rows=st.lists(ROWS, max_size=5))
def test_rows_read_back_equal_and_in_order(tmp_path_factory: Any, rows: list[Row]) -> None:
    folder = tmp_path_factory.getbasetemp() / "rows"
    write_rows(folder / "train.parquet", rows)

    assert read_rows(folder, "train") == tuple(rows)


def test_rows_tell_no_label_from_an_empty_one(tmp_path: Path) -> None:
    rows = (Row("train:2", label=None, group=None), Row("train:3", label="", group=""))
    write_rows(tmp_path / "test.parquet", rows)

    assert read_rows(tmp_path, "test") == rows


def test_rows_of_an_empty_split_keep_their_columns(tmp_path: Path) -> None:
    for split in SPLITS:
        write_rows(tmp_path / f"{split}.parquet", ())

    assert read_rows(tmp_path, "validation") == ()
    names = pq.read_schema(tmp_path / "train.parquet").names
    assert names == ["row_id", "text", "label", "messages", "group", "columns"]


def test_rows_of_a_missing_split_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"train\.parquet is missing") as caught:
        read_rows(tmp_path, "train")
    assert "tunewright run" in caught.value.fix


def test_dropped_rows_are_a_table_that_anybody_reads(tmp_path: Path) -> None:
    write_dropped(
        tmp_path / "dropped.parquet", [Dropped("train:4", "empty"), Dropped("train:9", "duplicate", "train:2")]
    )

    assert pq.read_table(tmp_path / "dropped.parquet").to_pylist() == [
        {"row_id": "train:4", "reason": "empty", "detail": ""},
        {"row_id": "train:9", "reason": "duplicate", "detail": "train:2"},
    ]

"""The user's rows with the model's answers beside them, as a file of the kind that the name asks for.

In: rows as they were read and our cells for each. Out: a CSV, TSV, JSON lines or Parquet file, written row by row.
Its own file because a row must come out as it went in, whatever format it came from and goes to.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.errors import PlanError
from tunewright.core.files import cannot_write
from tunewright.serve.parts import Cells
from tunewright.tables.stream import Stream
from tunewright.tables.table import Record, cell_text

BATCH_ROWS = 10_000
"""Rows of one Parquet row group: bounds the memory of writing."""
TEXT_FORMATS = ("csv", "tsv", "txt")
"""Every cell of theirs is text."""
OURS: Mapping[str, pa.DataType] = {
    "prediction": pa.string(),
    "probability": pa.float64(),
    "is_stopped": pa.bool_(),
    "bits_per_byte": pa.float64(),
    "error": pa.string(),
}
"""Our cells and their types."""


@dataclass(frozen=True, slots=True)
class Output:
    """What is written: the stream's rows, each with our cells."""

    stream: Stream
    cells: Callable[[], Iterator[Cells]]
    """Starts from the first row each time; as many as the stream has rows."""
    names: Mapping[str, str]
    """Our cells' names, and the columns they stand in."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.stream.columns, *self.names.values())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Cells by column; a row that could not be read has ours only."""
        for row, ours in zip(self.stream, self.cells(), strict=True):
            values = row.values if isinstance(row, Record) else {}
            yield {**values, **{column: ours[name] for name, column in self.names.items()}}


def writer_for(path: Path) -> Callable[[Path, Output], None]:
    """By the name's ending.

    Raises PlanError for one that we do not write.
    """
    if path.suffix.lower() not in WRITERS:
        raise PlanError(
            f"{path.name} is no name of a file that can be written",
            where="-o",
            why=f"its ending says the format: {', '.join(WRITERS)}",
            fix=f"-o {path.with_name((path.stem or 'answers') + '.csv')}",
        )
    return WRITERS[path.suffix.lower()]


def free_names(wanted: Sequence[str], *, taken: Sequence[str]) -> dict[str, str]:
    """A column for each of our cells that the file does not have yet.

    >>> free_names(["prediction", "error"], taken=["text", "prediction"])
    {'prediction': 'prediction_2', 'error': 'error'}
    """
    used = set(taken)
    found: dict[str, str] = {}
    for name in wanted:
        numbered = (f"{name}_{i}" for i in range(2, len(used) + 3))
        found[name] = next(free for free in (name, *numbered) if free not in used)
        used.add(found[name])
    return found


def _write_csv(path: Path, output: Output) -> None:
    _write_delimited(path, output, delimiter=",")


def _write_tsv(path: Path, output: Output) -> None:
    _write_delimited(path, output, delimiter="\t")


def _write_delimited(path: Path, output: Output, *, delimiter: str) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerow(output.columns)
            writer.writerows([_plain_text(row.get(name)) for name in output.columns] for row in output.rows())
    except OSError as error:
        raise cannot_write(path, error) from error


def _write_jsonl(path: Path, output: Output) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            for row in output.rows():
                file.write(json.dumps(_json_value(row), ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise cannot_write(path, error) from error


def _write_parquet(path: Path, output: Output) -> None:
    schema = _schema(output)
    try:
        with pq.ParquetWriter(path, schema) as writer:
            for rows in _batches(output.rows()):
                columns = {
                    field.name: [_arrow_value(row.get(field.name), is_text=field.type == pa.string()) for row in rows]
                    for field in schema
                }
                writer.write_table(pa.table(columns, schema=schema))
    except OSError as error:
        raise cannot_write(path, error) from error


WRITERS: Mapping[str, Callable[[Path, Output], None]] = {
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
"""What can be written, by the name's ending."""


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch


def _schema(output: Output) -> pa.Schema:
    """A type for each column that all its cells have; text where they have none in common.

    One more pass over the rows, unless the file's cells are text anyway.
    """
    types = dict.fromkeys(output.stream.columns, pa.null())
    if output.stream.format not in TEXT_FORMATS:
        for rows in _batches(output.rows()):
            types = {name: _common(type_, [row.get(name) for row in rows]) for name, type_ in types.items()}
    found = {name: pa.string() if pa.types.is_null(type_) else type_ for name, type_ in types.items()}
    return pa.schema([*found.items(), *((column, OURS[name]) for name, column in output.names.items())])


def _common(type_: pa.DataType, cells: Sequence[Any]) -> pa.DataType:
    """The narrowest type of these cells and the ones before."""
    try:
        both = [
            pa.schema([("", type_)]),
            pa.schema([("", pa.array(cells).type)]),
        ]  # infer_type takes 1, "a" for numbers
        return pa.unify_schemas(both, promote_options="permissive").field(0).type
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return pa.string()


def _arrow_value(cell: Any, *, is_text: bool) -> Any:
    if not is_text or cell is None:
        return cell
    return _plain_text(cell).encode("utf-8", "backslashreplace").decode("utf-8")


def _plain_text(cell: Any) -> str:
    """A cell of a delimited file: lists and objects as JSON, everything else as it is read again."""
    if isinstance(cell, (list, dict)):
        return json.dumps(_json_value(cell), ensure_ascii=False)
    return cell_text(cell)


def _json_value(value: Any) -> Any:
    """What JSON can say; dates and bytes as text, nan as null."""
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else cell_text(value)

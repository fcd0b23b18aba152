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
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.errors import PlanError
from tunewright.core.files import cannot_write
from tunewright.serve.chunks import ChunkSize, chunks
from tunewright.serve.parts import Cells
from tunewright.tables.stream import Stream
from tunewright.tables.table import Record, cell_text

BATCH_ROWS = 10_000
BATCH_CHARACTERS = 2**22
"""A Parquet row group ends with either: bounds the memory of writing, about five times a group."""
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


Write = Callable[[Path], None]
"""Writes the whole file, once our cells are there."""


def writer_for(path: Path) -> Callable[[Output], Write]:
    """By the name's ending. Given what is to be written it looks at the file's rows as far as its format needs that:
    before the first answer, so that none is lost to a cell that the format cannot hold.

    Raises PlanError for a name without an ending that we write.
    """
    if not path.name:
        raise PlanError(
            "the file to write has no name", where="-o", why="it is empty, or a folder", fix="-o answers.csv"
        )
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


def _csv(output: Output) -> Write:
    return partial(_write_delimited, output=output, delimiter=",")


def _tsv(output: Output) -> Write:
    return partial(_write_delimited, output=output, delimiter="\t")


def _jsonl(output: Output) -> Write:
    return partial(_write_jsonl, output=output)


def _parquet(output: Output) -> Write:
    return partial(_write_parquet, output=output, fields=_fields(output))


def _write_delimited(path: Path, output: Output, *, delimiter: str) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            minimal = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
            lines = ([_plain_text(row.get(name)) for name in output.columns] for row in output.rows())
            for cells in chain([output.columns], lines):  # before Python 3.13 a lone \r gets no quotes and ends the row
                (quoted if any("\r" in cell for cell in cells) else minimal).writerow(cells)
    except OSError as error:
        raise cannot_write(path, error) from error


def _write_jsonl(path: Path, output: Output) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            for row in output.rows():
                file.write(json.dumps(_json_value(row), ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise cannot_write(path, error) from error


def _write_parquet(path: Path, output: Output, *, fields: Mapping[str, pa.Field]) -> None:
    schema = pa.schema(list(fields.values()))
    try:
        with pq.ParquetWriter(path, schema) as writer:
            for rows in _batches(output.rows()):
                columns = [_arrow_array([row.get(name) for row in rows], field.type) for name, field in fields.items()]
                writer.write_table(pa.table(columns, schema=schema))
    except OSError as error:
        raise cannot_write(path, error) from error


WRITERS: Mapping[str, Callable[[Output], Write]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""What can be written, by the name's ending."""
DELIMITED = (".csv", ".tsv")
"""Those that spreadsheets open, and then run what looks like a formula."""


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return chunks(rows, ChunkSize(BATCH_ROWS, BATCH_CHARACTERS))


def _fields(output: Output) -> dict[str, pa.Field]:
    """By column: its name in the file, and a type that all its cells have; text where they have none in common.

    Two more passes over the rows, unless the file's cells are text anyway.
    """
    columns = output.stream.columns
    types = dict.fromkeys(columns, pa.null())
    if output.stream.format not in TEXT_FORMATS:
        for batch in _batches(_read(output.stream)):
            types = {name: _common(type_, [row.get(name) for row in batch]) for name, type_ in types.items()}
        types = {name: type_ if _is_stored(type_) else pa.string() for name, type_ in types.items()}
        for batch in _batches(_read(output.stream)):
            types = {name: _fitting(type_, [row.get(name) for row in batch]) for name, type_ in types.items()}
    found = {name: pa.string() if pa.types.is_null(type_) else type_ for name, type_ in types.items()}
    found |= {column: OURS[name] for name, column in output.names.items()}
    names = _whole_names(output.columns)
    return {column: pa.field(names[column], type_) for column, type_ in found.items()}


def _read(stream: Stream) -> Iterator[dict[str, Any]]:
    return (row.values for row in stream if isinstance(row, Record))


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


def _fitting(type_: pa.DataType, cells: Sequence[Any]) -> pa.DataType:
    """Text where the type holds not all of them: 2**60 in a column that has become one of floats."""
    try:
        _arrow_array(cells, type_)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return pa.string()
    return type_


def _is_stored(type_: pa.DataType) -> bool:
    """Parquet has no word for some types, objects without keys among them, and Arrow says so only when it writes."""
    try:
        pq.write_table(pa.table([pa.array([], type_)], names=["x"]), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return True


def _whole_names(columns: Sequence[str]) -> dict[str, str]:
    """The columns' names with half characters escaped, and still one for each.

    >>> _whole_names(["text", "a\\ud800"])["a\\ud800"]
    'a\\\\ud800'
    """
    whole = [name for name in columns if _whole(name) == name]
    half = [name for name in columns if _whole(name) != name]
    names = dict(zip(whole, whole, strict=True))
    for name in half:
        names[name] = free_names([_whole(name)], taken=tuple(names.values()))[_whole(name)]
    return names


def _arrow_array(cells: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if type_ != pa.string():
        return pa.array(cells, type_)
    return pa.array([None if cell is None else _whole(_plain_text(cell)) for cell in cells], type_)


def _whole(text: str) -> str:
    """Half characters, which are none, as the words that Python has for them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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

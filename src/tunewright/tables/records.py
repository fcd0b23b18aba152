"""JSON, JSON lines, Parquet and plain text as records.

In: a file. Out: Read: numbered rows of values, and the lines that could not be read.
Its own file because JSON comes in many shapes (a list, {"data": [...]}, columns, records by id) and all are welcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.errors import DataError
from tunewright.tables.again import Again
from tunewright.tables.content import Source
from tunewright.tables.decode import Encoding, text_lines, whole_text
from tunewright.tables.header import Header, named
from tunewright.tables.names import is_known

_LIST_KEYS = ("data", "rows", "examples", "train", "records", "items", "instances", "dataset", "samples")
_MIN_GOOD_SHARE = 0.5
"""Below it a file is not JSON lines but damaged JSON."""
_MOST_BAD_LINES = 20
"""That many at the start and no good one: a JSON document over several lines."""
_PARQUET_ROWS = 1024
_PARQUET_BUFFER_BYTES = 2**16
_JSON_ERRORS = (ValueError, RecursionError)
"""json.loads: a syntax error, a number of more than 4,300 digits; nesting beyond the interpreter's stack."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """One row and where it stands: record number, or physical line in JSON lines and text; both from 1."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadLine:
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    """Rows and where they come from; going through them reads the file unless it had to be read whole."""

    format: str
    rows: Iterable[Numbered | BadLine]
    """In the order of the file, as often as they are asked for."""
    n_rows: int
    columns: tuple[str, ...]
    """Keys of the rows' values, in the order in which they appear; none when no row can be read."""
    shape: str = ""
    """How the rows were found, for people: `the list under "data"`."""
    renamed: tuple[str, ...] = ()
    """What the later columns of a name that stood before are called."""


def json_records(source: Source, encoding: Encoding) -> Read:
    """Rows of a JSON or JSON lines file, whichever it is; only JSON lines are read one at a time.

    Raises DataError when it is neither.
    """
    lines = _json_lines(text_lines(source, encoding, newline="\n"))
    if lines is not None:
        return lines
    text = whole_text(source, encoding)
    try:
        value = json.loads(text)
    except _JSON_ERRORS as error:
        several = _concatenated(text)
        if several is not None:
            return several
        raise _broken(error, path=source.path) from error
    return _from_value(value, path=source.path)


def text_records(source: Source, encoding: Encoding) -> Read:
    """One row a line; blank lines are no rows."""
    lines = text_lines(source, encoding, newline=None)
    rows = Again(lambda: (Numbered(i, {"text": line.rstrip("\n")}) for i, line in enumerate(lines, 1) if line.strip()))
    return Read("txt", rows, sum(1 for _ in rows), ("text",), "one line = one row")


def parquet_records(source: Source) -> Read:
    """Rows of a Parquet file.

    Raises DataError when Arrow cannot read it; going through the rows can raise it too, where the file is damaged.
    """
    rows = Again(lambda: _parquet_rows(source))
    with _parquet(source) as file:
        is_nested = any(map(pa.types.is_nested, file.schema_arrow.types))
        head = _distinct(file.schema_arrow.names)
        n_rows = file.metadata.num_rows
    columns = tuple(dict.fromkeys(key for row in rows for key in row.values)) if is_nested else head.columns
    return Read("parquet", rows, n_rows, columns, renamed=head.renamed)


def _distinct(names: Sequence[str]) -> Header:
    """The columns' own names, unless two are the same: a row has room for one value of a name."""
    is_distinct = len(set(names)) == len(names)
    return Header(tuple(names), is_found=True) if is_distinct else named(names)


def _parquet_rows(source: Source) -> Iterator[Numbered]:
    number = 0
    with _parquet(source) as file:
        names = list(_distinct(file.schema_arrow.names).columns)
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
            for row in batch.rename_columns(names).to_pylist():
                number += 1
                yield Numbered(number, _flat(row))


@contextmanager
def _parquet(source: Source) -> Iterator[pq.ParquetFile]:
    try:
        # Left alone Arrow holds whole column chunks, and its threads more: 50 MiB more for 800,000 short rows than for
        # 50,000. So it is 1 MiB more.
        file = pa.BufferReader(source.whole()) if source.packing else str(source.path)
        with pq.ParquetFile(file, pre_buffer=False, buffer_size=_PARQUET_BUFFER_BYTES) as opened:
            yield opened
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise DataError(
            "the Parquet file cannot be read",
            where=str(source.path),
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="copy or write it again: pandas.DataFrame(...).to_parquet('data.parquet')",
        ) from error


def looks_like_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _json_lines(lines: Iterable[str]) -> Read | None:
    """Rows when most lines are values of their own; None when this is one JSON document."""
    rows = Again(lambda: _json_rows(lines))
    columns: dict[str, None] = {}
    n_good = n_bad = 0
    first: dict[str, Any] = {}
    for row in rows:
        if isinstance(row, BadLine):
            n_bad += 1
        else:
            n_good += 1
            first = first or row.values
            columns |= dict.fromkeys(row.values)
        if not n_good and n_bad > _MOST_BAD_LINES:
            return None
    opening = next((line.lstrip()[:1] for line in lines if line.strip()), "")
    is_document = n_good + n_bad == 1 and (opening == "[" or not _is_one_record(first))
    if is_document or n_good < _MIN_GOOD_SHARE * (n_good + n_bad) or not n_good:
        return None
    return Read("jsonl", rows, n_good + n_bad, tuple(columns))


def _json_rows(lines: Iterable[str]) -> Iterator[Numbered | BadLine]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Numbered(number, _row(json.loads(line)))
        except _JSON_ERRORS as error:
            yield BadLine(number, _reason(error))


def _is_one_record(value: Mapping[str, Any]) -> bool:
    """A lone object is a row, unless its values are the rows or the columns."""
    if _list_key(value) or _is_columns(list(value.values())):
        return False
    return any(is_known(key) for key in value)


def _is_columns(items: Sequence[Any]) -> bool:
    """Lists of one length, none of them a conversation."""
    is_lists = len(items) > 1 and all(isinstance(item, list) and not _holds_rows(item) for item in items)
    return is_lists and len({len(item) for item in items}) == 1


def _row(value: Any) -> dict[str, Any]:
    """Raises ValueError for a value that is no row."""
    if isinstance(value, dict):
        return _flat(value)
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
        return {"messages": value}
    raise ValueError(f"a row is an object, this is {_kind(value)}")


def _kind(value: Any) -> str:
    kinds = {list: "a list", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)


def _reason(error: BaseException) -> str:
    return f"{error.msg} at character {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects as dotted columns, {"a": {"b": 1}} as a.b; so is a list of just one object of plain values.

    One whose dotted name the row has already stays as it is: neither value may take the other's place.

    >>> _flat({"a": {"b": 1}, "c": {"d": 2}, "c.d": 3})
    {'a.b': 1, 'c': {'d': 2}, 'c.d': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in row.items():
        inner = value[0] if isinstance(value, list) and len(value) == 1 else value
        is_turn = isinstance(inner, dict) and {"content", "value"} & inner.keys()
        is_plain = isinstance(inner, dict) and inner and not any(isinstance(v, dict) for v in inner.values())
        dotted = {f"{key}.{name}": v for name, v in inner.items()} if is_plain and not is_turn else {}
        flat |= {str(key): value} if not dotted or dotted.keys() & (row.keys() | flat.keys()) else dotted
    return flat


def _concatenated(text: str) -> Read | None:
    """Objects one after the other over several lines each (jq writes so); None when it is not that."""
    try:
        values = list(_values(text))
        rows = [Numbered(number, _row(value)) for number, value in enumerate(values, 1)]
    except _JSON_ERRORS:
        return None
    return _held("jsonl", rows, shape="objects one after the other") if len(rows) > 1 else None


def _held(format: str, rows: Sequence[Numbered | BadLine], *, shape: str) -> Read:
    good = (row for row in rows if isinstance(row, Numbered))
    return Read(format, rows, len(rows), tuple(dict.fromkeys(key for row in good for key in row.values)), shape)


def _values(text: str) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(), 0
    while rest := text[position:].lstrip() if position < len(text) else "":
        position = len(text) - len(rest)
        value, position = decoder.raw_decode(text, position)
        yield value


def _from_value(value: Any, *, path: Path) -> Read:
    if isinstance(value, list):
        return _from_list(value, shape="")
    if isinstance(value, dict) and value:
        key = _list_key(value)
        if key:
            return _from_list(value[key], shape=f'the list under "{key}"')
        return _from_object(value)
    raise DataError(
        f"the file holds {'an empty object' if value == {} else _kind(value)}, not rows",
        where=str(path),
        fix='write a list of objects: [{"text": "...", "label": "..."}, ...]',
    )


def _from_list(items: Sequence[Any], *, shape: str) -> Read:
    rows: list[Numbered | BadLine] = []
    for number, item in enumerate(items, 1):
        try:
            rows.append(Numbered(number, _row(item)))
        except ValueError as error:
            rows.append(BadLine(number, str(error)))
    return _held("json", rows, shape=shape)


def _list_key(value: Mapping[str, Any]) -> str:
    """The key whose value is the list of rows; empty when there is none."""
    lists = [key for key, items in value.items() if _holds_rows(items)]
    known = [key for key in _LIST_KEYS if key in lists]
    if known:
        return known[0]
    return lists[0] if len(lists) == 1 and not is_known(lists[0]) else ""


def _holds_rows(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(item, dict) for item in items)


def _from_object(value: Mapping[str, Any]) -> Read:
    """Columns {"text": [...], "label": [...]}, records by id {"7": {...}}, pairs {"7": "yes"}, or one record."""
    items = list(value.values())
    if _is_columns(items):
        rows = [dict(zip(value, cells, strict=True)) for cells in zip(*items, strict=True)]
        return _from_list(rows, shape="columns")
    if all(isinstance(item, dict) and item for item in items):
        keys = set(items[0])
        if all(set(item) == keys for item in items) and all(key.isdigit() for key in keys):
            return _from_list([{name: value[name][key] for name in value} for key in items[0]], shape="columns")
        return _from_list([{"id": key, **item} for key, item in value.items()], shape="records by id")
    if len(items) >= 10 and len({type(item) for item in items}) == 1 and isinstance(items[0], (str, int)):
        return _from_list([{"key": key, "value": item} for key, item in value.items()], shape="pairs")
    return _from_list([value], shape="one record")


def _broken(error: BaseException, *, path: Path) -> DataError:
    where = f"{path}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else str(path)
    why = f"{error.msg} at character {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
    return DataError(
        "this is not JSON and not JSON lines",
        where=where,
        why=why,
        fix=f"python -m json.tool {path.name} shows the spot",
    )

"""A file as a table, whatever it is written in.

In: a path and the data key it stands under. Out: Table, or DataError. Its own file because the order of decisions
(bytes, format, encoding, dialect, header, cells) is the whole of reading; each decision has a file of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import DataError
from tunewright.core.values import Dropped
from tunewright.tables.content import DATA_SUFFIXES, file_bytes
from tunewright.tables.decode import Decoded, decoded
from tunewright.tables.delimited import NAMES, Delimited, Line, delimited
from tunewright.tables.header import Header, header
from tunewright.tables.records import Read, json_records, looks_like_json, parquet_records, text_records
from tunewright.tables.remarks import dialect_findings, encoding_findings, unreadable_findings
from tunewright.tables.table import Record, Table
from tunewright.tables.words import rows

_FORMATS = {
    ".csv": "csv", ".psv": "csv", ".ssv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet", ".txt": "txt", ".md": "txt", ".log": "txt",
}  # fmt: skip
_MAX_CONTROLS = 0.05
"""Share of control characters above which a file is not text. Source: file(1) and git call far fewer binary; the data
of a damaged but readable file had at most 1 %."""
_MAX_UNKNOWN = 0.05
"""Share of characters that the encoding does not know, above which a file is not text."""


@dataclass(frozen=True, slots=True)
class _Names:
    """How rows of this file are called."""

    role: str
    tag: str

    def row_id(self, number: int) -> str:
        return f"{self.role}:{self.tag}:{number}" if self.tag else f"{self.role}:{number}"


def read_table(path: Path, *, role: str, format: str | None = None, tag: str = "") -> Table:
    """One file's rows as they are written, with what was wrong with it as findings.

    role: the data key, train, validation or test; the first part of every row id.
    format: csv, tsv, json, jsonl, parquet or txt; None: from the name and the content.
    tag: the file's name in row ids when a role has several files.
    Raises DataError: missing, not a data file, damaged beyond reading, no rows.
    """
    data = file_bytes(path)
    names = _Names(role, tag)
    if format == "parquet" or (format is None and data.startswith(b"PAR1")):
        return _from_read(path, parquet_records(data, path=path), names=names)
    text = decoded(data)
    _refuse_binary(path, text)
    n_nul = text.text.count("\0")
    clean = text.text.replace("\0", "")
    kind = format or _format(path, clean)
    if kind in ("json", "jsonl"):
        return _from_read(path, json_records(clean, path=path), names=names, text=text, n_nul=n_nul)
    if kind == "txt":
        return _from_read(path, text_records(clean), names=names, text=text, n_nul=n_nul)
    split = delimited(clean, prefer="\t" if kind == "tsv" else ",")
    return _from_delimited(path, split, format=kind, names=names, text=text, n_nul=n_nul)


def _format(path: Path, text: str) -> str:
    """By the name; by the content when the name says nothing or something else."""
    suffix = [s.lower() for s in path.suffixes if s.lower() != ".gz"][-1:]
    named = _FORMATS.get(suffix[0], "") if suffix else ""
    if named in ("json", "jsonl") or (not named and looks_like_json(text)):
        return "json"
    if named == "txt" or not named:
        split = delimited(text, prefer="\t")
        is_table = split.width > 1 and all(len(line.cells) == split.width for line in split.lines)
        if is_table and len(split.lines) > 1 and (split.delimiter == "\t" or not named):
            return "tsv" if split.delimiter == "\t" else "csv"
        return "txt"
    return named if named != "parquet" else "csv"


def _refuse_binary(path: Path, text: Decoded) -> None:
    head = text.text[:100_000]
    n_controls = sum(1 for c in head if (c < " " and c not in "\t\n\r\f") or c == "\x7f")
    n_unknown = text.n_mended if text.encoding != "utf-8" else 0
    if n_controls > _MAX_CONTROLS * len(head) or n_unknown > _MAX_UNKNOWN * len(text.text):
        raise DataError(
            "this is not a text file",
            where=str(path),
            why=f"{n_controls:,} of its first {len(head):,} characters are control characters"
            if n_controls
            else f"{n_unknown:,} characters fit no encoding",
            fix=f"name a file of one of these kinds: {', '.join(DATA_SUFFIXES)}",
        )


def _from_read(path: Path, read: Read, *, names: _Names, text: Decoded | None = None, n_nul: int = 0) -> Table:
    dropped = tuple(Dropped(names.row_id(bad.number), "unreadable", bad.why) for bad in read.bad)
    n_read = len(read.rows) + len(read.bad)
    if not read.rows:
        raise _no_rows(path, n_read=n_read)
    columns = tuple(dict.fromkeys(key for row in read.rows for key in row.values))
    encoding = f", {text.encoding}" if text else ""
    shape = f", {read.shape}" if read.shape else ", one line = one row" if read.format == "txt" else ""
    findings = (*(encoding_findings(path, text) if text else ()), *unreadable_findings(path, dropped))
    return Table(
        path=path,
        format=read.format,
        columns=columns,
        records=tuple(Record(names.row_id(row.number), row.values) for row in read.rows),
        dropped=dropped,
        findings=findings,
        repaired={"nul_bytes": n_nul} if n_nul else {},
        n_read=n_read,
        how=f"{path.name}: {read.format}{shape}{encoding}, {rows(n_read)}",
    )


def _from_delimited(path: Path, split: Delimited, *, format: str, names: _Names, text: Decoded, n_nul: int) -> Table:
    if not split.lines:
        raise _no_rows(path, n_read=0)
    head = header(split.lines, width=split.width)
    lines = split.lines[1:] if head.is_found else split.lines
    if not lines:
        raise DataError(
            "the file has a header and no rows",
            where=f"{path}:1",
            why=f"its only line is {', '.join(head.columns)}"[:200],
            fix="add rows below the header, or name another file",
        )
    columns = _used_columns(head.columns, lines)
    records, dropped, repaired = [], [], Counter({"nul_bytes": n_nul} if n_nul else {})
    for line in lines:
        row_id = names.row_id(line.number)
        extra = [cell for cell in line.cells[len(head.columns) :] if cell.strip()]
        if extra:
            dropped.append(Dropped(row_id, "ragged", f"{len(line.cells)} cells instead of {len(head.columns)}"))
        elif head.is_found and line.cells == split.lines[0].cells:
            dropped.append(Dropped(row_id, "repeated_header", "the names of the columns again"))
        else:
            repaired["ragged"] += len(line.cells) < len(head.columns)
            cells = dict(zip(head.columns, line.cells, strict=False))
            records.append(Record(row_id, {name: cells.get(name) for name in columns}))
    if split.n_stray:
        repaired["stray_quotes"] = split.n_stray
    return Table(
        path=path,
        format=format,
        columns=columns,
        records=tuple(records),
        dropped=tuple(dropped),
        findings=(
            *encoding_findings(path, text),
            *dialect_findings(path, split, head, columns=columns, dropped=dropped),
        ),
        repaired={reason: n for reason, n in repaired.items() if n},
        n_read=len(lines),
        how=_how(path, split, head, format=format, encoding=text.encoding, n_rows=len(lines)),
    )


def _used_columns(columns: Sequence[str], lines: Sequence[Line]) -> tuple[str, ...]:
    """Without those that have neither a name nor a value: a spreadsheet's empty columns."""
    filled = {i for line in lines for i, cell in enumerate(line.cells) if cell and not cell.isspace()}
    return tuple(name for i, name in enumerate(columns) if i in filled or name != f"column_{i + 1}")


def _how(path: Path, split: Delimited, head: Header, *, format: str, encoding: str, n_rows: int) -> str:
    delimiter = NAMES.get(split.delimiter, f"delimiter {split.delimiter!r}") if split.delimiter else "one column"
    quotes = {"none": ", quotes are letters", "escaped": ", backslash before quotes", "mended": ", stray quotes"}
    names = ", ".join(head.columns) if len(head.columns) <= 3 else f"column_1 to column_{len(head.columns)}"
    no_header = "" if head.is_found else f", no header (columns: {names})"
    return f"{path.name}: {format}, {delimiter}{quotes.get(split.quotes, '')}, {encoding}{no_header}, {rows(n_rows)}"


def _no_rows(path: Path, *, n_read: int) -> DataError:
    why = f"none of its {n_read:,} rows can be read" if n_read else "it holds no row"
    return DataError(
        "there is nothing to learn from in this file", where=str(path), why=why, fix="name a file with rows"
    )

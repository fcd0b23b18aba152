"""A file's rows one after the other, whatever it is written in.

In: a path. Out: Stream: its columns, how it is read, and its rows as often as needed; or DataError. Its own file
because the order of decisions (kind, encoding, format, dialect, header) is all of reading, in training and predicting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from tunewright.core.errors import DataError
from tunewright.core.values import Dropped, Finding
from tunewright.tables.again import Again
from tunewright.tables.content import SHEETS, Another, Source, in_plan, source_of
from tunewright.tables.decode import Encoding, encoding_of, head_text, text_lines
from tunewright.tables.dialect import NAMES, Dialect, dialect, rows_of
from tunewright.tables.grid import Grid, RowId, grid
from tunewright.tables.packed import unpacking
from tunewright.tables.records import Numbered, Read, json_records, looks_like_json, parquet_records, text_records
from tunewright.tables.remarks import dialect_findings, double_findings, encoding_findings, sheet_findings
from tunewright.tables.spreadsheet import Sheet, sheet_of
from tunewright.tables.suffixes import DATA_SUFFIXES, data_suffix
from tunewright.tables.table import Record
from tunewright.tables.words import rows

_FORMATS = {
    ".csv": "csv", ".psv": "csv", ".ssv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".txt": "txt", ".md": "txt", ".log": "txt", ".parquet": "csv", ".pq": "csv",
}  # fmt: skip
"""Of text files by their names; text that calls itself Parquet is none."""
MOST_LINE_CHARACTERS = 2**26
"""Of one line. Ours: reading a line of 300 million characters took 5.4 GB, one of 67 million takes 1.4."""
_PLANS = (".yaml", ".yml")
_MAX_CONTROLS = 0.05
"""Share of control characters above which a file is not text. Source: file(1) and git call far fewer binary; the data
of a damaged but readable file had at most 1 %."""
_MAX_UNKNOWN = 0.05
"""Share of characters that the encoding does not know, above which a file is not text."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One file, opened. `for row in stream` reads it from the start, as often as it is asked to.

    Every row of the file comes out once, in file order: Record(row_id, values), or Dropped(row_id, reason, detail) for
    one that cannot be read (ragged, repeated_header, unreadable). n_read counts both. A bad row never raises; DataError
    while iterating means that the file itself broke off (a damaged Parquet page, a file that somebody removed).

    Memory is that of one row, and of a thousand at the start, for csv, tsv, jsonl, txt and parquet, packed or not
    (packed parquet excepted). A JSON document or a workbook (xlsx, xls, ods) is held whole. Opening goes through a text
    several times: whatever is said about it here is true of all of it, not of a sample.

    To skip rows that are done already: itertools.islice(stream, n_done, None); ids do not depend on where one starts.
    """

    path: Path
    format: str
    """csv, tsv, json, jsonl, parquet, xlsx, xls, ods or txt."""
    columns: tuple[str, ...]
    """Keys of the records' values. In csv, tsv and sheets every record has all, None where a row is too short."""
    n_read: int
    how: str
    """One sentence to print: `tickets.csv: csv, comma, utf-8, 5,574 rows`."""
    findings: tuple[Finding, ...]
    """About the file as a whole: encoding, header, quotes, columns."""
    repaired: dict[str, int]
    """What was mended in the file's form, by reason: nul_bytes, stray_quotes."""
    rows: Again[Record | Dropped]

    def __iter__(self) -> Iterator[Record | Dropped]:
        return iter(self.rows)


def open_stream(
    path: Path,
    *,
    format: str | None = None,
    sheet: str | None = None,
    role: str = "row",
    tag: str = "",
    another: Another = in_plan,
) -> Stream:
    """A file, looked at and ready to be read row by row.

    format: csv, tsv, json, jsonl, parquet, xlsx, xls, ods or txt; None: from the name and the content.
    sheet: which one of a workbook; None: the first that has rows. Other files have none.
    role: the first part of every row id: the data key train, validation or test; `row` elsewhere.
    tag: the file's name in row ids when a role has several files: `train:a.csv:17`.
    another: what the user types to name another file, for errors.
    Ids end in the physical line on which a row starts (delimited text, JSON lines, text), the sheet and its row
    (`row:Sheet1!17`) or the record's number, from 1.
    Raises DataError: missing, not a data file, damaged beyond reading, not one row that can be read.
    """
    source = source_of(path, another=another)
    prefix = f"{role}:{tag}:" if tag else f"{role}:"

    def row_id(number: int) -> str:
        return f"{prefix}{number}"

    _refuse_other_format(source, format)
    if source.kind in SHEETS:
        return _from_sheet(source, sheet_of(source, wanted=sheet), prefix=prefix)
    if source.kind == "parquet":
        return _from_read(path, parquet_records(source), row_id=row_id)
    encoding = encoding_of(source)
    _refuse_binary(source, encoding)
    _refuse_endless_line(source, encoding)
    kind = format or _format(source, encoding)
    if kind in ("json", "jsonl"):
        return _from_read(path, json_records(source, encoding), row_id=row_id, encoding=encoding)
    if kind == "txt":
        return _from_read(path, text_records(source, encoding), row_id=row_id, encoding=encoding)
    return _from_delimited(source, encoding, format=kind, row_id=row_id)


def _format(source: Source, encoding: Encoding) -> str:
    """By the name; by the content when the name says nothing or something else.

    Raises DataError for a plan.
    """
    suffix = data_suffix(source.path.name)
    if suffix in _PLANS:
        raise DataError(
            "this is a YAML file, which is a plan and not rows",
            where=str(source.path),
            why="its name says so",
            fix=f"name a file of rows: {', '.join(DATA_SUFFIXES)}; or, if its lines are the rows: data.format=txt",
        )
    named = _FORMATS.get(suffix, "")
    if named in ("json", "jsonl") or (not named and looks_like_json(head_text(source, encoding))):
        return "json"
    if named and named != "txt":
        return named
    written = dialect(text_lines(source, encoding), prefer="\t")
    is_table = written.is_even and written.n_lines > 1 and (written.delimiter == "\t" or not named)
    return "txt" if not is_table else "tsv" if written.delimiter == "\t" else "csv"


def _refuse_other_format(source: Source, format: str | None) -> None:
    """Text may be read in another way than its name says; what is not text is what it is."""
    if format not in (None, source.kind) and (source.kind != "text" or format in ("parquet", *SHEETS)):
        raise DataError(
            f"this file is {source.kind}, not {format}",
            where=f"{source.path} (data.format)",
            why="its first bytes say so",
            fix=f"data.format={'auto' if source.kind == 'text' else source.kind}",
        )


def _refuse_binary(source: Source, encoding: Encoding) -> None:
    head = head_text(source, encoding)
    n_controls = sum(1 for c in head if (c < " " and c not in "\t\n\r\f") or c == "\x7f")
    n_unknown = encoding.n_mended if encoding.name != "utf-8" else 0
    if n_controls > _MAX_CONTROLS * len(head) or n_unknown > _MAX_UNKNOWN * encoding.n_characters:
        raise DataError(
            "this is not a text file",
            where=str(source.path),
            why=f"{n_controls:,} of its first {len(head):,} characters are control characters"
            if n_controls
            else f"{n_unknown:,} characters fit no encoding",
            fix=f"name a file of one of these kinds: {', '.join(DATA_SUFFIXES)}",
        )


def _refuse_endless_line(source: Source, encoding: Encoding) -> None:
    """A document of JSON may stand in one line; in any other text a line is held whole, several times over."""
    if encoding.n_longest > MOST_LINE_CHARACTERS and not looks_like_json(head_text(source, encoding)):
        name = quote(source.path.name)
        unpacked = f"{unpacking(source.path.name)} | fold" if unpacking(source.path.name) else f"fold {name}"
        raise DataError(
            "a line of this file is longer than any row",
            where=str(source.path),
            why=f"it goes on for {encoding.n_longest:,} characters; read are up to {MOST_LINE_CHARACTERS:,}",
            fix=f"put every row on a line of its own; to cut a plain text at blanks: {unpacked} -s -w 2000 > rows.txt",
        )


def _from_read(path: Path, read: Read, *, row_id: RowId, encoding: Encoding | None = None) -> Stream:
    def converted() -> Iterator[Record | Dropped]:
        for row in read.rows:
            if isinstance(row, Numbered):
                yield Record(row_id(row.number), row.values)
            else:
                yield Dropped(row_id(row.number), "unreadable", row.why)

    if not read.columns:
        raise _no_rows(path, n_rows=read.n_rows)
    facts = (read.format, read.shape, encoding.name if encoding else "", rows(read.n_rows))
    return Stream(
        path=path,
        format=read.format,
        columns=read.columns,
        n_read=read.n_rows,
        how=f"{path.name}: {', '.join(fact for fact in facts if fact)}",
        findings=(
            *(encoding_findings(path, encoding) if encoding else ()),
            *double_findings(path, read.renamed),
        ),
        repaired={"nul_bytes": encoding.n_nul} if encoding and encoding.n_nul else {},
        rows=Again(converted),
    )


def _from_delimited(source: Source, encoding: Encoding, *, format: str, row_id: RowId) -> Stream:
    physical = text_lines(source, encoding)
    written = dialect(physical, prefer="\t" if format == "tsv" else ",")
    if not written.n_lines:
        raise _no_rows(source.path, n_rows=0)
    lines = Again(lambda: rows_of(physical, written))
    made = grid(lines, n_lines=written.n_lines, width=written.width, row_id=row_id, where=f"{source.path}:1")
    repaired = Counter(nul_bytes=encoding.n_nul, stray_quotes=written.n_stray)
    return Stream(
        path=source.path,
        format=format,
        columns=made.columns,
        n_read=made.n_rows,
        how=f"{source.path.name}: {format}, {_how(written, made, encoding=encoding.name)}",
        findings=(
            *encoding_findings(source.path, encoding),
            *dialect_findings(source.path, written, made.head, columns=made.columns),
        ),
        repaired=dict(+repaired),
        rows=made.rows,
    )


def _from_sheet(source: Source, sheet: Sheet, *, prefix: str) -> Stream:
    made = grid(
        Again(lambda: iter(sheet.lines)),
        n_lines=len(sheet.lines),
        width=len(sheet.lines[0].cells),
        row_id=lambda number: f"{prefix}{sheet.name}!{number}",
        where=f"{source.path}, {sheet.name}!{sheet.lines[0].number}",
    )
    no_header = "" if made.head.is_found else f", no header (columns: {_few_columns(made.head.columns)})"
    return Stream(
        path=source.path,
        format=source.kind,
        columns=made.columns,
        n_read=made.n_rows,
        how=f"{source.path.name}: {source.kind}, sheet {sheet.name}{no_header}, {rows(made.n_rows)}",
        findings=sheet_findings(source.path, sheet, made.head, columns=made.columns),
        repaired={"merged_cells": sheet.n_merged} if sheet.n_merged else {},
        rows=made.rows,
    )


def _how(written: Dialect, made: Grid, *, encoding: str) -> str:
    delimiter = NAMES.get(written.delimiter, f"delimiter {written.delimiter!r}") if written.delimiter else "one column"
    quotes = {"none": ", quotes are letters", "escaped": ", backslash before quotes", "mended": ", stray quotes"}
    no_header = "" if made.head.is_found else f", no header (columns: {_few_columns(made.head.columns)})"
    return f"{delimiter}{quotes.get(written.quotes, '')}, {encoding}{no_header}, {rows(made.n_rows)}"


def _few_columns(columns: Sequence[str]) -> str:
    return ", ".join(columns) if len(columns) <= 3 else f"column_1 to column_{len(columns)}"


def _no_rows(path: Path, *, n_rows: int) -> DataError:
    why = f"none of its {n_rows:,} rows can be read" if n_rows else "it holds no row"
    return DataError("there is nothing to read in this file", where=str(path), why=why, fix="name a file with rows")

"""What was odd about a file, said to the person who made it.

In: how the file was read. Out: findings. Its own file because reading decides and this only tells: encoding, header,
quotes, columns without a name, lines that could not be read, cells that a spreadsheet would compute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from tunewright.core.values import Dropped, Finding
from tunewright.tables.decode import Encoding
from tunewright.tables.dialect import Dialect
from tunewright.tables.header import Header
from tunewright.tables.packed import unpacking
from tunewright.tables.spreadsheet import Sheet
from tunewright.tables.table import Record
from tunewright.tables.words import few, rows

_KINDS = {str: "text", bool: "true or false", int: "numbers", float: "numbers", list: "lists", dict: "objects"}
"""What a value of JSON is called."""
_FORMULA = re.compile(r"\s*(=\w+[-(|!+*/]|[+\-@]\w+[(|])")
"""A call, a sum or a reference to a program, =cmd() or @SUM(; a number, a dash, @name or a smiley is none.
Source: OWASP, CSV injection."""


def encoding_findings(path: Path, encoding: Encoding) -> tuple[Finding, ...]:
    """Anything but clean UTF-8, because a wrong guess shows only in the letters."""
    return (*_nul_findings(path, encoding), *_letter_findings(path, encoding))


def _nul_findings(path: Path, encoding: Encoding) -> tuple[Finding, ...]:
    if not encoding.n_nul:
        return ()
    bytes_are = "byte, which is" if encoding.n_nul == 1 else "bytes, which are"
    message = f"{path.name} holds {encoding.n_nul:,} NUL {bytes_are} left out"
    suggestion = f"write the file again without them: tr -d '\\0' < {quote(path.name)} > {quote('clean.' + path.name)}"
    return (Finding("nul_bytes", "info", message, suggestion=suggestion),)


def _letter_findings(path: Path, encoding: Encoding) -> tuple[Finding, ...]:
    if encoding.name == "utf-8" and not encoding.n_mended:
        return ()
    if encoding.name == "utf-8":
        message = f"{path.name} is UTF-8 but {encoding.n_mended:,} of its bytes are not; they are read as cp1252"
        suggestion = f"look at the lines that hold them: grep -naxv '.*' {quote(path.name)}"
    else:
        unknown = (
            f"; {encoding.n_mended:,} characters could not be read and show as \ufffd" if encoding.n_mended else ""
        )
        message = f"{path.name} is not UTF-8; it is read as {encoding.name}{unknown}"
        suggestion = f"look at a row with accents; if it is wrong, save the file again: {_iconv(path, encoding.name)}"
    is_sure = encoding.name.startswith("utf-") and not encoding.n_mended
    return (Finding("encoding", "info" if is_sure else "warning", message, suggestion=suggestion),)


def _iconv(path: Path, encoding: str) -> str:
    return f"iconv -f {encoding} -t utf-8 {quote(path.name)} > {quote(f'{path.stem}.utf8{path.suffix}')}"


def unreadable_findings(path: Path, dropped: Sequence[Dropped], *, format: str) -> tuple[Finding, ...]:
    bad = [drop for drop in dropped if drop.reason == "unreadable"]
    if not bad:
        return ()
    number = _number(bad[0])
    spot, show = f"line {number}", _shown_line(path, number)
    if format == "json":
        spot, show = f"record {number}", f"python -m json.tool {quote(path.name)}"
    return (
        Finding(
            "unreadable",
            "warning",
            f"{rows(len(bad))} of {path.name} left out as unreadable; the first is {spot}: {bad[0].detail}",
            row_ids=tuple(drop.row_id for drop in bad),
            suggestion=f"mend {spot}: {show}",
            action="drop",
        ),
    )


def formula_findings(path: Path, records: Sequence[Record]) -> tuple[Finding, ...]:
    """Cells that do something when a spreadsheet opens them; here they are text like any other."""
    found = [record.row_id for record in records for cell in record.values.values() if is_formula(cell)]
    if not found:
        return ()
    message = (
        f"{len(found):,} cells of {path.name} begin like formulas and are kept as text; the first is in {found[0]}"
    )
    suggestion = (
        f"in a spreadsheet, open files made from it as text: Data > From Text/CSV, not {quote(path.name)} itself"
    )
    return (Finding("formulas", "info", message, row_ids=tuple(dict.fromkeys(found)), suggestion=suggestion),)


def mixed_findings(path: Path, records: Sequence[Record]) -> tuple[Finding, ...]:
    """Columns whose cells are values of several kinds: all become text, objects columns of their own."""
    kinds: dict[str, dict[str, list[str]]] = {}
    for record in records:
        for name, cell in record.values.items():
            if cell is None:
                continue
            base = name.partition(".")[0]
            kind = _KINDS.get(type(cell), "other values") if base == name else "objects"
            kinds.setdefault(base, {}).setdefault(kind, []).append(record.row_id)
    return tuple(_mixed_finding(path, name, some) for name, some in kinds.items() if len(some) > 1)


def _mixed_finding(path: Path, name: str, kinds: Mapping[str, Sequence[str]]) -> Finding:
    counted = sorted(((len(set(ids)), kind) for kind, ids in kinds.items()), reverse=True)
    said = ", ".join(f"{kind} in {rows(n)}" for n, kind in counted)
    usual = counted[0][1]
    odd = tuple(dict.fromkeys(row_id for kind, ids in kinds.items() if kind != usual for row_id in ids))
    read = f"objects are columns of their own ({name}.KEY), the rest is read as text" if "objects" in kinds else ""
    return Finding(
        "mixed_types",
        "warning" if "objects" in kinds else "info",
        f"the column {name} of {path.name} holds {said}; {read or 'all are read as text'}",
        row_ids=odd,
        suggestion=f"write one kind of value in every row; the first that is another is {odd[0]}",
    )


def is_formula(cell: object) -> bool:
    """
    >>> is_formula("=1+1"), is_formula("-5 degrees")
    (True, False)
    """
    return isinstance(cell, str) and _FORMULA.match(cell) is not None


def _number(drop: Dropped) -> str:
    return drop.row_id.rsplit(":", 1)[-1]


def _shown_line(path: Path, number: str) -> str:
    """The command that shows a line of the file."""
    unpacked = unpacking(path.name)
    return f"{unpacked} | sed -n {number}p" if unpacked else f"sed -n {number}p {quote(path.name)}"


def dialect_findings(path: Path, written: Dialect, head: Header, *, columns: Sequence[str]) -> tuple[Finding, ...]:
    return (
        *_header_findings(path, head, delimiter=written.delimiter),
        *_quote_findings(path, written),
        *_column_findings(path, head, columns=columns),
    )


def sheet_findings(path: Path, sheet: Sheet, head: Header, *, columns: Sequence[str]) -> tuple[Finding, ...]:
    found = [*_header_findings(path, head, delimiter="\t"), *_column_findings(path, head, columns=columns)]
    if sheet.others:
        message = f"{path.name} has other sheets with rows ({few(sheet.others)}); {sheet.name} is read"
        found.append(Finding("sheets", "info", message, suggestion=f"data.sheet={quote(sheet.others[0])}"))
    if sheet.n_merged:
        message = f"{path.name} has cells merged over rows; {rows(sheet.n_merged)} below the first get its value"
        found.append(Finding("merged_cells", "info", message, suggestion="unmerge them to say it otherwise"))
    return tuple(found)


def _header_findings(path: Path, head: Header, *, delimiter: str) -> tuple[Finding, ...]:
    if head.n_above:
        lines = "line" if head.n_above == 1 else "lines"
        message = f"{path.name} has {head.n_above} {lines} above its header, left out as a title"
        return (Finding("header", "info", message, suggestion="delete what stands above the names of the columns"),)
    if head.is_found:
        return ()
    line = (delimiter or ",").join(head.columns[:3]).replace("\t", "<TAB>") + ("..." if len(head.columns) > 3 else "")
    return (
        Finding(
            "header",
            "warning",
            f"{path.name} has no header row: its first line is read as data, the columns are called "
            f"{', '.join(head.columns[:3])}{' ...' if len(head.columns) > 3 else ''}",
            suggestion=f"if the first line holds names, or to choose other names, put this line first: {line}",
        ),
    )


def _quote_findings(path: Path, written: Dialect) -> tuple[Finding, ...]:
    said = {
        "none": "has quotes that do not close, so quotes are read as letters and every line is a row",
        "escaped": "puts a backslash before quotes inside cells; they are read as quotes",
        "mended": f"has {written.n_stray:,} lines with a stray quote, which are read as they stand",
    }
    if written.open_line and written.delimiter:
        message = f"{path.name}:{written.open_line} opens a quote that never closes"
        suggestion = "close it or take it out, or read the line as it stands: prepare.actions.quotes=report"
        return (Finding("quotes", "error", message, suggestion=suggestion, action="refuse"),)
    if written.quotes not in said or (written.quotes == "mended" and not written.n_stray):
        return ()
    return (
        Finding(
            "quotes",
            "warning" if written.quotes == "mended" else "info",
            f"{path.name} {said[written.quotes]}",
            suggestion='a quote inside a quoted cell is written twice: "He said ""hi"""',
        ),
    )


def _column_findings(path: Path, head: Header, *, columns: Sequence[str]) -> tuple[Finding, ...]:
    found = []
    n_gone = len(head.columns) - len(columns)
    if head.n_unnamed and head.is_found:
        left = head.n_unnamed - n_gone
        message = f"{path.name} has {head.n_unnamed} columns without a name"
        message += f"; {n_gone} are empty and left out" if n_gone else ""
        message += f"; {left} hold something and are called column_<position>" if left else ""
        found.append(
            Finding("columns", "info", message, suggestion="delete empty columns, name the others in the first line")
        )
    return (*found, *double_findings(path, head.renamed))


def double_findings(path: Path, renamed: Sequence[str]) -> tuple[Finding, ...]:
    """renamed: what the later columns of a name that stood before are called."""
    if not renamed:
        return ()
    message = f"{path.name} uses a column name twice; the later ones are called {few(renamed)}"
    suggestion = f"{quote(f'data.text_column={renamed[0]}')} would use it"
    return (Finding("columns", "warning", message, suggestion=suggestion),)


def ragged_findings(path: Path, dropped: Sequence[Dropped]) -> tuple[Finding, ...]:
    ragged = [drop for drop in dropped if drop.reason == "ragged"]
    if not ragged:
        return ()
    return (
        Finding(
            "ragged",
            "warning",
            f"{rows(len(ragged))} of {path.name} left out: more cells than there are columns",
            row_ids=tuple(drop.row_id for drop in ragged),
            suggestion=f"put quotes around cells that hold the delimiter: {_shown_line(path, _number(ragged[0]))}",
            action="drop",
        ),
    )

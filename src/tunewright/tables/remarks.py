"""What was odd about a file, said to the person who made it.

In: how the file was read. Out: findings. Its own file because reading decides and this only tells: encoding, header,
quotes, columns without a name, lines that could not be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.core.values import Dropped, Finding
from tunewright.tables.decode import Decoded
from tunewright.tables.delimited import Delimited
from tunewright.tables.header import Header


def encoding_findings(path: Path, text: Decoded) -> tuple[Finding, ...]:
    """Anything but clean UTF-8, because a wrong guess shows only in the letters."""
    if text.encoding == "utf-8" and not text.n_mended:
        return ()
    if text.encoding == "utf-8":
        message = f"{path.name} is UTF-8 but {text.n_mended:,} of its bytes are not; they are read as cp1252"
    else:
        unknown = f"; {text.n_mended:,} characters could not be read and show as \ufffd" if text.n_mended else ""
        message = f"{path.name} is not UTF-8; it is read as {text.encoding}{unknown}"
    suggestion = f"look at a row with accents; if it is wrong, save the file again: {_iconv(path, text.encoding)}"
    is_sure = text.encoding.startswith("utf-") and not text.n_mended
    return (Finding("encoding", "info" if is_sure else "warning", message, suggestion=suggestion),)


def _iconv(path: Path, encoding: str) -> str:
    return f"iconv -f {encoding} -t utf-8 {path.name} > {path.stem}.utf8{path.suffix}"


def unreadable_findings(path: Path, dropped: Sequence[Dropped]) -> tuple[Finding, ...]:
    if not dropped:
        return ()
    return (
        Finding(
            "unreadable",
            "warning",
            f"{len(dropped):,} rows of {path.name} cannot be read and are left out; the first: {dropped[0].detail}",
            row_ids=tuple(drop.row_id for drop in dropped),
            suggestion=f"mend the line: sed -n {dropped[0].row_id.rsplit(':', 1)[-1]}p {path.name}",
            action="drop",
        ),
    )


def dialect_findings(
    path: Path, split: Delimited, head: Header, *, columns: Sequence[str], dropped: Sequence[Dropped]
) -> tuple[Finding, ...]:
    return (
        *_header_findings(path, head, delimiter=split.delimiter),
        *_quote_findings(path, split),
        *_column_findings(path, head, columns=columns),
        *_ragged_findings(path, dropped),
    )


def _header_findings(path: Path, head: Header, *, delimiter: str) -> tuple[Finding, ...]:
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


def _quote_findings(path: Path, split: Delimited) -> tuple[Finding, ...]:
    said = {
        "none": "has quotes that do not close, so quotes are read as letters and every line is a row",
        "escaped": "puts a backslash before quotes inside cells; they are read as quotes",
        "mended": f"has {split.n_stray:,} lines with a stray quote, which are read as they stand",
    }
    if split.quotes not in said or (split.quotes == "mended" and not split.n_stray):
        return ()
    return (
        Finding(
            "quotes",
            "warning" if split.quotes == "mended" else "info",
            f"{path.name} {said[split.quotes]}",
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
    if head.renamed:
        found.append(
            Finding(
                "columns",
                "warning",
                f"{path.name} uses a column name twice; the later ones are called {', '.join(head.renamed)}",
                suggestion=f"data.text_column={head.renamed[0]} would use it",
            )
        )
    return tuple(found)


def _ragged_findings(path: Path, dropped: Sequence[Dropped]) -> tuple[Finding, ...]:
    ragged = [drop for drop in dropped if drop.reason == "ragged"]
    if not ragged:
        return ()
    first = ragged[0].row_id.rsplit(":", 1)[-1]
    return (
        Finding(
            "ragged",
            "warning",
            f"{len(ragged):,} rows of {path.name} have more cells than there are columns and are left out",
            row_ids=tuple(drop.row_id for drop in ragged),
            suggestion=f"put quotes around cells that hold the delimiter: sed -n {first}p {path.name}",
            action="drop",
        ),
    )

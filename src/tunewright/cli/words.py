"""Numbers, times and tables as people read them.

In: floats, seconds, rows of words. Out: text. Its own file because every verb prints them and they must look alike.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

WIDE = frozenset("WF")
"""Characters that take two columns. Source: Unicode UAX 11."""


def number(value: float | None) -> str:
    """Three digits behind the point, no zero before it; a dash for what is not known.

    >>> number(0.7416), number(12.34), number(None)
    ('.742', '12.3', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 10:
        return f"{value:.1f}"
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def interval(ci95: Sequence[float | None]) -> str:
    """[low, high]; empty when there is none.

    >>> interval((0.65, 0.82))
    '[.650, .820]'
    """
    low, high = ci95
    return f"[{number(low)}, {number(high)}]" if low is not None and math.isfinite(low) else ""


def duration(seconds: float) -> str:
    """Two units at most.

    >>> duration(0.4), duration(59.6), duration(125), duration(7260)
    ('.4 s', '1 min', '2 min 5 s', '2 h 1 min')
    """
    if not math.isfinite(seconds):
        return "–"
    if seconds < 10 and round(seconds, 1) != round(seconds):
        return f"{seconds:.1f} s".removeprefix("0")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    large, small, units = (
        (whole // 60, whole % 60, ("min", "s")) if whole < 3600 else (whole // 3600, whole % 3600 // 60, ("h", "min"))
    )
    return f"{large} {units[0]} {small} {units[1]}" if small else f"{large} {units[0]}"


def size(size_bytes: float) -> str:
    """Powers of 1000, as disks and memory limits are sold.

    >>> size(542_000_000)
    '542 MB'
    """
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def table(rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """Columns aligned to the left, two spaces between them; the first row is the heading.

    >>> print(table([("name", "n"), ("a", "12")]))
    name  n
    a     12
    """
    widths = [max(columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        indent
        + "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def columns(text: str) -> int:
    """Columns that the text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in WIDE else 1 for c in text)


def one_line(text: str, *, width: int = 100) -> str:
    """At most `width` characters on one line, for showing a row's text.

    >>> one_line("a\\n b", width=5)
    'a b'
    """
    flat = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in text).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"

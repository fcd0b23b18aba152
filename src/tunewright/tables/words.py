"""Counts and names as people read them.

In: numbers, row ids. Out: short words for findings, reasons and errors. Its own file because every piece of this stage
says "3 rows" and "a, b and 5 more", and must say it the same way.
"""

from __future__ import annotations

from collections.abc import Sequence


def rows(n: int, split: str = "") -> str:
    """
    >>> rows(1, "test"), rows(2500)
    ('1 test row', '2,500 rows')
    """
    return f"{n:,} {split + ' ' if split else ''}{'row' if n == 1 else 'rows'}"


def told(n: int, one: str, many: str) -> str:
    """Rows and what they do.

    >>> told(1, "holds a key", "hold a key"), told(2, "holds a key", "hold a key")
    ('1 row holds a key', '2 rows hold a key')
    """
    return f"{rows(n)} {one if n == 1 else many}"


def few(names: Sequence[str], most: int = 3) -> str:
    """
    >>> few(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def percent(part: int, whole: int) -> str:
    """
    >>> percent(25, 3080)
    '0.81 %'
    """
    return f"{100 * part / whole:.2f}".rstrip("0").rstrip(".") + " %" if whole else "0 %"

"""The beginning and the end of a text of megabytes: what a check looks at where the whole would take minutes.

In: a text. Out: its two ends, and the finding that says which rows were looked at so. Its own file because every check
that looks at less than all must say so in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.values import Finding
from tunewright.tables.words import few, told

END_CHARACTERS = 200_000
"""Of the beginning and of the end. Ours: a hundred pages each. With 12 texts of 10 MB looked at whole, the checks that
look so took 136 s, all others together 1 s, and reading the file 8 s."""


def is_long(text: str) -> bool:
    """Its ends are not all of it."""
    return len(text) > 2 * END_CHARACTERS


def ends(text: str) -> tuple[str, ...]:
    """The text itself, or its first and its last characters."""
    return (text[:END_CHARACTERS], text[-END_CHARACTERS:]) if is_long(text) else (text,)


def joined_ends(text: str, *, seam: str = "") -> str:
    """Both ends as one text. seam: a word between them that stands nowhere else."""
    return f" {seam} ".join(ends(text)) if is_long(text) else text


def partly(check: str, row_ids: Sequence[str], *, what: str, suggestion: str) -> tuple[Finding, ...]:
    """One finding when a row was looked at in part. what: what was looked for."""
    if not row_ids:
        return ()
    looked = f"{told(len(row_ids), 'was', 'were')} looked at in part for {what}, as {few(row_ids)}"
    message = f"{looked}: only the first and the last {END_CHARACTERS:,} characters of a longer text"
    return (Finding(check, "info", message, tuple(row_ids), suggestion),)

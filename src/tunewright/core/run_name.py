"""Which words can name a run, and so a folder, on every system.

In: a word, or a file's path. Out: whether a folder can be called so, or a word of the path that it can. Its own file
because the rules are file systems', not plans'.
"""

from __future__ import annotations

import re
from pathlib import Path

MAX_NAME_CHARACTERS = 60
"""Of a run's name: at most 240 bytes in UTF-8, below the 255 that file systems take."""
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))})
"""No folder may be called so on Windows, whatever its ending. Source: Microsoft, "Naming Files, Paths, Namespaces"."""


def is_run_name(name: str) -> bool:
    """A folder can be called so on every system, and the word is no option of a command.

    >>> is_run_name("tickets 2"), is_run_name("../tickets"), is_run_name("con.csv")
    (True, False, False)
    """
    if not name.strip(". ") or name != name.strip() or name[0] == "-" or len(name) > MAX_NAME_CHARACTERS:
        return False
    return name.partition(".")[0].lower() not in _DEVICES and not any(c < " " or c in '/\\:*?"<>|' for c in name)


def name_of(path: Path) -> str:
    """A run name from a file's name: what no folder may hold becomes a dash; run where nothing is left of it."""
    name = re.sub(r'[/\\\0:*?"<>|]', "-", path.stem)[:MAX_NAME_CHARACTERS].strip().lstrip("-")
    return name if is_run_name(name) else "run"

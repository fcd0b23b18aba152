"""What was found before a training is found once: a training that goes on takes it from its own folder.

In: a file's place, the training's fingerprint, how it is found. Out: what the file says. Its own file because the rate
and the blocks are found in different ways, and remembered in the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import write_json
from tunewright.model.files import read_json

Found = dict[str, Any]


def found_once(
    path: Path,
    find: Callable[[], Found],
    *,
    fingerprint: str,
    words: Callable[[Found], NoteEvent],
    tell: Tracker,
) -> Found:
    """Of this very training's own earlier search, else found now, written and told.

    words: for a person, of what was found.
    """
    known: Found = read_json(path) if path.is_file() else {}
    if known.get("fingerprint") != fingerprint:
        known = {"fingerprint": fingerprint, **find()}
        write_json(path, known)
        tell(words(known))
    return known

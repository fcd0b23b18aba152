"""What a race has paid for is kept: one small file for each finished training or measuring, found again by its inputs.

In: what it was made from, how to make it. Out: its record. Its own file because an interrupted race goes on with these,
and a race with another budget or one candidate more takes them over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.files import digest, remove, write_json, writing

FOLDER = "select.race"
"""In the run's folder, beside the stages: it stays when a stage is made anew."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of records."""

    folder: Path

    def record(self, made_from: Mapping[str, Any], make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """The record of these inputs; made in a folder of its own, which is removed, if it is not there.

        An exception of `make` passes through, and nothing is kept.
        """
        key = digest(made_from)[:16]
        path, work = self.folder / f"{key}.json", self.folder / key
        if path.is_file():
            try:
                found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return found
            except ValueError:  # damaged: made anew
                remove(path)
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        remove(work)
        try:
            made = make(work)
        finally:
            remove(work)
        write_json(path, made)
        return made

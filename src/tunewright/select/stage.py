"""The select folder: who was compared and why the first one won.

In: ranked Candidates. Out: candidates.json. Its own file because every stage has one place that writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.core.files import write_json
from tunewright.select.rank import Candidate

CANDIDATES = "candidates.json"


def write_candidates(work: Path, candidates: Sequence[Candidate]) -> None:
    """work/candidates.json: {"candidates": [...]}, the chosen one first, nan as null.

    Raises RunError when it cannot be written.
    """
    write_json(work / CANDIDATES, {"candidates": list(candidates)})

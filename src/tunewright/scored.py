"""How often a test set has been scored from a runs folder: a worn test set flatters.

In: a run. Out: a count, kept beside the runs. Its own file because all runs of a folder share it.
"""

from __future__ import annotations

import json

from filelock import FileLock

from tunewright.core.files import file_digest, write_json
from tunewright.core.run import Run

TEST_SETS = ".test_sets.json"


def test_set_uses(run: Run) -> int:
    """Scorings so far of this test set, known by its file's content."""
    return _uses(run).get(_key(run), 0)


def count_use(run: Run) -> None:
    """One more scoring; two runs of one folder may end at the same time."""
    path = run.folder.parent / TEST_SETS
    with FileLock(path.with_suffix(".lock")):
        write_json(path, {**_uses(run), _key(run): test_set_uses(run) + 1})


def _uses(run: Run) -> dict[str, int]:
    path = run.folder.parent / TEST_SETS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _key(run: Run) -> str:
    return file_digest(run.stage("prepare") / "test.parquet")

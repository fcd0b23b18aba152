"""Where the real data sets lie: beside the checkout, read in place; tests skip with a reason where one is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[1]


def shared_folder() -> Path:
    """The folder `shared` beside the checkout, or the one named by TUNEWRIGHT_SHARED."""
    return Path(os.environ.get("TUNEWRIGHT_SHARED", str(_CHECKOUT.parent / "shared")))


def shared_data(name: str) -> Path:
    """A file below shared/data; skips the test that asks for it when it is not there."""
    path = shared_folder() / "data" / name
    if not path.exists():
        pytest.skip(f"needs the real data set file {name}, which is not beside this checkout")
    return path


def published(name: str) -> Path:
    """A file below shared/ground_truth; skips the test that asks for it when it is not there."""
    path = shared_folder() / "ground_truth" / name
    if not path.exists():
        pytest.skip(f"needs the published measurements {name}, which are not beside this checkout")
    return path

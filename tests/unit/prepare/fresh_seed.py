"""A new seed for every test run, printed with the test that fails: planted faults must be found wherever they fall."""

from __future__ import annotations

import random
import secrets


def fresh() -> random.Random:
    """A generator whose seed pytest shows when the test is red."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")  # noqa: T201 -- shown by pytest when the test is red
    return random.Random(seed)

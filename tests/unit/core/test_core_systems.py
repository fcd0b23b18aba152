"""Systems: every word that a plan may name has a function, and the other way round."""

from __future__ import annotations

from tunewright.core import systems
from tunewright.evaluate.systems import SYSTEMS


def test_systems_have_a_function_each() -> None:
    assert tuple(SYSTEMS) == systems.SYSTEMS

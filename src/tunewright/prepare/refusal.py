"""Why a run must not go on with its data, as a person reads it.

In: a draft's refusal. Out: DataError. Its own file because every verb that stops before training says the same.
"""

from __future__ import annotations

from tunewright.core.errors import DataError


def refuse_leakage(refusal: str | None) -> None:
    """Raises DataError when the test rows stand in train too."""
    if refusal:
        raise DataError(
            "the test rows leak into training",
            where="prepare",
            why=refusal,
            fix="prepare.actions.leakage=drop takes them out of train; prepare.actions.leakage=report goes on anyway",
        )

"""Several models on the same rows: which rows they share, and which differences remain when many are looked at.

In: each model's Predictions with what was asked. Out: the shared rows, p values corrected by Holm. Its own file because
compare.py answers for one pair of systems of one run; here the rows come from different runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewright.core.errors import EvalError
from tunewright.core.values import Comparison, Prediction, Verdict
from tunewright.evaluate.statistics.compare import ALPHA

FEWEST_ROWS = 20
"""Of fewer shared rows nothing can be said: 20 rows leave the interval of a share of .5 40 points wide (Wilson)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One model's answers to its test rows."""

    name: str
    predictions: tuple[Prediction, ...]
    texts: Mapping[str, str]
    """What each row asked, by row id."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The rows that all answered."""

    predictions: tuple[tuple[Prediction, ...], ...]
    """One entry a model, each in the same order of rows."""
    left_out: tuple[int, ...]
    """Rows of each model that the others do not have."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A comparison among several."""

    comparison: Comparison
    """Its verdict is that of the comparison alone."""
    p_holm: float
    """Corrected for all comparisons shown; nan when it could not be made."""
    verdict: Verdict
    """After the correction."""


def shared_rows(answered: Sequence[Answered]) -> Shared:
    """Rows with the same id, the same text and the same reference everywhere.

    Raises EvalError when they are fewer than FEWEST_ROWS.
    """
    keys = [{_key(p, one): p for p in one.predictions} for one in answered]
    common = [key for key in keys[0] if all(key in others for others in keys[1:])]
    left_out = tuple(len(of) - len(common) for of in keys)
    if len(common) < FEWEST_ROWS:
        sizes = ", ".join(f"{one.name} has {len(one.predictions):,}" for one in answered)
        raise EvalError(
            f"the runs share {len(common)} test rows: too few to compare",
            where="compare",
            why=f"a row is shared when its id, text and reference are the same; {sizes}",
            fix="give both runs one test file: tunewright run tickets.csv data.test=held_out.csv run.name=again",
        )
    return Shared(tuple(tuple(of[key] for key in common) for of in keys), left_out)


def corrected(comparisons: Sequence[Comparison]) -> tuple[Corrected, ...]:
    """The same comparisons with p values that hold for all of them together.

    Those that could not be made (p is nan) do not count.
    """
    made = [c.p_value for c in comparisons if math.isfinite(c.p_value)]
    adjusted = iter(holm(made))
    return tuple(_corrected(c, next(adjusted) if math.isfinite(c.p_value) else math.nan) for c in comparisons)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The smallest p times their number, the next times one less, and so on; never falling, at most 1.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    found, largest = [math.nan] * len(p_values), 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[i]))
        found[i] = largest
    return tuple(found)


def _corrected(comparison: Comparison, p_holm: float) -> Corrected:
    """The interval must leave out 0 too, as for one comparison alone."""
    is_clear = p_holm < ALPHA
    return Corrected(comparison, p_holm, comparison.verdict if is_clear else "not distinguishable")


def _key(prediction: Prediction, of: Answered) -> tuple[str, str, str]:
    return prediction.row_id, of.texts.get(prediction.row_id, ""), prediction.reference

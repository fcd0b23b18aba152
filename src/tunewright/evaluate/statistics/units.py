"""What is drawn when rows are resampled or swapped: a row, or all rows of a patient, a customer, a chat at once.

In: Predictions with their groups. Out: Units: which one each row belongs to. Its own file because intervals and tests
of every kind of metric draw in the same way: rows of one group are alike, so drawing them apart promises too much.
Axes: N rows, U units, P columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Prediction

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Units:
    """Source: Miller 2024, arXiv 2411.00640, section 2.2 (clustered errors); Field & Welsh 2007 (cluster bootstrap)."""

    of_N: Integers
    """The unit of each row."""
    n: int

    @property
    def is_grouped(self) -> bool:
        """Some row shares its unit with another."""
        return self.n < len(self.of_N)

    @property
    def words(self) -> str:
        """How a person reads what was drawn.

        >>> Units(np.array([0, 0, 1]), 2).words, Units(np.array([0, 1]), 2).words
        ('groups', 'rows')
        """
        return "groups" if self.is_grouped else "rows"

    def sums(self, parts_NP: Floats) -> Floats:
        """Of each unit."""
        if not self.is_grouped:
            return parts_NP
        out_UP = np.zeros((self.n, parts_NP.shape[1]))
        np.add.at(out_UP, self.of_N, parts_NP)
        return out_UP

    def members(self) -> list[Integers]:
        """The rows of each unit."""
        order_N = np.argsort(self.of_N, kind="stable")
        return np.split(order_N, np.cumsum(np.bincount(self.of_N, minlength=self.n))[:-1])


def units_of(predictions: Sequence[Prediction]) -> Units:
    """A row without a group is a unit of its own."""
    place: dict[tuple[str, str], int] = {}
    keys = [("group", p.group) if p.group else ("row", p.row_id) for p in predictions]
    of_N = np.array([place.setdefault(key, len(place)) for key in keys], dtype=np.int64)
    return Units(of_N, len(place))

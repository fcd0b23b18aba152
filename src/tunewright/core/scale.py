"""Numbers to learn: read from a cell, brought to mean 0 and deviation 1, and back.

In: cells, the train rows' numbers. Out: floats, Scale. Its own file because reading, training, predicting and measuring
must mean the same number, and a model that is used without us needs the two figures that lie beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

ANSWER_DIGITS = 9
"""Of an answer: a float32 has no more."""
_NUMBER = re.compile(r"[+-]?(?P<whole>\d*)(?:(?P<mark>[.,])(?P<part>\d*))?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Scale:
    """Of the train rows' numbers. A model learns (number - mean) / deviation, whatever the unit."""

    mean: float
    deviation: float
    """Of all train rows (divided by n); above 0."""

    def standard(self, number: float) -> float:
        """
        >>> Scale(10.0, 2.0).standard(13.0), Scale(10.0, 2.0).number(1.5)
        (1.5, 13.0)
        """
        return (number - self.mean) / self.deviation

    def number(self, standard: float) -> float:
        return self.mean + self.deviation * standard


def scale_of(numbers: Sequence[float]) -> Scale | None:
    """None without numbers, and where all are the same: there is nothing to learn then.

    >>> scale_of([1.0, 3.0]), scale_of([2.0, 2.0])
    (Scale(mean=2.0, deviation=1.0), None)
    """
    if not numbers or min(numbers) == max(numbers):
        return None
    mean = fmean(numbers)
    deviation = math.sqrt(fmean((number - mean) ** 2 for number in numbers))
    return Scale(mean, deviation) if math.isfinite(deviation) and deviation > 0 else None


def number_of(cell: str) -> float | None:
    """The number that a cell says; None for text, nan, infinity, and for 1,234, which is two numbers in two countries.

    >>> number_of(" 3.5 "), number_of("3,5"), number_of("-1e3"), number_of("1,234"), number_of("nan")
    (3.5, 3.5, -1000.0, None, None)
    """
    text = cell.strip().replace("\N{MINUS SIGN}", "-")
    found = _NUMBER.fullmatch(text)
    if not found or not (found["whole"] or found["part"]):
        return None
    if found["mark"] == "," and len(found["part"]) == 3 and found["whole"].strip("0"):
        return None
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else None


def number_text(number: float) -> str:
    """As rows and answers hold it: read back as the same number.

    >>> number_text(4.0), number_text(-0.25), number_text(1e300)
    ('4', '-0.25', '1e+300')
    """
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(float(number))


def answer_text(number: float) -> str:
    """
    >>> answer_text(3.1415927410125732)
    '3.14159274'
    """
    return number_text(float(f"{number:.{ANSWER_DIGITS}g}"))

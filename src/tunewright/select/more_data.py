"""What twice the data would buy: the learning curve of one way to train, with an interval.

In: losses by number of rows. Out: LearningCurve and a sentence. Its own file because the race says it before the
training, and the finished training says it again with one point more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.stats import t as student

from tunewright.select.laws import accept_then_stop

TIMES = (1.0, 2.0, 4.0)
"""Of the rows there are: where the curve is told."""
N_POINTS = 24
HALF_BAND = 0.975
WIDEST = 10.0
"""Of the band, in the log: three sizes that lie on no line would overflow."""


@dataclass(frozen=True, slots=True)
class Told:
    """The loss at a number of rows, with a 95 % interval of the line; nan from fewer than three sizes."""

    rows: int
    loss: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Measured losses and the line through them."""

    measured: tuple[tuple[int, float], ...]
    n_rows: int
    """All that there are."""
    told: tuple[Told, ...]
    """From the smallest measured size to four times all rows."""
    gain: float
    """Of twice the rows: change of the loss, below 0 where it falls. nan from fewer than two sizes."""
    gain_error: float
    """Half the 95 % interval of that; nan from fewer than three sizes."""

    @property
    def sentence(self) -> str:
        """In the loss's own unit, which the caller names."""
        if math.isnan(self.gain):
            return "what more data would buy is not known: fewer than two sizes were trained on"
        if math.isnan(self.gain_error):
            return f"twice the data would buy about {self.gain:+.2g} (from two sizes: no interval)"
        words = f"twice the data would buy {self.gain:+.2g} ± {self.gain_error:.2g}"
        return f"{words}: whether it would help at all is not known" if self.gain + self.gain_error >= 0 else words


def learning_curve(losses: Mapping[int, float], *, n_rows: int) -> LearningCurve:
    """The line of `accept_then_stop`, and what doubling n_rows changes along it.

    The gain is loss(2 n) - loss(n) = loss(n) (2^slope - 1): its error is the slope's, by t with n - 2 degrees of
    freedom.
    """
    measured = tuple(sorted((n, loss) for n, loss in losses.items() if n > 0 and loss > 0 and math.isfinite(loss)))
    if len(measured) < 2:
        return LearningCurve(measured, n_rows, (), math.nan, math.nan)
    first, last = measured[0][0], TIMES[-1] * n_rows
    sizes = sorted({round(first * (last / first) ** (i / (N_POINTS - 1))) for i in range(N_POINTS)} | {n_rows})
    told = tuple(_told(dict(measured), size) for size in sizes)
    at = accept_then_stop(dict(measured), size=n_rows)
    gain = at.loss * (2**at.slope - 1)
    times = _times(len(at.sizes))
    error = times * at.loss * 2**at.slope * math.log(2) * at.slope_error if len(at.sizes) > 2 else math.nan
    return LearningCurve(measured, n_rows, told, gain, error)


def _told(losses: Mapping[int, float], size: int) -> Told:
    one = accept_then_stop(losses, size=size)
    if math.isnan(one.error):
        return Told(size, one.loss, math.nan, math.nan)
    far = math.exp(min(WIDEST, _times(len(one.sizes)) * one.error / one.loss))  # in the log: above 0
    return Told(size, one.loss, one.loss / far, one.loss * far)


def _times(n: int) -> float:
    return float(student.ppf(HALF_BAND, n - 2)) if n > 2 else math.nan

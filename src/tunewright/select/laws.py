"""What a candidate's loss will be with all rows, told from trainings on few: a line in log-log, or the rectified law.

In: losses by number of rows. Out: Extrapolation. Its own file because race, learning curve and benchmark say the same
number. Both are arithmetic: nothing is trained here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

START = 3
"""Largest sizes that a line starts with. Source: Lin et al. 2024, Algorithm 1 (k)."""
ACCEPT = 5.0
"""A smaller size joins the line while its residual is at most this many standard deviations of the residuals. Source:
the same (delta)."""
GRID, REFINED = 40, 4
"""Values tried of beta and of D_l, and how often the neighbourhood of the best is looked at again."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """A loss at a size that was not measured."""

    loss: float
    sizes: tuple[int, ...]
    """The sizes it was told from, ascending."""
    slope: float
    """Of the log of the loss over the log of the rows; negative while more rows help. nan from one size."""
    error: float
    """Standard error of the loss, from how far the measured ones lie off the line; nan from fewer than three sizes."""
    slope_error: float = math.nan
    """Standard error of the slope; nan from fewer than three sizes."""


def accept_then_stop(losses: Mapping[int, float], *, size: int) -> Extrapolation:
    """The loss at `size` rows, by the line through the largest measured sizes, as many as lie on one.

    The smallest measured size only tells where a line ends, it never joins one unless there are no more than START:
    so does the program that made the published table, and the table is reproduced (tests/unit/select/test_laws.py).
    Losses must be above 0; sizes without rows are left out. Two sizes give their line, one its own loss.
    Source: Lin et al., ICML 2024, arXiv 2402.02314, Algorithm 1.
    """
    measured = sorted((n, loss) for n, loss in losses.items() if n > 0 and loss > 0 and math.isfinite(loss))
    if not measured:
        return Extrapolation(math.nan, (), math.nan, math.nan)
    if len(measured) == 1:
        return Extrapolation(measured[0][1], (measured[0][0],), math.nan, math.nan)
    x_N, y_N = np.log(np.array(measured, dtype=float)).T
    n_used = min(START, len(x_N))
    while n_used < len(x_N) - 1 and _is_on_line(x_N[-n_used - 1 :], y_N[-n_used - 1 :]):
        n_used += 1
    return _line(x_N[-n_used:], y_N[-n_used:], size=size)


def _is_on_line(x_N: Floats, y_N: Floats) -> bool:
    """Whether the first point lies on the line through the others."""
    slope, start = np.polyfit(x_N[1:], y_N[1:], 1)
    residual_N = np.abs(y_N - (start + slope * x_N))
    return bool(residual_N[0] <= ACCEPT * np.std((y_N - (start + slope * x_N))[1:]))


def _line(x_N: Floats, y_N: Floats, *, size: int) -> Extrapolation:
    slope, start = np.polyfit(x_N, y_N, 1)
    loss = math.exp(start + slope * math.log(size))
    error = slope_error = math.nan
    if len(x_N) > 2:  # the variance of a prediction by a straight line, taken from logs to the loss
        variance = float(np.sum((y_N - start - slope * x_N) ** 2)) / (len(x_N) - 2)
        spread = float(np.sum((x_N - x_N.mean()) ** 2))
        far = (math.log(size) - x_N.mean()) ** 2 / spread
        error, slope_error = loss * math.sqrt(variance * (1 + 1 / len(x_N) + far)), math.sqrt(variance / spread)
    return Extrapolation(loss, tuple(round(math.exp(x)) for x in x_N), float(slope), error, slope_error)


@dataclass(frozen=True, slots=True)
class RectifiedLaw:
    """L(D) = B / (D_l + D^beta) + E: flat while the rows are fewer than what pre-training is worth, then a power."""

    b: float
    learned: float
    """D_l: how much the model knew before, in the unit of D^beta."""
    beta: float
    floor: float
    """E: the loss that no number of rows removes."""

    def loss(self, size: float) -> float:
        return float(self.b / (self.learned + size**self.beta) + self.floor)


def rectified_law(losses: Mapping[int, float]) -> RectifiedLaw:
    """Least squares in the relative error, over a grid of beta and D_l that is refined: for each, B and E are a line's.

    Size 0 is the loss before tuning. Raises ValueError for fewer than four sizes: there are four numbers to find.
    Source: Lin et al., ICML 2024, arXiv 2402.02314, equation 5.
    """
    measured = sorted((n, loss) for n, loss in losses.items() if loss > 0 and math.isfinite(loss))
    if len(measured) < 4:
        raise ValueError(f"four numbers need four sizes, there are {len(measured)}")
    size_N, loss_N = np.array(measured, dtype=float).T
    first, last = math.log(size_N[size_N > 0][0]), math.log(size_N[-1])
    betas_G, knees_G = np.linspace(0.05, 1.5, GRID), np.linspace(first - 5, last + 3, GRID)
    best = _best_on_grid(size_N, loss_N, betas_G, knees_G)
    for _ in range(REFINED):
        betas_G, knees_G = (_around(values_G, value) for values_G, value in ((betas_G, best[1]), (knees_G, best[2])))
        best = min(best, _best_on_grid(size_N, loss_N, np.maximum(betas_G, 0.01), knees_G))
    _, beta, knee, b, floor = best
    return RectifiedLaw(b, math.exp(beta * knee), beta, floor)


def _around(values_G: Floats, value: float) -> Floats:
    step = float(values_G[1] - values_G[0])
    return np.linspace(value - step, value + step, len(values_G))


def _best_on_grid(
    size_N: Floats, loss_N: Floats, betas_G: Floats, knees_G: Floats
) -> tuple[float, float, float, float, float]:
    """Error, beta, log of the rows at the knee, B, E; B and E are at least 0."""
    beta_G11, knee_1G1 = betas_G[:, None, None], knees_G[None, :, None]
    power_GGN = 1 / (np.exp(beta_G11 * knee_1G1) + size_N**beta_G11)
    a_GGN, c_N = power_GGN / loss_N, 1 / loss_N  # relative error: a B + c E = 1
    aa, ac, cc = (a_GGN**2).sum(-1), (a_GGN * c_N).sum(-1), (c_N**2).sum()
    a1, c1 = a_GGN.sum(-1), c_N.sum()
    det = np.maximum(aa * cc - ac**2, 1e-12 * aa * cc)
    b, floor = (cc * a1 - ac * c1) / det, (aa * c1 - ac * a1) / det
    is_below = floor < 0
    b, floor = np.where(is_below, a1 / aa, b), np.where(is_below, 0.0, floor)
    error = ((a_GGN * b[..., None] + c_N * floor[..., None] - 1) ** 2).sum(-1)
    i, j = np.unravel_index(int(np.where(b > 0, error, np.inf).argmin()), error.shape)
    return float(error[i, j]), float(betas_G[i]), float(knees_G[j]), float(b[i, j]), float(floor[i, j])

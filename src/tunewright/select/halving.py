"""Who is trained on how many rows next: successive halving on losses extrapolated to all rows.

In: the candidates' losses by number of rows. Out: Rounds, who stays, how much worse than the best the choice may be.
Its own file because the benchmark replays published trainings by the same rules that a race follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.select.laws import Extrapolation, accept_then_stop

FIRST_SHARE, N_SIZES = 1 / 32, 3
"""Of the rows that the first round trains on, and how often that doubles: 1/32, 1/16, 1/8."""
FEWEST_ROWS = 16
"""A first round has at least this many: a batch of the default size."""
KEPT_SHARE = 0.45
"""Of the candidates, in the last round. All at 1/32 and 1/16, these at 1/8: 3/32 + .45/8 = 15 % of tuning all."""
ERROR_PER_DOUBLING = 0.01
"""Least relative error of a loss told over one doubling of the rows: a line through three sizes may fit by luck.
benchmarks/results/scaling.md: median error 2.4 % over three doublings, 5.1 % over five."""
N_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Round:
    """Trainings of one size."""

    size: int
    """Rows."""
    n_candidates: int
    """How many take part, the best so far."""


def rounds(n_candidates: int, *, n_rows: int) -> tuple[Round, ...]:
    """All at the first sizes, then fewer; sizes that are not less than all rows are left out.

    >>> rounds(5, n_rows=3200)
    (Round(size=100, n_candidates=5), Round(size=200, n_candidates=5), Round(size=400, n_candidates=2))
    """
    first = max(FEWEST_ROWS, math.floor(n_rows * FIRST_SHARE))
    sizes = [first * 2**i for i in range(N_SIZES)]
    last = max(min(2, n_candidates), math.floor(KEPT_SHARE * n_candidates))
    each = (n_candidates, n_candidates, last)
    return tuple(Round(size, n) for size, n in zip(sizes, each, strict=True) if size < n_rows)


def standing(losses: Mapping[str, Mapping[int, float]], *, n_rows: int) -> dict[str, Extrapolation]:
    """Each candidate's loss with all rows, the lowest first; one that was not measured has none and is left out."""
    told = {name: accept_then_stop(of_size, size=n_rows) for name, of_size in losses.items()}
    known = {name: one for name, one in told.items() if not math.isnan(one.loss)}
    return dict(sorted(known.items(), key=lambda pair: pair[1].loss))


def loss_error(one: Extrapolation, *, n_rows: int) -> float:
    """Standard error of an extrapolated loss: of the line, and at least ERROR_PER_DOUBLING."""
    least = ERROR_PER_DOUBLING * max(0.0, math.log2(n_rows / one.sizes[-1])) * one.loss
    return least if math.isnan(one.error) else max(one.error, least)


def expected_regret(told: Sequence[Extrapolation], *, n_rows: int, seed: int = 0) -> float:
    """How much higher than the best one's the first one's true loss is, on average.

    Each true loss is drawn around what was told, independently, normally. 0.0 for one candidate.
    Source: the expected regret of a choice, as in Frazier 2018 (arXiv 1807.02811), section 4.
    """
    loss_C = np.array([one.loss for one in told])
    error_C = np.array([loss_error(one, n_rows=n_rows) for one in told])
    drawn_RC = np.random.default_rng(seed).normal(loss_C, error_C, size=(N_DRAWS, len(told)))
    return float((drawn_RC[:, 0] - drawn_RC.min(1)).mean())


def crossing_rows(first: Extrapolation, second: Extrapolation, *, n_rows: int) -> float:
    """From how many rows on the second is better than the first by their lines; inf where it never is."""
    if math.isnan(first.slope) or math.isnan(second.slope) or second.slope >= first.slope:
        return math.inf
    behind = math.log(second.loss) - math.log(first.loss)
    return n_rows * math.exp(min(700.0, behind / (first.slope - second.slope)))

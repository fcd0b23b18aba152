"""The race: short trainings on growing subsets, dropped early by the loss that each is told to have with all rows.

In: names, how to train one of them on so many rows, a budget. Out: Race: every loss, who was dropped when, who won.
Its own file because it knows neither models nor files: a function trains, and the clock is that function's answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tunewright.select.halving import Round, expected_regret, rounds, standing
from tunewright.select.laws import Extrapolation

GROWTH = 2.0
"""Twice the rows take twice the time: what the next training of a name is expected to take, from its last one."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of one short training."""

    loss: float
    """On the validation rows; nan when it failed or was stopped."""
    seconds: float
    failure: str = ""
    """Why there is no loss; the name takes no further part."""
    is_out_of_time: bool = False
    """Stopped because the budget ended: nothing is wrong with it."""
    wrong_share: float = math.nan
    """Of the validation rows; nan where an answer is not right or wrong."""


class Train(Protocol):
    """Trains `name` on `size` rows; seconds_left: after which it stops by itself."""

    def __call__(self, name: str, size: int, *, seconds_left: float) -> Trained: ...


@dataclass(slots=True)  # filled while it runs: what a stopped race has learned is told all the same
class Race:
    """Everything that was learned."""

    n_rows: int
    budget_seconds: float
    spent_seconds: float = 0.0
    losses: dict[str, dict[int, float]] = field(default_factory=dict)
    """By name, then by number of rows."""
    wrong_shares: dict[str, dict[int, float]] = field(default_factory=dict)
    seconds: dict[str, dict[int, float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """By name: why."""
    dropped_after: dict[str, int] = field(default_factory=dict)
    """By name: the number of rows after which it was no longer among the best."""
    finished: list[int] = field(default_factory=list)
    """Sizes at which everybody who took part was trained: only these decide."""
    stopped: str = ""
    """Why it ended before its last round; empty when it did not."""

    def told(self) -> dict[str, Extrapolation]:
        """Losses with all rows of those still in it, the lowest first, from the finished sizes."""
        alive = {name: losses for name, losses in self.losses.items() if self._is_alive(name)}
        counted = dict.fromkeys(alive, self.finished) if self.finished else {n: list(alive[n]) for n in alive}
        known = {name: {size: alive[name][size] for size in counted[name] if size in alive[name]} for name in alive}
        return standing(known, n_rows=self.n_rows)

    def _is_alive(self, name: str) -> bool:
        return name not in self.failed and name not in self.dropped_after

    def regret(self, *, seed: int) -> float:
        """How much higher than the best's the winner's loss is, on average; nan before anything was measured."""
        told = tuple(self.told().values())
        return expected_regret(told, n_rows=self.n_rows, seed=seed) if told else math.nan


def race(names: Sequence[str], *, n_rows: int, train: Train, budget_seconds: float, spent_seconds: float = 0.0) -> Race:
    """Rounds until one is left, the last round is run, or the next training would not end within the budget.

    names: the most promising first: a budget that ends in the first round has measured those. spent_seconds: of the
    budget, before the race.
    """
    now = Race(n_rows, budget_seconds, spent_seconds)
    planned = rounds(len(names), n_rows=n_rows)
    for i, one in enumerate(planned):
        alive = [name for name in (names if i == 0 else now.told()) if name not in now.failed]
        _drop(now, alive[one.n_candidates :], after=planned[i - 1].size if i else 0)
        if not alive:
            break
        if not _round(now, alive[: one.n_candidates], one, train=train):
            now.stopped = f"the budget of {budget_seconds:.0f} s ended in the round of {one.size} rows"
            break
        now.finished.append(one.size)
    return now


def _drop(now: Race, names: Sequence[str], *, after: int) -> None:
    for name in names:
        now.dropped_after[name] = after


def _round(now: Race, names: Sequence[str], one: Round, *, train: Train) -> bool:
    """Whether it was run to its end."""
    for name in names:
        last = max(now.seconds.get(name, {0: 0.0}).items())[1]
        left = now.budget_seconds - now.spent_seconds
        if left <= last * GROWTH:
            return False
        trained = train(name, one.size, seconds_left=left)
        now.spent_seconds += trained.seconds
        if trained.is_out_of_time:
            return False
        now.seconds.setdefault(name, {})[one.size] = trained.seconds
        if trained.failure or not math.isfinite(trained.loss):
            now.failed[name] = trained.failure or "its loss is not a number"
        else:
            now.losses.setdefault(name, {})[one.size] = trained.loss
            now.wrong_shares.setdefault(name, {})[one.size] = trained.wrong_share
    return True

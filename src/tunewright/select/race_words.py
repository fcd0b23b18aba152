"""What a race says to a person: who won and why, who came second, what would change the choice, whether tuning pays.

In: a Race, rivals that need no training. Out: sentences. Its own file because terminal, report and resolved plan say
the same words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.select.halving import crossing_rows, loss_error
from tunewright.select.laws import Extrapolation
from tunewright.select.race import Race

FAR = 100.0
"""Times the rows there are: a crossing beyond it is nothing to plan with."""


def won_words(race: Race, *, unit: str, seed: int) -> str:
    """Why the first one won, with the numbers and the second."""
    told = race.told()
    best, *others = told.values()
    sizes = ", ".join(str(n) for n in best.sizes)
    words = [f"won the race: {_loss(best, race)} {unit} are told for all {race.n_rows} rows from trainings on {sizes}"]
    if others:
        name, second = list(told)[1], others[0]
        words.append(f"{name} comes next with {_loss(second, race)}")
        words.append(f"the choice costs {race.regret(seed=seed):.2g} {unit} on average if it is wrong")
    if race.dropped_after:
        n = len(race.dropped_after)
        words.append(f"{n} {'was' if n == 1 else 'were'} dropped early")
    if race.failed:
        words.append(f"{len(race.failed)} failed")
    if race.stopped:
        words.append(race.stopped)
    return "; ".join(words)


def change_words(race: Race, *, unit: str) -> str:
    """What would make the second one the first."""
    told = list(race.told().items())
    if len(told) < 2:
        return "nothing else is left to choose"
    (first, best), (second, other) = told[:2]
    gap = other.loss - best.loss
    words = f"{second} would be chosen if its loss with all rows were {gap:.2g} {unit} lower ({gap / other.loss:.1%})"
    n = crossing_rows(best, other, n_rows=race.n_rows)
    if n <= FAR * race.n_rows:
        words += f"; by both lines it is better from about {n:,.0f} rows on ({n / race.n_rows:.1f} times what there is)"
    faster = _seconds(race, second), _seconds(race, first)
    if all(faster) and faster[0] < 0.5 * faster[1]:
        words += f"; it takes {faster[0] / faster[1]:.0%} of the time"
    return words


@dataclass(frozen=True, slots=True)
class Rival:
    """What needs no tuning."""

    name: str
    loss: float
    """nan where the task has no rival."""
    unit: str
    noise: float = 0.0
    """Standard error of a measured loss in this unit, where the rows are few and the answers right or wrong."""


def worth_words(told: Extrapolation, rival: Rival, *, n_rows: int) -> str:
    """Whether tuning is worth it beside a rival; empty when a loss is not known. told: in the rival's unit."""
    if math.isnan(rival.loss) or math.isnan(told.loss):
        return ""
    rival_loss, unit = rival.loss, rival.unit
    error = 2 * math.hypot(loss_error(told, n_rows=n_rows), rival.noise)
    ours = f"{told.loss:.3g} ± {error:.2g} {unit} are told after tuning on all rows, {rival.name} has {rival_loss:.3g}"
    if rival_loss <= told.loss - error:
        return f"tuning is not worth it here: {rival.name} is better already ({ours})"
    if rival_loss <= told.loss + error:
        return f"tuning may not be worth it: {rival.name} is about as good ({ours})"
    return f"tuning is worth it: {ours}"


def race_table(race: Race) -> list[dict[str, Any]]:
    """One record a name, the winner first, then the others by told loss, the dropped and the failed last."""
    told = race.told()
    names = [*told, *sorted(race.dropped_after, key=lambda n: -race.dropped_after[n]), *race.failed]
    left = [name for name in race.losses if name not in names]
    return [_record(race, name, told) for name in (*names, *left)]


def _record(race: Race, name: str, told: Mapping[str, Extrapolation]) -> dict[str, Any]:
    one = told.get(name)
    losses = {str(size): loss for size, loss in sorted(race.losses.get(name, {}).items())}
    return {
        "name": name,
        "losses": losses,
        "seconds": {str(size): seconds for size, seconds in sorted(race.seconds.get(name, {}).items())},
        "told_loss": one.loss if one else math.nan,
        "told_error": loss_error(one, n_rows=race.n_rows) if one else math.nan,
        "dropped_after": race.dropped_after.get(name),
        "failure": race.failed.get(name, ""),
    }


def _loss(one: Extrapolation, race: Race) -> str:
    return f"{one.loss:.3g} ± {loss_error(one, n_rows=race.n_rows):.2g}"


def _seconds(race: Race, name: str) -> float:
    return max(race.seconds.get(name, {0: 0.0}).items())[1]

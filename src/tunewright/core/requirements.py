"""What a model must reach before anything goes on with it: `evaluate.require`, read and checked.

In: the plan's mapping; metrics.json as values. Out: Conditions; Checked, each with the words that say what was found.
Its own file because a wrong one is refused before any work starts, and the pipeline, the command line and the report
must say the same about the result.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.core.errors import PlanError
from tunewright.core.systems import TUNED

FIELD = "evaluate.require"
BETTER_THAN = "better_than"
Require = Mapping[str, str | float | tuple[str, ...]]
"""A metric's name to a bound, as in `>= 0.9`; better_than to systems."""

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_BOUND = re.compile(r"\s*(>=|<=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is asked of the measured model."""

    name: str
    """A metric, or better_than."""
    sign: str = ""
    bound: float = 0.0
    rival: str = ""
    """better_than: the system that it must beat on the primary metric."""

    def __str__(self) -> str:
        return f"better than {self.rival}" if self.rival else f"{self.name} {self.sign} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A condition held beside what was measured."""

    condition: str
    is_met: bool
    """Not so when it could not be measured: what is not known is not reached."""
    found: str


def conditions(require: Require | None) -> tuple[Condition, ...]:
    """In the plan's order, one for each rival.

    Raises PlanError for a bound that cannot be read.
    """
    made: list[Condition] = []
    for name, asked in (require or {}).items():
        if name == BETTER_THAN:
            rivals = (asked,) if isinstance(asked, str) else asked if isinstance(asked, tuple) else ()
            if not rivals:
                raise _unreadable(name, asked, fix=f"{FIELD}={{{BETTER_THAN}: base}}")
            made += [Condition(name, rival=rival) for rival in rivals]
            continue
        found = _BOUND.fullmatch(asked) if isinstance(asked, str) else None
        if not found:
            bound = f"{asked:g}" if isinstance(asked, (int, float)) else "0.9"
            raise _unreadable(name, asked, fix=f"{FIELD}='{{{name}: \">= {bound}\"}}'")
        sign, number, percent = found.groups()
        made.append(Condition(name, sign, float(number) / (100 if percent else 1)))
    return tuple(made)


def checked(asked: tuple[Condition, ...], metrics: Mapping[str, Any]) -> tuple[Checked, ...]:
    """Each condition beside the measured model's numbers.

    metrics: metrics.json; empty when nothing was evaluated.
    """
    return tuple((_beaten if condition.rival else _reached)(condition, metrics) for condition in asked)


def _reached(condition: Condition, metrics: Mapping[str, Any]) -> Checked:
    of_subject = metrics.get("systems", {}).get(metrics.get("subject", TUNED), {})
    metric = of_subject.get(condition.name)
    if not metric or metric["value"] is None or metric["value"] != metric["value"]:
        why = (metric or {}).get("reason") or "the evaluation has no such number"
        return Checked(str(condition), False, f"not measured: {why}")
    value = metric["value"]
    is_met = _SIGNS[condition.sign](value, condition.bound)
    return Checked(str(condition), is_met, f"{value:.4g}{_interval(metric['ci95'])}")


def _beaten(condition: Condition, metrics: Mapping[str, Any]) -> Checked:
    primary, rival = metrics.get("primary_metric"), condition.rival
    comparison = next(
        (c for c in metrics.get("comparisons", ()) if c["b"] == rival and c["metric"] == primary),
        None,
    )
    if comparison is None or comparison["difference"] is None or comparison["difference"] != comparison["difference"]:
        why = comparison["test"] if comparison else metrics.get("not_run", {}).get(rival, "it was not evaluated")
        return Checked(str(condition), False, f"not compared: {why}")
    words = f"{comparison['verdict']}: {primary} differs by {comparison['difference']:+.4g}"
    return Checked(str(condition), comparison["verdict"] == "better", words + _interval(comparison["ci95"], sign="+"))


def _interval(ci95: Any, *, sign: str = "") -> str:
    low, high = ci95
    is_known = low is not None and high is not None and low == low and high == high
    return f", 95 % interval {low:{sign}.4g} to {high:{sign}.4g}" if is_known else ""


def _unreadable(name: str, asked: object, *, fix: str) -> PlanError:
    return PlanError(
        f"what is asked of {name} cannot be read: {asked!r}",
        where=f"{FIELD}.{name}",
        why="a metric needs a sign and a number (>= 0.9, <= 12, > 85 %), better_than the name of a system",
        fix=fix,
    )

"""What a run came to: the verdict, every number, and whether it reaches what its plan asks.

In: a run's folder and its resolved plan. Out: Outcome. Its own file because a run, one stage of it and an export all
end with it, and it says what stands in the folder, whoever wrote it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tunewright.core.plan import Plan
from tunewright.core.requirements import Checked
from tunewright.core.run import Run
from tunewright.required import metrics_of, requirements_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    run: Run
    verdict: dict[str, Any]
    """status, sentence, details; empty when evaluate did not run."""
    metrics: dict[str, Any]
    """metrics.json; empty when evaluate did not run."""
    requirements: tuple[Checked, ...]
    """What evaluate.require asks, beside what was measured; empty when it asks nothing or evaluate did not run."""
    was_finished: bool
    """Nothing had to be done."""


def outcome_of(run: Run, plan: Plan, *, was_finished: bool) -> Outcome:
    """What stands in the run's folder now."""
    metrics = metrics_of(run)
    asked = requirements_of(run, plan) if metrics else ()
    return Outcome(run, metrics.get("verdict", {}), metrics, asked, was_finished=was_finished)

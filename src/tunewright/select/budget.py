"""Whether models race, and for how many seconds.

In: a plan. Out: seconds, 0 for a choice by facts; the plan's choices with their reasons. Its own file because the run
asks before anything is resolved, and resolve says the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from tunewright.core.duration import duration_seconds
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.systems import trains
from tunewright.core.values import Choice

USUAL = "20min"
"""Of a race whose plan names no time."""
_FIELD = "select.budget"


def race_seconds(plan: Plan) -> float:
    """Seconds that a race may take; 0.0: no race. A plan that trains nothing has nothing to choose.

    Raises PlanError for a budget that is no time.
    """
    select = plan.select
    budget = 0.0 if is_auto(select.budget) else duration_seconds(select.budget, where=_FIELD)
    is_asked = budget > 0 if is_auto(select.race) else select.race
    if not is_asked or not trains(plan):
        return 0.0
    return duration_seconds(USUAL, where=_FIELD) if is_auto(select.budget) else budget


def race_choices(plan: Plan) -> Iterator[Choice]:
    """What the plan left open of select.race and select.budget."""
    if race_seconds(plan):
        yield Choice("select.race", True, f"select.budget names {plan.select.budget} for it")
        yield Choice(_FIELD, USUAL, f"{USUAL} is usual; more lets more candidates end their last round")
        return
    yield Choice("select.race", False, f"nobody asked: {_FIELD}={USUAL} lets models, methods and rates race")
    yield Choice(_FIELD, "0min", "a choice by facts takes no training time")

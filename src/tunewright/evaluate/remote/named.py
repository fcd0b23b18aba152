"""Which addresses a plan uses, and whether it describes them.

In: a plan. Out: their names, or the error that says which one is not there. Its own file because a plan is looked at
before anything that can open a connection is loaded.
"""

from __future__ import annotations

import difflib

from tunewright.core.api_plan import EXAMPLE, FIELD
from tunewright.core.errors import PlanError
from tunewright.core.evaluate_plan import API
from tunewright.core.plan import Plan
from tunewright.core.systems import api_words

JUDGE = "evaluate.judge"


def asked_apis(plan: Plan) -> dict[str, str]:
    """Names of the addresses that the plan uses, and the field that names each."""
    found = {word.removeprefix(API): "evaluate.systems" for word in api_words(plan)}
    return found if plan.evaluate.judge is None else {plan.evaluate.judge: JUDGE, **found}


def refuse_unknown_apis(plan: Plan) -> None:
    """Raises PlanError for a name that evaluate.apis has not."""
    known = plan.evaluate.apis
    for name, field in asked_apis(plan).items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            word = API if field != JUDGE else ""
            value = f"{word}{near[0]}" if near else ""
            raise PlanError(
                f"there is no address {name or 'without a name'}",
                where=field,
                why=f"{FIELD} has {', '.join(known) or 'none'}",
                fix=(f"{field}={value}" if word == "" else f"write {value} there") if near else f"'{FIELD}={EXAMPLE}'",
            )

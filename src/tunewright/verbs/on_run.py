"""A run's own model explained or exported, in the run's own folder.

In: a run and values that win over its plan. Out: Outcome. Its own file because nothing before the model is done again:
the files it was made from may be gone, and the folder may be a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tunewright.core.events import Tracker, jsonl_tracker, null_tracker, tee
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run, locked
from tunewright.decided import read_decided, used_with
from tunewright.outcome import Outcome, outcome_of
from tunewright.pipeline import explain_model, export_model, make_report
from tunewright.required import refuse_missed, requirements_of
from tunewright.resolve import refuse_unsupported


def on_run(
    run: Run, stage: Literal["explain", "export"], overrides: Sequence[str] = (), *, tell: Tracker = null_tracker
) -> Outcome:
    """The stage on the model that `run` has, and the report anew.

    Raises PlanError for a value that would make another model, RunError when there is no model yet, RequirementsMissed
    for an export of a model that does not reach what its plan asks, or was not measured.
    """
    refuse_unsupported(plan_from({}, folder=Path(), name="", overrides=overrides).plan)
    decided = used_with(read_decided(run), overrides, also=(stage,))
    if stage == "export":
        refuse_missed(run, requirements_of(run, decided.plan))
    ran: list[str] = []
    with locked(run), jsonl_tracker(run.folder / "events.jsonl") as write:
        everyone = tee(tell, write)
        (explain_model if stage == "explain" else export_model)(run, decided, tell=everyone, ran=ran)
        if "report" in run.manifest().get("stages", {}):
            make_report(run, tell=everyone, ran=ran)
    return outcome_of(run, decided.plan, was_finished=stage not in ran)

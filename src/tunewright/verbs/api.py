"""The verbs as a program calls them: a plan by its file, a run by its name.

In: what a person would type. Out: what the verb returns. Its own file because `import tunewright` offers these names,
and each verb's own file is loaded only when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.events import Tracker, null_tracker
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.planfile import LoadedPlan, load_plan, plan_from
from tunewright.core.run import Run, find_run
from tunewright.pipeline import run_plan

if TYPE_CHECKING:
    from tunewright.verbs.check import Check
    from tunewright.verbs.compare import Compared
    from tunewright.verbs.init import Initial
    from tunewright.verbs.predict import Predicted
    from tunewright.verbs.reproduce import Reproduction
    from tunewright.verbs.runs import RunLine
    from tunewright.verbs.selftest import Selftest
    from tunewright.verbs.show import Shown
    from tunewright.verbs.trace import RowTrace
    from tunewright.verbs.why import Why

PlanLike = str | Path | Mapping[str, Any] | Plan | Run
"""A plan or data file, nested values, a Plan (their paths start here), or a run, whose plan is taken."""
RunLike = str | Path | Run | None
"""A run's name or folder, what `run` returned, or None for the newest."""
RUNS_DIR = Path("runs")


def run(
    plan: PlanLike,
    *,
    overrides: Sequence[str] = (),
    until: str = "report",
    runs_dir: str | Path = RUNS_DIR,
    tell: Tracker = null_tracker,
) -> Run:
    """Every stage of a plan, finished ones skipped.

    overrides: as on the command line: "train.epochs=3". until: the last stage that is wanted: prepare, select, train,
    evaluate, explain, export or report.
    Raises TunewrightError with what to do next.
    """
    place = plan.folder.parent if isinstance(plan, Run) else Path(runs_dir)
    return run_plan(_loaded(plan, overrides), runs_dir=place, tell=tell, until=until).run


def check(
    plan: PlanLike,
    *,
    overrides: Sequence[str] = (),
    runs_dir: str | Path = RUNS_DIR,
    takes_step: bool = True,
    tell: Tracker = null_tracker,
) -> Check:
    """Before a run: data, masks, memory, time; changes nothing."""
    from tunewright.verbs import check as verb  # loaded when called, as below

    return verb.check(_loaded(plan, overrides), runs_dir=Path(runs_dir), takes_step=takes_step, tell=tell)


def init(*data: str | Path, out: str | Path | None = None, tell: Tracker = null_tracker) -> Initial:
    """Look at the data and write a commented plan to `out`; None writes nothing."""
    from tunewright.verbs import init as verb  # loaded when called

    return verb.init([Path(path) for path in data], out=None if out is None else Path(out), tell=tell)


def show(plan: PlanLike, *, overrides: Sequence[str] = (), tell: Tracker = null_tracker) -> Shown:
    """What a run would do, and why; changes nothing."""
    from tunewright.verbs import show as verb  # loaded when called

    return verb.show(_loaded(plan, overrides), tell=tell)


def predict(
    run: RunLike,
    source: str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    runs_dir: str | Path = RUNS_DIR,
    tell: Tracker = null_tracker,
) -> Predicted:
    """The model's answer beside every row of a file."""
    from tunewright.verbs import predict as verb  # loaded when called

    return verb.predict(_run(run, runs_dir), Path(source), Path(out), overrides=overrides, tell=tell)


def why(run: RunLike, text: str, *, runs_dir: str | Path = RUNS_DIR) -> Why:
    """The words of a text that carried its answer."""
    from tunewright.verbs import why as verb  # loaded when called

    return verb.why(_run(run, runs_dir), text)


def compare(*runs: RunLike, runs_dir: str | Path = RUNS_DIR) -> Compared:
    """Runs on the same test rows, with paired tests."""
    from tunewright.verbs import compare as verb  # loaded when called

    return verb.compare([_run(run, runs_dir) for run in runs])


def trace(run: RunLike, row_id: str, *, runs_dir: str | Path = RUNS_DIR) -> RowTrace:
    """One row, from the user's file to its scores."""
    from tunewright.verbs import trace as verb  # loaded when called

    return verb.trace(_run(run, runs_dir), row_id)


def reproduce(run: RunLike = None, *, runs_dir: str | Path = RUNS_DIR, tell: Tracker = null_tracker) -> Reproduction:
    """The run done again beside itself, and what differs."""
    from tunewright.verbs import reproduce as verb  # loaded when called

    return verb.reproduce(_run(run, runs_dir), tell=tell)


def selftest(plan: PlanLike | None = None, *, overrides: Sequence[str] = (), tell: Tracker = null_tracker) -> Selftest:
    """Do masks, gradients, resume and merge hold on this model? None takes the shipped example."""
    from tunewright.verbs import selftest as verb  # loaded when called

    return verb.selftest(None if plan is None else _loaded(plan, overrides), tell=tell)


def runs(runs_dir: str | Path = RUNS_DIR) -> tuple[RunLine, ...]:
    """All runs, the newest first."""
    from tunewright.verbs import runs as verb  # loaded when called

    return verb.runs(runs_dir)


def _loaded(plan: PlanLike, overrides: Sequence[str] = ()) -> LoadedPlan:
    """Raises PlanError for anything that is not a plan."""
    if isinstance(plan, Run):
        return load_plan(plan.folder / "plan.yaml", overrides=overrides)
    if isinstance(plan, (str, Path)):
        return load_plan(Path(plan), overrides=overrides)
    values = plan_dict(plan) if isinstance(plan, Plan) else plan
    return plan_from(values, folder=Path(), name="run", overrides=overrides)


def _run(run: RunLike, runs_dir: str | Path) -> Run:
    """Raises RunError when there is none."""
    return run if isinstance(run, Run) else find_run(str(run) if run else None, runs_dir=Path(runs_dir))

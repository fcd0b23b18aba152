"""What a person typed where a plan or a data file belongs, and is none.

In: a path. Out: PlanError with what was probably meant. Its own file because a run's name, a folder and a mistyped file
each need another answer, and none of them is about what stands in a plan.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from shlex import quote

from tunewright.core.errors import PlanError

RUNS, PLAN = Path("runs"), "plan.yaml"
"""Where runs lie by default, and the plan that each keeps."""


def refuse_no_file(path: Path) -> None:
    """Raises PlanError when there is no file of this name."""
    if path.is_file():
        return
    if path.is_dir() or (RUNS / path / PLAN).is_file():
        raise _a_folder(path)
    if not path.exists():
        names = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        near = [path.parent / name for name in difflib.get_close_matches(path.name, names, n=1)]
        raise PlanError(
            f"there is no file {path}",
            why=f"did you mean {near[0]}?" if near else "",
            fix=f"tunewright run {quote(str(near[0]))}"
            if near
            else "name a plan (.yaml) or a data file (.csv, .jsonl, .xlsx ...): tunewright run tickets.csv",
        )


def _a_folder(path: Path) -> PlanError:
    """A run keeps its plan; in any other folder a file must be named."""
    kept = [folder / PLAN for folder in (path, RUNS / path) if (folder / PLAN).is_file()]
    if kept:
        return PlanError(f"{path} is a run, not a plan", why=f"its plan is {kept[0]}", fix=_run(kept[0]))
    return PlanError(f"{path} is a folder", fix=f"name a plan or a data file in it: {_run(path / 'tickets.csv')}")


def _run(path: Path) -> str:
    return f"tunewright run {quote(str(path))}"

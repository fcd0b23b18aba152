"""What a person typed where a plan or a data file belongs, and is none.

In: a path. Out: where data of several files lies; PlanError with what was probably meant. Its own file because a run's
name, a folder and a mistyped file each need another answer, and none of them is about what stands in a plan.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from shlex import quote

from tunewright.core.errors import PlanError

RUNS, PLAN = Path("runs"), "plan.yaml"
"""Where runs lie by default, and the plan that each keeps."""
PLAN_SUFFIXES = (".yaml", ".yml")
HUB = "hf://"
"""How a data set of the Hugging Face hub is named."""
_PATTERN = re.compile(r"[*?\[]")


def is_pattern(path: Path) -> bool:
    """Its name is written for several files, and no file is called so.

    >>> is_pattern(Path("tickets/*.csv")), is_pattern(Path("tickets.csv"))
    (True, False)
    """
    return bool(_PATTERN.search(str(path))) and not path.exists()


def is_of_hub(path: Path) -> bool:
    """
    >>> is_of_hub(Path("hf://owner/name"))
    True
    """
    return path.parts[:1] == (HUB.rstrip("/"),)


def data_place(path: Path) -> tuple[Path, str]:
    """The folder that data lies in, and how a plan in this folder names it.

    >>> data_place(Path("shop/tickets/*/new.csv"))
    (PosixPath('shop/tickets'), '*/new.csv')
    """
    if is_of_hub(path):
        return Path(), HUB + "/".join(path.parts[1:])
    folder = path.parent
    while is_pattern(folder):
        folder = folder.parent
    return folder, path.relative_to(folder).as_posix() if path.name else "."


def refuse_no_file(path: Path) -> None:
    """Raises PlanError when there is no file of this name, and it is neither a folder of data nor a pattern."""
    is_of_data = path.is_dir() and not (path / PLAN).is_file()
    if (
        path.is_file()
        or is_of_data
        or is_of_hub(path)
        or (is_pattern(path) and path.suffix.lower() not in PLAN_SUFFIXES)
    ):
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
    """It, or the run of its name, keeps a plan."""
    kept = next(folder / PLAN for folder in (path, RUNS / path) if (folder / PLAN).is_file())
    is_run = (kept.parent / "run.json").is_file()
    what = f"{path} is a run, not a plan" if is_run else f"{path} is a folder with a plan in it"
    return PlanError(what, why=f"its plan is {kept}", fix=_run(kept))


def _run(path: Path) -> str:
    return f"tunewright run {quote(str(path))}"

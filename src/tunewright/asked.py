"""The asked plan on this machine: whole paths, and what of the files it names can change.

In: a LoadedPlan. Out: the plan as it can be run from anywhere, a digest of local model folders. Its own file because
whether anything was changed since the last run is asked before anything is read.
"""

from __future__ import annotations

from pathlib import Path

from tunewright.core.errors import PlanError
from tunewright.core.files import digest
from tunewright.core.plan import Plan, is_auto
from tunewright.core.planfile import LoadedPlan


def with_data(loaded: LoadedPlan) -> Plan:
    if is_auto(loaded.plan.data.train):
        raise PlanError("the plan names no data", where="data.train", fix="write data: {train: tickets.csv}")
    return loaded.plan


def from_anywhere(loaded: LoadedPlan, *, name: str) -> Plan:
    """The asked plan with whole paths and the run's name: what stands in the run folder can be run from there."""
    plan = loaded.plan
    paths: dict[str, str | tuple[str, ...]] = {}
    for role in ("train", "validation", "test"):
        given = getattr(plan.data, role)
        if isinstance(given, str):
            paths[role] = str((loaded.folder / given).resolve())
        elif isinstance(given, tuple):
            paths[role] = tuple(str((loaded.folder / one).resolve()) for one in given)
    model = loaded.folder / Path(str(plan.model.name)).expanduser()
    if not is_auto(plan.model.name) and model.is_dir():
        plan = plan.with_(model=plan.model.with_(name=str(model.resolve())))
    return plan.with_(data=plan.data.with_(**paths), run=plan.run.with_(name=name))


def model_files(loaded: LoadedPlan) -> str:
    """Sizes and times of the local model folders that the plan names: cheap, and enough to notice a change."""
    name, others = loaded.plan.model.name, loaded.plan.select.candidates
    names = [*([] if is_auto(name) else [name]), *([] if is_auto(others) else others)]
    folders = [folder for one in names if (folder := loaded.folder / Path(one).expanduser()).is_dir()]
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    return digest({str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}) if files else ""

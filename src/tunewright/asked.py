"""The asked plan on this machine: whole paths, and what of the files it names can change.

In: a LoadedPlan. Out: the plan as it can be run from anywhere, a digest of local model folders. Its own file because
whether anything was changed since the last run is asked before anything is read.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tunewright.core.errors import DataError, ModelError, PlanError
from tunewright.core.evaluate_plan import NO_GENERAL, OUTSIDE, SHIPPED
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import digest, file_digest
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan
from tunewright.core.planpath import HUB
from tunewright.core.section import is_auto
from tunewright.core.values import SPLITS, Split
from tunewright.evaluate.side_effects.general import general_digest, refuse_bad_general
from tunewright.tables.files import SAVED, files_of, is_several, once
from tunewright.tables.words import few

_SOME_DATA = "write data: {train: tickets.csv}"


def with_data(loaded: LoadedPlan) -> Plan:
    if is_auto(loaded.plan.data.train):
        raise PlanError("the plan names no data", where="data.train", fix=_SOME_DATA)
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
    if plan.prepare.review:
        plan = plan.with_(prepare=plan.prepare.with_(review=str((loaded.folder / plan.prepare.review).resolve())))
    return plan.with_(data=plan.data.with_(**paths), run=plan.run.with_(name=name))


def refuse_unusable_general(loaded: LoadedPlan) -> None:
    """Raises DataError for a file of general text that cannot be used: known now instead of after the training."""
    refuse_bad_general(loaded.plan.evaluate.general)


def refuse_unusable_model(loaded: LoadedPlan) -> None:
    """The model that the plan names, looked at in a second: before torch, which takes several, is loaded.

    Raises ModelError for one that is not there, unsafe or broken. A starter model may still have to be fetched.
    """
    from tunewright.model.card import model_card  # the hub's library: a finished run does without it
    from tunewright.model.starter import PREFIX

    asked = loaded.plan.model
    if not is_auto(asked.name) and not asked.name.startswith(PREFIX):
        model_card(asked.name, folder=loaded.folder, revision=asked.revision, trust_remote_code=asked.trust_remote_code)


def whole_plan(loaded: LoadedPlan, *, tell: Tracker) -> LoadedPlan:
    """The plan with every data file by its name and whole paths in evaluate: it means the same from everywhere.

    tell: hears what folders and patterns hold.
    Raises DataError for a folder or a pattern without a data file, ModelError for a folder that is not there.
    """
    return _with_files(_whole_scorer(_whole_general(_whole_systems(_with_task(loaded, tell=tell)))), tell=tell)


def _whole_scorer(loaded: LoadedPlan) -> LoadedPlan:
    """Its file is run once here: a function that is not there is told before hours of training."""
    asked = loaded.plan.evaluate
    if asked.scorer is None:
        return loaded
    from tunewright.evaluate.measures.scorer import (  # a plan without one does without its libraries
        loaded_scorer,
        whole_name,
    )

    name = whole_name(asked.scorer, folder=loaded.folder)
    loaded_scorer(name)
    return replace(loaded, plan=loaded.plan.with_(evaluate=asked.with_(scorer=name)))


def _with_task(loaded: LoadedPlan, *, tell: Tracker) -> LoadedPlan:
    """classify with a separator of labels is the task multilabel."""
    plan, separator = loaded.plan, loaded.plan.data.label_separator
    if is_auto(separator) or separator is None or plan.task == "multilabel":
        return loaded
    if not is_auto(plan.task) and plan.task != "classify":
        raise PlanError(
            f"data.label_separator says that rows have several labels, and the task is {plan.task}",
            where="data.label_separator",
            fix="task=multilabel, or leave data.label_separator out",
        )
    tell(NoteEvent(f"data.label_separator is {separator}: rows have several labels, task multilabel"))
    return replace(loaded, plan=plan.with_(task="multilabel"))


def _with_files(loaded: LoadedPlan, *, tell: Tracker) -> LoadedPlan:
    """Folders and patterns as the files that they mean; those called so become the test or validation files."""
    data = loaded.plan.data
    asked = {split: _names(getattr(data, split)) for split in SPLITS}
    named: dict[Split, tuple[str, ...]] = {split: some for split, some in asked.items() if some is not None}
    named = {split: tuple(_local(name, loaded, tell=tell) for name in some) for split, some in named.items()}
    if named.get("train") == ():
        raise PlanError("the plan names no data", where="data.train", why="its list is empty", fix=_SOME_DATA)
    if any(is_several(loaded.folder / name) for some in named.values() for name in some):
        found: dict[Split, tuple[str, ...]] = {}
        for role, names in named.items():
            files = files_of(names, folder=loaded.folder, role=role, named=named)
            found |= files.by_split
            for note in files.notes:
                tell(NoteEvent(note))
    else:
        found = named
    found = {split: _each_once(some, split, loaded, tell=tell) for split, some in found.items() if some}
    _refuse_two_splits(found, folder=loaded.folder)
    if found == {split: some for split, some in asked.items() if some}:
        return loaded
    return replace(
        loaded, plan=loaded.plan.with_(data=data.with_(**{str(split): some for split, some in found.items()}))
    )


def _each_once(names: Sequence[str], split: Split, loaded: LoadedPlan, *, tell: Tracker) -> tuple[str, ...]:
    """No file under two names, and whole paths where some are: nothing else tells x.csv and /data/x.csv apart."""
    kept = once(names, folder=loaded.folder)
    if left := [name for name in dict.fromkeys(names) if name not in kept]:
        tell(NoteEvent(f"data.{split}: {few(left)}: the same file as one that is read already; it is read once"))
    elif len(kept) < len(names):
        tell(NoteEvent(f"data.{split}: a file that is named twice is read once"))
    if len({Path(name).is_absolute() for name in kept}) > 1:
        kept = tuple(str(loaded.folder.absolute() / name) for name in kept)
    return kept


def _refuse_two_splits(found: Mapping[Split, Sequence[str]], *, folder: Path) -> None:
    """One for train and test is left to the check of leakage: it counts the rows, and the plan can say what to do."""
    of_file: dict[Path, Split] = {}
    for split, names in found.items():
        for name in names:
            other = of_file.setdefault((folder / name).resolve(), split)
            if other != split and {other, split} != {"train", "test"}:
                raise DataError(
                    f"one file is for {other} and for {split}",
                    where=f"{folder / name} (data.{split})",
                    why="rows that one split was made with tell nothing new about the next",
                    fix=f"name another file for {split}, or leave data.{split} out: rows of train are held out for it",
                )


def _local(name: str, loaded: LoadedPlan, *, tell: Tracker) -> str:
    """A data set of the hub, or one that its library saved, as a folder of files; any other name as it is."""
    is_of_hub, place = name.startswith(HUB), loaded.folder / name
    if not is_of_hub and not any((place / name).is_file() for name in SAVED):
        return name
    hub = importlib.import_module("tunewright.tables.hub")  # Arrow, and the cache's place: the hub's library
    cache = importlib.import_module("tunewright.model.starter").cache_folder()
    folder = hub.hub_folder(name, cache=cache) if is_of_hub else hub.saved_folder(place, cache=cache)
    tell(NoteEvent(f"{name}: kept as Parquet in {folder}"))
    return str(folder)


def _names(given: str | tuple[str, ...] | None) -> tuple[str, ...] | None:
    """None: left open."""
    return None if is_auto(given) else (given,) if isinstance(given, str) else given or ()


def _whole_systems(loaded: LoadedPlan) -> LoadedPlan:
    """Raises ModelError for a folder that is not there."""
    systems = loaded.plan.evaluate.systems
    if is_auto(systems):
        return loaded
    whole = tuple(f"{OUTSIDE}{_folder(name, loaded)}" if name.startswith(OUTSIDE) else name for name in systems)
    return replace(loaded, plan=loaded.plan.with_(evaluate=loaded.plan.evaluate.with_(systems=whole)))


def _whole_general(loaded: LoadedPlan) -> LoadedPlan:
    name = loaded.plan.evaluate.general
    if is_auto(name) or name in (NO_GENERAL, SHIPPED):
        return loaded
    whole = str((loaded.folder / Path(name).expanduser()).resolve())
    return replace(loaded, plan=loaded.plan.with_(evaluate=loaded.plan.evaluate.with_(general=whole)))


def _folder(system: str, loaded: LoadedPlan) -> Path:
    folder = (loaded.folder / Path(system.removeprefix(OUTSIDE)).expanduser()).resolve()
    if not folder.is_dir():
        raise ModelError(
            f"there is no folder {folder}",
            where="evaluate.systems",
            why=f"{system} names a model that something else has trained",
            fix="paths start from the plan's own folder: evaluate.systems=[path:../my-adapter, base]",
        )
    return folder


def outside_files(plan: Plan) -> str:
    """Sizes and times of the folders that a resolved plan's systems name; empty without one."""
    return _files([Path(name.removeprefix(OUTSIDE)) for name in plan.evaluate.systems if name.startswith(OUTSIDE)])


def evaluation_files(plan: Plan) -> dict[str, str]:
    """What a resolved plan's evaluation reads beside the run's folder, by content or, of models, sizes and times."""
    evaluate, scorer = plan.evaluate, ""
    if evaluate.scorer is not None:
        from tunewright.evaluate.measures.scorer import scorer_file  # as above

        scorer = file_digest(scorer_file(evaluate.scorer))
    return {"outside": outside_files(plan), "general": general_digest(evaluate.general), "scorer": scorer}


def model_files(loaded: LoadedPlan) -> str:
    """Sizes and times of the local model folders that the plan names: cheap, and enough to notice a change."""
    name, others, systems = loaded.plan.model.name, loaded.plan.select.candidates, loaded.plan.evaluate.systems
    names = [*([] if is_auto(name) else [name]), *([] if is_auto(others) else others)]
    names += [] if is_auto(systems) else [name.removeprefix(OUTSIDE) for name in systems if name.startswith(OUTSIDE)]
    return _files([folder for one in names if (folder := loaded.folder / Path(one).expanduser()).is_dir()])


def _files(folders: Sequence[Path]) -> str:
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    return digest({str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}) if files else ""

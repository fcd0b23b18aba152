"""A commented plan from a look at the data.

In: data files, where the plan shall stand. Out: Draft: the plan's text, written or not. Its own file because a person
edits what this writes: it never overwrites, and its text means what the data alone would mean.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.asked import whole_plan
from tunewright.core.errors import PlanError, RunError
from tunewright.core.events import Tracker, null_tracker
from tunewright.core.files import write_text
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan, plan_from
from tunewright.core.planpath import PLAN_SUFFIXES, data_place, is_of_hub
from tunewright.core.values import SPLITS, Choice, Split
from tunewright.fingerprint import data_digests
from tunewright.prepare.choices import shares
from tunewright.prepare.draft import Draft
from tunewright.prepare.given import named_files
from tunewright.prepare.refusal import refuse_leakage
from tunewright.prepare.stage import draft
from tunewright.tables.files import split_named
from tunewright.verbs.commented_plan import commented_plan

if TYPE_CHECKING:
    from tunewright.deciding import Decisions

PLAN_FILE = Path("plan.yaml")
"""Where the plan is written unless told otherwise."""
ANY_FORMAT = frozenset({"", ".txt", ".md", ".log"})
"""Endings of files that may hold lines, tabs or commas."""


@dataclass(frozen=True, slots=True)
class Initial:
    """A plan that was made from data."""

    text: str
    path: Path | None
    """Where it was written; None: nowhere."""
    plan: Plan
    """What it resolves to."""
    choices: tuple[Choice, ...]


def init(data: Sequence[Path], *, out: Path | None = PLAN_FILE, tell: Tracker = null_tracker) -> Initial:
    """Look at the files and write the plan to `out`; None writes nothing.

    data: one file, or several whose names say which is train, test, validation.
    Raises PlanError when no file can be the train file, DataError, RunError when `out` is there already.
    """
    if out is not None and out.exists():
        raise RunError(
            f"{out} is there already, and a plan is never overwritten",
            where="-o",
            fix=shlex.join(["tunewright", "init", *map(str, data), "-o", str(_free(out))]),
        )
    folder = out.parent if out else Path()
    by_role = roles(data)
    name = re.sub(r'[/\\\0:*?"<>|]', "-", by_role["train"][0].stem).strip() or "run"
    written = {split: _written(paths, folder=folder) for split, paths in by_role.items()}
    asked = plan_from({"data": written}, folder=folder, name=name)
    loaded = whole_plan(asked, tell=tell)
    data_digests(loaded.plan, folder=folder)
    made = draft(loaded.plan, folder=folder, tell=tell)
    refuse_leakage(made.refusal)
    deciding = importlib.import_module("tunewright.deciding")  # torch takes seconds: the data's faults do not wait
    decided: Decisions = deciding.decisions(loaded, made, tell=tell)
    said = _said(asked, loaded, made, decided, name=name)
    choices = decided.resolved.choices
    text = commented_plan(
        decided.resolved.plan,
        said=said,
        reasons={choice.field: choice.reason for choice in choices},
        ranked=decided.ranked.candidates,
        file=shlex.quote(str(out or PLAN_FILE)),
    )
    if out is not None:
        write_text(out, text)
    return Initial(text, out, decided.resolved.plan, choices)


def roles(data: Sequence[Path]) -> dict[Split, tuple[Path, ...]]:
    """Which file is for which split, by the words of its name; a file whose name says nothing is for train.

    >>> {split: [path.name for path in paths] for split, paths in roles([Path("a_test.csv"), Path("b.csv")]).items()}
    {'train': ['b.csv'], 'test': ['a_test.csv']}

    Raises PlanError when nothing is left for train, or a file is a plan.
    """
    plans = [path for path in data if path.suffix.lower() in PLAN_SUFFIXES]
    if plans:
        raise PlanError(f"{plans[0]} is a plan already", where="command line", fix=f"tunewright show {plans[0]}")
    if len(data) == 1:
        return {"train": tuple(data)}
    found: dict[Split, tuple[Path, ...]] = {}
    for split in SPLITS:
        paths = tuple(path for path in data if _role(path) == split)
        found |= {split: paths} if paths else {}
    if "train" not in found:
        raise PlanError(
            "no file is left to train on",
            where="command line",
            why=f"all names say test or validation: {', '.join(path.name for path in data)}",
            fix="name a train file too: tunewright init train.csv test.csv",
        )
    return found


def _role(path: Path) -> Split:
    return split_named(path.name) or "train"


def _written(paths: Sequence[Path], *, folder: Path) -> str | list[str]:
    """As they stand in a plan in `folder`: relative where that is possible, with slashes."""
    names = [_relative(path, folder=folder) for path in paths]
    return names[0] if len(names) == 1 else names


def _relative(path: Path, *, folder: Path) -> str:
    if is_of_hub(path):
        return data_place(path)[1]
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(path.resolve())


def _said(asked: LoadedPlan, loaded: LoadedPlan, made: Draft, decided: Decisions, *, name: str) -> dict[str, Any]:
    """The fields that stand in the plan: what was found out about the data, the model, the run's name.

    asked: names a folder where `loaded` names its files.
    """
    plan = decided.resolved.plan
    said: dict[str, Any] = {"task": plan.task, "model.name": plan.model.name}
    said |= {f"data.{split}": getattr(asked.plan.data, split) for split in SPLITS if f"data.{split}" in asked.given}
    if _one_format(loaded):
        said["data.format"] = plan.data.format
    for role in ("text", "label", "prompt", "completion", "messages", "group"):
        column = getattr(plan.data, f"{role}_column")
        if column is not None:
            said[f"data.{role}_column"] = column
    held_out = shares(loaded.plan)
    n_rows = sum(len(made.splits[split]) for split in SPLITS if split == "train" or not _is_named(loaded, split))
    for split, share in (("validation", held_out.validation), ("test", held_out.test)):
        # Said, a fraction has no upper limit: where the limit bites, saying it would hold out more rows.
        if share is not None and (share.at_most is None or share.fraction * n_rows <= share.at_most):
            said[f"prepare.{split}_fraction"] = share.fraction
    return {**said, "run.name": name}


def _is_named(loaded: LoadedPlan, split: Split) -> bool:
    return bool(named_files(loaded.plan, split))


def _one_format(loaded: LoadedPlan) -> bool:
    """A format holds for every file: said only where all names end alike, and the ending says one format."""
    files = [name for split in SPLITS for name in named_files(loaded.plan, split)]
    suffixes = {Path(name).suffix.lower() for name in files}
    return len(files) == 1 or (len(suffixes) == 1 and not suffixes & ANY_FORMAT)


def _free(out: Path) -> Path:
    """The next name that is not taken: plan-2.yaml."""
    n = 2
    while (path := out.with_name(f"{out.stem}-{n}{out.suffix}")).exists():
        n += 1
    return path

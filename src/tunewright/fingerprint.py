"""What a stage's result depends on, as one digest: same inputs, same fingerprint, same folder.

In: plan sections, digests of files, the fingerprint of the stage before. Out: hex digests, computed without torch.
Its own file because "nothing to do" must be decided in milliseconds and by one rule.
"""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from shlex import quote
from typing import Any

from tunewright.core.errors import DataError
from tunewright.core.files import code_digest, digest, file_digest
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.section import is_auto
from tunewright.tables.files import file_tags
from tunewright.text.names import installed

CODE_OF: dict[str, tuple[str, ...]] = {
    "prepare": ("prepare", "tables", "text", "core"),
    "select": ("select", "model", "core"),
    "train": ("train", "model", "text", "core"),
    "evaluate": ("evaluate", "model", "text", "core"),
    "explain": ("explain", "model", "text", "core"),
    "export": ("export", "model", "text", "core"),
    "report": ("report",),
}
"""Packages whose source makes a stage's result: changed code is a changed input."""
FILES_OF = {
    "prepare": (
        *("train.parquet", "validation.parquet", "test.parquet", "dropped.parquet"),
        *("ledger.json", "findings.json", "facts.json", "shape.json", "evidence.json", "changes.parquet"),
    ),
    "select": ("candidates.json", "card.json"),
    "train": ("summary.json", "steps.jsonl"),
    "evaluate": ("metrics.json", "predictions.parquet"),
    "explain": ("explanations.json",),
    "export": ("export.json",),
}
"""Without one of these a stage is not finished, whatever the manifest says."""
REVIEW = "prepare.review"
PLACES = {
    "data": ("train", "validation", "test"),
    "prepare": ("review",),
    "model": ("name",),
    "select": ("candidates",),
    "evaluate": ("general",),
}
"""Fields that say where something lies; what lies there is told by `before` and `facts`. Of several data files the
folders that tell their rows apart stay."""
WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {"train": ("trackers",), "evaluate": ("require",)}
"""Fields that change nothing in a stage's result: who listens, what is asked of it afterwards."""


def data_digests(plan: Plan, *, folder: Path) -> dict[str, str]:
    """Content of every file of rows or decisions that the plan names, by role and position.

    Raises DataError for a file that is not there or may not be read.
    """
    found: dict[str, str] = {}
    for role in ("train", "validation", "test"):
        paths = getattr(plan.data, role)
        if is_auto(paths) or paths is None:
            continue
        for i, name in enumerate((paths,) if isinstance(paths, str) else paths):
            found[f"{role}:{i}"] = _content(folder / name, field=f"data.{role}")
    if plan.prepare.review:
        found["review"] = _content(folder / plan.prepare.review, field=REVIEW)
    return found


def _content(path: Path, *, field: str) -> str:
    if not path.is_file():
        raise _no_file(path, field=field)
    try:
        return file_digest(path)
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        raise DataError(what, where=str(path), fix=f"chmod u+r {quote(str(path))}") from error


def _no_file(path: Path, *, field: str) -> DataError:
    if field == REVIEW and path.exists():
        is_folder = path.is_dir()
        return DataError(
            f"{path} holds no decisions",
            where=field,
            why="it is a folder, not a file" if is_folder else "it is no ordinary file: a pipe or a device",
            fix=f"name a file in it: {field}={quote(str(path / 'FILE'))}" if is_folder else "save it as a file first",
        )
    names = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return DataError(
        f"there is no file {path}",
        where=field,
        why="paths start from the plan's own folder" + (f"; did you mean {near[0]}?" if near else ""),
        fix=f"ls {quote(str(path.parent))}",
    )


def asked_fingerprint(plan: Plan, *, data: dict[str, str], model_files: str) -> str:
    """Of everything a person gave: an equal one means that the decisions of last time still hold.

    model_files: fingerprint of a local model folder that the plan names, else empty.
    """
    code = {"ours": code_digest(("",)), "others": others_checks()}
    return digest({"plan": plan_dict(plan), "data": data, "model": model_files, "code": code})


def others_checks() -> dict[str, str]:
    """Checks of the data that installed packages bring or need, with the package's version: its code is not ours to
    read."""
    points = entry_points(group="tunewright.checks")
    brought = {point.name: f"{point.value} {point.dist.version if point.dist else ''}" for point in points}
    return {**brought, **installed()}


def stage_fingerprint(stage: str, *, plan: Plan, before: str, facts: Any = None) -> str:
    """Of one stage: its own plan sections, what it is given, and its code.

    before: fingerprint of the stage whose folder it reads; the data's digest for prepare.
    """
    sections = _without_folders(plan_dict(plan))
    wanted = {
        "prepare": ("task", "data", "prepare"),
        "select": ("task", "model", "select"),
        "train": ("task", "model", "train", "prepare"),
        "evaluate": ("task", "evaluate"),
        "explain": ("task", "explain", "evaluate.max_new_tokens"),
        "export": ("task", "export"),
        "report": (),
    }[stage]
    seeds = {} if stage == "report" else {name: sections["run"].get(name) for name in ("seed", "device", "threads")}
    return digest(
        {
            "sections": {name: _named(sections, name) for name in wanted},
            "seeds": seeds,
            "before": before,
            "facts": facts,
            "code": code_digest(CODE_OF[stage]),
            "others": others_checks() if stage == "prepare" else {},
        }
    )


def _named(sections: dict[str, Any], name: str) -> Any:
    """A section, or one field of it."""
    section, _, field = name.partition(".")
    return sections.get(section, {}).get(field) if field else sections.get(section)


def _without_folders(sections: dict[str, Any]) -> dict[str, Any]:
    """Names instead of paths: the plan kept in a run folder has whole paths and must find the results of the first."""

    def name(value: Any, *, is_of_rows: bool) -> Any:
        if isinstance(value, list):
            names = [name(one, is_of_rows=is_of_rows) for one in value]
            return [list(pair) for pair in zip(file_tags(value), names, strict=True)] if is_of_rows else names
        if not isinstance(value, str):
            return value
        path = PurePath(value)
        return "/".join((*(part for part in path.parts[:-1] if "=" in part), path.name))  # lang=en/ is a column

    out = dict(sections)
    for section, idle in WITHOUT_EFFECT.items():
        out[section] = {field: value for field, value in sections.get(section, {}).items() if field not in idle}
    for section, fields in PLACES.items():
        values = out.get(section, {})
        out[section] = values | {
            field: name(values[field], is_of_rows=section == "data") for field in fields if field in values
        }
    return out

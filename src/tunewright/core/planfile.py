"""YAML to Plan and back, with the line of every mistake.

In: a plan file, or a dict, and `section.field=value` words. Out: LoadedPlan: the Plan, the folder its paths start
from, and what was understood differently from how it was written. Its own file because spelling is not meaning.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tunewright.core.aliases import ALIASES, NO_COUNTERPART, VALUE_ALIASES, WARMUP_STEPS
from tunewright.core.errors import PlanError
from tunewright.core.plan import SECTIONS, Plan, plan_dict

SHORTHANDS = {"data": "train", "model": "name"}
"""Sections that may be written as one word: data: tickets.csv, model: Qwen/Qwen3-0.6B."""

PLAN_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan as asked, still with AUTO in it."""

    plan: Plan
    folder: Path
    """Relative data and model paths start here."""
    default_name: str
    """Run name unless the plan gives one: the file's stem."""
    notes: tuple[str, ...] = ()
    """Aliases used, one sentence each; said aloud."""


def load_plan(path: Path, *, overrides: Sequence[str] = ()) -> LoadedPlan:
    """The plan in a YAML file, or the smallest plan for a data file.

    overrides: words like train.epochs=3; values are YAML; they win over the file.
    Raises PlanError with file and line for anything that is not a plan.
    """
    if not path.exists():
        raise PlanError(
            f"there is no file {path}",
            fix="name a plan (.yaml) or a data file (.csv, .tsv, .json, .jsonl, .parquet, .txt)",
        )
    if path.is_dir():
        raise PlanError(f"{path} is a folder", fix="name a plan (.yaml) or a data file inside it")
    if path.suffix.lower() not in PLAN_SUFFIXES:
        return plan_from({"data": {"train": path.name}}, folder=path.parent, name=path.stem, overrides=overrides)
    raw, lines = _read_yaml(path)
    return plan_from(raw, folder=path.parent, name=path.stem, overrides=overrides, where=str(path), lines=lines)


def plan_from(
    raw: Mapping[str, Any],
    *,
    folder: Path,
    name: str,
    overrides: Sequence[str] = (),
    where: str = "plan",
    lines: Mapping[str, int] | None = None,
) -> LoadedPlan:
    """The plan in nested values, as YAML or Python gives them.

    lines: line of each dotted key, to say where a mistake stands.
    """
    place = _Place(where, dict(lines or {}))
    notes: list[str] = []
    values = _canonical(raw, place=place, notes=notes)
    for word in overrides:
        _override(values, word, notes=notes)
    plan = _checked(values, place=place)
    return LoadedPlan(plan=plan, folder=folder, default_name=name, notes=tuple(notes))


def plan_yaml(plan: Plan, *, with_auto: bool = False) -> str:
    """The plan as YAML that load_plan reads back to an equal plan."""
    return yaml.safe_dump(plan_dict(plan, with_auto=with_auto), sort_keys=False, allow_unicode=True, width=110)


@dataclass(frozen=True, slots=True)
class _Place:
    where: str
    lines: dict[str, int]

    def of(self, key: str) -> str:
        """file:line, as exactly as it is known: of the key, else of its section."""
        line = self.lines.get(key) or self.lines.get(key.split(".")[0])
        return f"{self.where}:{line}" if line else self.where


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a repeated key win silently; a plan does not."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        key = str(key_node.value)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=deep)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  a SafeLoader subclass
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise PlanError("the plan is not UTF-8 text", where=str(path), why=str(error), fix="save it as UTF-8") from error
    except OSError as error:
        raise PlanError(f"the plan cannot be read: {error.strerror}", where=str(path)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "cannot be read as YAML"
        raise PlanError(f"not valid YAML: {problem}", where=place, fix="indent with spaces, `key: value`") from error
    if raw is None:
        raise PlanError("the plan is empty", where=str(path), fix="write one line: data: {train: tickets.csv}")
    if not isinstance(raw, dict):
        raise PlanError("a plan is a list of `key: value` lines", where=str(path), fix="data: {train: tickets.csv}")
    return raw, _key_lines(node)


def _key_lines(node: yaml.Node | None, prefix: str = "") -> dict[str, int]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = f"{prefix}{key_node.value}"
        lines[key] = key_node.start_mark.line + 1
        lines |= _key_lines(value_node, prefix=f"{key}.")
    return lines


def _canonical(raw: Mapping[str, Any], *, place: _Place, notes: list[str]) -> dict[str, Any]:
    """Nested values under canonical names only."""
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if not isinstance(key, str):
            raise PlanError(f"{key!r} is not the name of a field", where=place.of(str(key)))
        if key == "task":
            values["task"] = value
        elif key in SECTIONS and (isinstance(value, Mapping) or value is None):
            for name, inner in (value or {}).items():
                _put(values, f"{key}.{name}", inner, place=place, notes=notes)
        elif key in SHORTHANDS:
            _put(values, f"{key}.{SHORTHANDS[key]}", value, place=place, notes=notes)
        elif key in SECTIONS:
            raise PlanError(f"{key} is a section, it cannot be {value!r}", where=place.of(key), fix=_section_help(key))
        else:
            _put(values, key, value, place=place, notes=notes)
    return values


def _put(values: dict[str, Any], key: str, value: Any, *, place: _Place, notes: list[str]) -> None:
    """Set one field by any known spelling."""
    if key.rpartition(".")[2] == WARMUP_STEPS:
        _put_warmup_steps(values, value, where=place.of(key), notes=notes)
        return
    canonical = _canonical_name(key, where=place.of(key))
    if canonical != key:
        notes.append(f"{key} is read as {canonical}")
    if isinstance(value, str) and value in VALUE_ALIASES.get(canonical, {}):
        value = VALUE_ALIASES[canonical][value]
    if canonical == "task":
        values["task"] = value
        return
    section, _, name = canonical.partition(".")
    inner = values.setdefault(section, {})
    if name in inner:
        raise PlanError(f"{canonical} is given twice", where=place.of(key), fix="keep one of them")
    inner[name] = value


def _canonical_name(key: str, *, where: str) -> str:
    known = _known_fields()
    if key in known or key == "task":
        return key
    section, _, name = key.rpartition(".")
    alias = ALIASES.get(name, "")
    if alias and section in ("", alias.split(".")[0]):
        return alias
    if not section:
        homes = [field for field in known if field.split(".")[1] == name]
        if len(homes) == 1:
            return homes[0]
    if name in NO_COUNTERPART:
        raise PlanError(f"{name} has no counterpart in a plan", where=where, fix=NO_COUNTERPART[name])
    elsewhere = alias or next((field for field in known if field.split(".")[1] == name), "")
    if elsewhere:
        raise PlanError(f"unknown field {key}", where=where, fix=f"write {elsewhere}")
    if section and section not in SECTIONS:
        near = difflib.get_close_matches(section, SECTIONS, n=1)
        raise PlanError(
            f"unknown section {section}",
            where=where,
            why=f"did you mean {near[0]}?" if near else "",
            fix=f"the sections are {', '.join(SECTIONS)}",
        )
    raise PlanError(f"unknown field {key}", where=where, why=_did_you_mean(key), fix=_section_help(section))


def _did_you_mean(key: str) -> str:
    section, _, name = key.rpartition(".")
    inside = {field.split(".")[1]: field for field in _known_fields() if not section or field.startswith(f"{section}.")}
    inside |= {alias: field for alias, field in ALIASES.items() if not section or field.startswith(f"{section}.")}
    inside |= {} if section else {name: name for name in (*SECTIONS, "task")}
    near = difflib.get_close_matches(name, inside, n=1)
    if not near:
        near = difflib.get_close_matches(name, [field.split(".")[1] for field in _known_fields()], n=1)
        inside = {field.split(".")[1]: field for field in _known_fields()}
    return f"did you mean {inside[near[0]]}?" if near else ""


def _section_help(section: str) -> str:
    if section not in SECTIONS:
        return f"the sections are {', '.join(SECTIONS)}"
    names = type(getattr(Plan(), section)).model_fields
    return f"{section} has the fields {', '.join(names)}"


def _known_fields() -> dict[str, None]:
    return {f"{s}.{name}": None for s in SECTIONS for name in type(getattr(Plan(), s)).model_fields}


def _put_warmup_steps(values: dict[str, Any], value: Any, *, where: str, notes: list[str]) -> None:
    steps = values.get("train", {}).get("max_steps")
    if not isinstance(steps, int) or not isinstance(value, int) or steps <= 0:
        raise PlanError(
            "warmup_steps counts steps; a plan states the share of all steps",
            where=where,
            fix="write train.warmup_ratio (0.1 is a tenth), or give train.max_steps above warmup_steps",
        )
    ratio = value / steps
    notes.append(f"warmup_steps {value} of {steps} steps is read as train.warmup_ratio {ratio:g}")
    values["train"]["warmup_ratio"] = ratio


def _override(values: dict[str, Any], word: str, *, notes: list[str]) -> None:
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise PlanError(
            f"{word!r} is not an override", where="command line", fix="write section.field=value: train.epochs=3"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PlanError(f"the value of {key} cannot be read", where="command line", why=str(error)) from error
    if key in SHORTHANDS and not isinstance(value, Mapping):
        key = f"{key}.{SHORTHANDS[key]}"
    place = _Place("command line", {})
    fresh: dict[str, Any] = {"train": {"max_steps": values.get("train", {}).get("max_steps")}}
    if key.rpartition(".")[2] == WARMUP_STEPS:
        _put_warmup_steps(fresh, value, where="command line", notes=notes)
        values.setdefault("train", {})["warmup_ratio"] = fresh["train"]["warmup_ratio"]
        return
    canonical = _canonical_name(key, where="command line")
    fresh = {}
    _put(fresh, key, value, place=place, notes=notes)
    if canonical == "task":
        values["task"] = fresh["task"]
        return
    section, _, name = canonical.partition(".")
    values.setdefault(section, {})[name] = fresh[section][name]


def _checked(values: dict[str, Any], *, place: _Place) -> Plan:
    try:
        return Plan.model_validate({key: value for key, value in values.items() if value != "auto"})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"] if not str(part).startswith(("literal", "tuple", "str", "function"))]
        key = ".".join(path[:2])
        given = first.get("input")
        raise PlanError(
            f"{key} cannot be {given!r}",
            where=place.of(key),
            why=first["msg"].removeprefix("Value error, "),
            fix=_field_help(key),
        ) from error


def _field_help(key: str) -> str:
    section, _, name = key.partition(".")
    if section not in SECTIONS:
        return str(Plan.model_fields[section].description or "") if section in Plan.model_fields else ""
    fields = type(getattr(Plan(), section)).model_fields
    return f"{key}: {fields[name].description}" if name in fields and fields[name].description else _section_help(section)

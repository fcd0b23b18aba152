"""YAML to Plan and back, with the line of every mistake.

In: a plan file, or a dict, and `section.field=value` words. Out: LoadedPlan: the Plan, the folder its paths start
from, and what was understood differently from how it was written. Its own file because spelling is not meaning.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tunewright.core.aliases import WARMUP_STEPS
from tunewright.core.api_plan import wrong_api
from tunewright.core.errors import PlanError
from tunewright.core.fields import override, plan_fields
from tunewright.core.plan import SECTIONS, Plan, plan_dict
from tunewright.core.planpath import PLAN_SUFFIXES, data_place, is_pattern, refuse_no_file
from tunewright.core.run_name import name_of
from tunewright.core.spelling import canonical_name, fields_named, is_off, meant_value

SHORTHANDS = {"data": "train", "model": "name"}
"""Sections that may be written as one word: data: tickets.csv, model: Qwen/Qwen3-0.6B."""

OVERRIDE = "command line"
"""Where a mistake stands that is not in the file."""


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
    given: tuple[str, ...] = ()
    """Canonical names of the fields that a person gave, in the order given."""


def load_plan(path: Path, *, overrides: Sequence[str] = ()) -> LoadedPlan:
    """The plan in a YAML file, or the smallest plan for data: a file, a folder, a pattern.

    overrides: words like train.epochs=3; values are YAML; they win over the file.
    Raises PlanError with file and line for anything that is not a plan.
    """
    refuse_no_file(path)
    if path.suffix.lower() not in PLAN_SUFFIXES:
        folder, name = data_place(path)
        named = folder if is_pattern(path) else path
        return plan_from(
            {"data": {"train": name}},
            folder=folder,
            name=name_of(named if named.name else named.resolve()),
            overrides=overrides,
        )
    raw, lines = read_yaml(path)
    return plan_from(raw, folder=path.parent, name=name_of(path), overrides=overrides, where=str(path), lines=lines)


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
    reading = _Reading()
    for key, value, place in _entries(raw, place=_Place(where, lines or {})):
        _put(reading, key, value, where=place)
    for word in overrides:
        _override(reading, word)
    _convert_warmup_steps(reading)
    return LoadedPlan(
        _checked(reading), folder=folder, default_name=name, notes=tuple(reading.notes), given=tuple(reading.places)
    )


def plan_yaml(plan: Plan, *, with_auto: bool = False) -> str:
    """The plan as YAML that load_plan reads back to an equal plan."""
    return yaml.safe_dump(plan_dict(plan, with_auto=with_auto), sort_keys=False, allow_unicode=True, width=110)


@dataclass(frozen=True, slots=True)
class _Place:
    where: str
    lines: Mapping[str, int]

    def of(self, key: str) -> str:
        """file:line, as exactly as it is known: of the key, else of its section."""
        line = self.lines.get(key) or self.lines.get(key.split(".")[0])
        return f"{self.where}:{line}" if line else self.where


@dataclass(frozen=True, slots=True)
class _Reading:
    """A plan while it is put together; its dicts and its list grow."""

    values: dict[str, Any] = field(default_factory=dict)
    """Nested, under canonical names only."""
    places: dict[str, str] = field(default_factory=dict)
    """Where each canonical field was given: file:line or command line."""
    notes: list[str] = field(default_factory=list)


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


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The mapping in a YAML file, and the line of each key. Raises PlanError with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = yaml.load(text, Loader=_UniqueKeyLoader)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise PlanError(
            "the plan is not UTF-8 text",
            where=str(path),
            why=f"its byte {error.start + 1} fits no character",
            fix=f"save it as UTF-8; from UTF-16: iconv -f utf-16 -t utf-8 {path} > new.yaml",
        ) from error
    except OSError as error:
        fix = f"chmod u+r {path}, or name another plan"
        raise PlanError(f"the plan cannot be read: {error.strerror}", where=str(path), fix=fix) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise PlanError(
            f"not valid YAML: {_yaml_problem(error)}",
            where=place,
            fix="write key: value, indent with spaces; tunewright init DATA writes a plan",
        ) from error
    if raw is None:
        raise PlanError("the plan is empty", where=str(path), fix="write one line: data: {train: tickets.csv}")
    if not isinstance(raw, dict):
        raise PlanError("a plan is a list of `key: value` lines", where=str(path), fix="data: {train: tickets.csv}")
    return raw, _key_lines(node)


def _yaml_problem(error: yaml.YAMLError) -> str:
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    return "a tab stands where spaces must" if r"'\t'" in problem else problem


def _key_lines(node: yaml.Node | None, prefix: str = "") -> dict[str, int]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = f"{prefix}{key_node.value}"
        lines[key] = key_node.start_mark.line + 1
        if not prefix:  # section.field is as deep as mistakes are told; an alias inside itself would never end
            lines |= _key_lines(value_node, prefix=f"{key}.")
    return lines


def _entries(raw: Mapping[Any, Any], *, place: _Place) -> Iterator[tuple[str, Any, str]]:
    """(field as it is spelled, value, where it stands) of nested values; sections and shorthands are opened."""
    for key, value in raw.items():
        if not isinstance(key, str):
            fix = "tunewright help fields lists them"
            raise PlanError(f"{key!r} is not the name of a field", where=place.of(str(key)), fix=fix)
        if key in SECTIONS and (isinstance(value, Mapping) or value is None):
            for name, inner in (value or {}).items():
                yield f"{key}.{name}", inner, place.of(f"{key}.{name}")
        elif key in SHORTHANDS:
            yield f"{key}.{SHORTHANDS[key]}", value, place.of(key)
        elif key in SECTIONS:
            fix = f"write {' or '.join(fields_named(key))}" if fields_named(key) else "tunewright help fields"
            raise PlanError(f"{key} is a section, it cannot be {value!r}", where=place.of(key), fix=fix)
        else:
            yield key, value, place.of(key)


def _put(reading: _Reading, key: str, value: Any, *, where: str) -> None:
    """Set one field by any known spelling."""
    canonical = canonical_name(key, where=where)
    if canonical not in (key, f"train.{WARMUP_STEPS}"):  # which says aloud what became of it
        reading.notes.append(f"{key} is read as {canonical}")
    value = meant_value(key, value, canonical=canonical)
    section, _, name = canonical.partition(".")
    if is_off(key, value):
        reading.values.setdefault(section, {}).setdefault(name, None)
        return
    if canonical in reading.places:
        raise PlanError(f"{canonical} is given twice", where=where, fix="keep one of them")
    reading.places[canonical] = where
    if name:
        reading.values.setdefault(section, {})[name] = value
    else:
        reading.values[section] = value


def _override(reading: _Reading, word: str) -> None:
    """A word of the command line replaces what was given before; signs alone, a separator, are no YAML."""
    key, equals, text = word.partition("=")
    if not equals or not key:
        fix = (
            "put a pattern in quotes: 'data/*.csv'" if _is_there(word) else "write section.field=value: train.epochs=3"
        )
        raise PlanError(f"{word!r} is not an override", where=OVERRIDE, fix=fix)
    try:
        value = text if text and set(text) <= set("|;,/") else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PlanError(
            f"the value of {key} cannot be read",
            where=OVERRIDE,
            why=_yaml_problem(error),
            fix=f"put quotes around it: '{key}=\"VALUE\"'",
        ) from error
    key, value = _inside(reading, key, value)
    fresh = _Reading(notes=reading.notes)
    for spelled, inner, where in _entries({key: value}, place=_Place(OVERRIDE, {})):
        _put(fresh, spelled, inner, where=where)
    for canonical in fresh.places:
        rival = _RIVALS.get(canonical, "")
        if reading.places.pop(rival, None):
            del reading.values["train"][rival.partition(".")[2]]
    for section, inner in fresh.values.items():
        reading.values[section] = {**reading.values.get(section, {}), **inner} if section in SECTIONS else inner
    reading.places.update(fresh.places)


def _is_there(word: str) -> bool:
    try:
        return Path(word).exists()
    except OSError:  # no file's name is so long
        return False


def _inside(reading: _Reading, key: str, value: Any) -> tuple[str, Any]:
    """One entry of a field that holds entries, as in prepare.actions.leakage=drop; its others stay."""
    section, _, rest = key.partition(".")
    name, dot, entry = rest.partition(".")
    if not dot or section not in SECTIONS:
        return key, value
    before = reading.values.get(section, {}).get(name)
    return f"{section}.{name}", {**(before if isinstance(before, dict) else {}), entry: value}


_RIVALS = {f"train.{WARMUP_STEPS}": "train.warmup_ratio", "train.warmup_ratio": f"train.{WARMUP_STEPS}"}
"""Two ways to say one thing: on the command line the later one wins."""


def _convert_warmup_steps(reading: _Reading) -> None:
    """Steps become the share of all steps, once every field is known."""
    key, train = f"train.{WARMUP_STEPS}", reading.values.get("train", {})
    if key not in reading.places:
        return
    steps, total, where = train.pop(WARMUP_STEPS), train.get("max_steps"), reading.places[key]
    if "warmup_ratio" in train:
        raise PlanError("train.warmup_ratio and warmup_steps are both given", where=where, fix="keep one of them")
    is_known = type(steps) is int and type(total) is int and 0 <= steps < total
    if not is_known and steps != 0:
        raise PlanError(
            "warmup_steps counts steps; a plan states the share of all steps",
            where=where,
            fix="write train.warmup_ratio (0.1 is a tenth), or give train.max_steps above warmup_steps",
        )
    train["warmup_ratio"] = steps / total if steps else 0.0
    said = f"{steps} of {total} steps" if steps else "0"
    reading.notes.append(f"warmup_steps {said} is read as train.warmup_ratio {train['warmup_ratio']:g}")


def _checked(reading: _Reading) -> Plan:
    try:
        return Plan.model_validate({key: value for key, value in reading.values.items() if value != "auto"})
    except ValidationError as error:
        raise _wrong_value(error.errors(include_url=False)[0], places=reading.places) from error


def _wrong_value(first: Mapping[str, Any], *, places: Mapping[str, str]) -> PlanError:
    """pydantic's first complaint in the words that `tunewright help FIELD` uses."""
    of_a_union = ("literal", "tuple", "str", "function", "float", "constrained")
    path = [str(part) for part in first["loc"] if not str(part).startswith(of_a_union)]
    if path[:2] == ["evaluate", "apis"]:
        return wrong_api(path, first, where=places.get("evaluate.apis", ""))
    key, given, shown = ".".join(path[:2]), str(first.get("input")), repr(first.get("input"))
    field = plan_fields()[key]
    near = difflib.get_close_matches(given, field.choices, n=1)
    is_plain = first["type"] != "value_error" and len(path) < 3
    return PlanError(
        f"{key} cannot be {shown if len(shown) < 60 else f'{shown[:50]} ...'}",
        where=places.get(key, ""),
        why=f"it takes {field.takes}" if is_plain else _plain_words(first["msg"]),
        fix=f"{key}={near[0]}" if near else override(field),
    )


def _plain_words(complaint: str) -> str:
    return complaint.removeprefix("Value error, ").replace("Input should be", "it takes").replace("'", "")

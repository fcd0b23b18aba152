"""Names of plan fields in any spelling.

In: a field as a person wrote it. Out: its canonical name, or an error with the nearest field and what its section has.
Its own file because reading YAML is one concern and knowing every name that people bring along is another.
"""

from __future__ import annotations

import difflib
from typing import Any

from tunewright.core.aliases import ALIASES, NO_COUNTERPART, SPELLED_VALUES, VALUE_ALIASES, WARMUP_STEPS
from tunewright.core.errors import PlanError
from tunewright.core.plan import SECTIONS, Plan


def canonical_name(key: str, *, where: str) -> str:
    """The field's own name; of a bare name the only field called so.

    where: place of the word, for the error.
    Raises PlanError with what to write instead.
    """
    known = _known_fields()
    if key in known or key == "task":
        return key
    if key in (WARMUP_STEPS, f"train.{WARMUP_STEPS}"):
        return f"train.{WARMUP_STEPS}"
    section, _, name = key.rpartition(".")
    alias = ALIASES.get(name, "")
    if alias and section in ("", alias.split(".")[0]):
        return alias
    if not section:
        homes = fields_named(name)
        if len(homes) == 1:
            return homes[0]
    if name in NO_COUNTERPART:
        raise PlanError(f"{name} has no counterpart in a plan", where=where, fix=NO_COUNTERPART[name])
    elsewhere = [alias] if alias else fields_named(name)
    if elsewhere:
        raise PlanError(f"unknown field {key}", where=where, fix=f"write {' or '.join(elsewhere)}")
    if section and section not in SECTIONS:
        near = difflib.get_close_matches(section, SECTIONS, n=1)
        why = f"did you mean {near[0]}?" if near else sections_words()
        fix = f"{near[0]}.{name}=VALUE" if near else "tunewright help fields"
        raise PlanError(f"unknown section {section}", where=where, why=why, fix=fix)
    nearest = _nearest(key)
    why = f"did you mean {nearest}?" if nearest else "" if section else sections_words()
    # A section is no field of its own: what stands in it is.
    fix = f"tunewright help {nearest}" if "." in nearest or nearest == "task" else "tunewright help fields"
    raise PlanError(f"unknown field {key}", where=where, why=why, fix=fix)


def meant_value(key: str, value: Any, *, canonical: str) -> Any:
    """A value in the plan's words: of other tools' words, and of spellings that say half of it themselves.

    >>> meant_value("load_in_4bit", True, canonical="model.quantization")
    'nf4'
    """
    if not isinstance(value, (str, int)):
        return value
    name = key.rpartition(".")[2]
    if name in SPELLED_VALUES:
        return SPELLED_VALUES[name].get(value, f"{name}: {value}")  # which no field takes
    return VALUE_ALIASES.get(canonical, {}).get(value, value) if isinstance(value, str) else value


def is_off(key: str, value: Any) -> bool:
    """A switch that says no, load_in_8bit: false; the one beside it may say yes to the same field."""
    return value is None and None in SPELLED_VALUES.get(key.rpartition(".")[2], {}).values()


def sections_words() -> str:
    return f"the sections are {', '.join(SECTIONS)}"


def fields_named(name: str) -> list[str]:
    """Every field of this name: limit is one of data and of evaluate."""
    return [known for known in _known_fields() if known.split(".")[1] == name]


def field_help(key: str) -> str:
    """What a field is about; empty when it says nothing itself."""
    section, _, name = key.partition(".")
    if section not in SECTIONS:
        return str(Plan.model_fields[section].description or "") if section in Plan.model_fields else ""
    about = type(getattr(Plan(), section)).model_fields.get(name)
    return f"{key}: {about.description}" if about and about.description else ""


def _nearest(key: str) -> str:
    """The field or section that was probably meant; empty when none is near."""
    section, _, name = key.rpartition(".")
    inside = {field.split(".")[1]: field for field in _known_fields() if not section or field.startswith(f"{section}.")}
    inside |= {alias: field for alias, field in ALIASES.items() if not section or field.startswith(f"{section}.")}
    inside |= {} if section else {name: name for name in (*SECTIONS, "task")}
    near = difflib.get_close_matches(name, inside, n=1)
    if not near:
        near = difflib.get_close_matches(name, [field.split(".")[1] for field in _known_fields()], n=1)
        inside = {field.split(".")[1]: field for field in _known_fields()}
    return inside[near[0]] if near else ""


def _known_fields() -> dict[str, None]:
    return {f"{s}.{name}": None for s in SECTIONS for name in type(getattr(Plan(), s)).model_fields}

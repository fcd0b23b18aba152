"""The plan as a JSON Schema: editors complete its fields and mark what cannot stand there.

In: nothing but the plan's own classes and the table of aliases. Out: a draft 2020-12 schema as nested values. Its own
file because pydantic describes the checked plan, and people may write more: the word auto, one word for a section,
another tool's spelling.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from tunewright.core.aliases import ALIASES, SPELLED_VALUES, VALUE_ALIASES, WARMUP_STEPS
from tunewright.core.fields import Field, plan_fields
from tunewright.core.plan import SECTIONS, Plan
from tunewright.core.planfile import SHORTHANDS
from tunewright.core.spelling import fields_named

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Values = dict[str, Any]


class _WithoutAuto(GenerateJsonSchema):
    """AUTO has no JSON; a field that may be left out needs no default either."""

    ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012 (pydantic's own type)


def plan_schema() -> Values:
    """What a plan file may say.

    A field stands in its section, or at the top level by its own name where only one section has it. Spellings of other
    tools are allowed and marked deprecated: they are read, and said aloud.
    """
    raw = Plan.model_json_schema(schema_generator=_WithoutAuto)
    sections = {name: _section(name, raw) for name in SECTIONS}
    return {
        "$schema": DIALECT,
        "title": "A tunewright plan",
        "description": str(Plan.__doc__),
        "type": "object",
        "properties": {
            "task": _field(raw["properties"]["task"], plan_fields()["task"]),
            **{name: _section_or_shorthand(name) for name in SECTIONS},
            **{name: _ref(home) | {"description": f"Short for {home}."} for name, home in _bare_names().items()},
            **{name: _ref(name) for name in plan_fields() if "." in name},
            **_aliases(""),
        },
        "additionalProperties": False,
        "$defs": {**sections, **_inner(raw)},
    }


def _inner(raw: Values) -> Values:
    """What the values of a field are made of, as an address of evaluate.apis is."""
    own = {f"{name.capitalize()}Plan" for name in SECTIONS}
    return {name: of for name, of in raw["$defs"].items() if name not in own}


def _section(name: str, raw: Values) -> Values:
    found = raw["$defs"][f"{name.capitalize()}Plan"]
    fields = plan_fields()
    return {
        "type": "object",
        "properties": {
            **{short: _field(of, fields[f"{name}.{short}"]) for short, of in found["properties"].items()},
            **_aliases(name),
        },
        "additionalProperties": False,
    }


def _field(raw: Values, field: Field) -> Values:
    """pydantic's schema of the value, or the word auto; with what a person wants to know."""
    value = {key: of for key, of in raw.items() if key not in ("title", "description", "default")}
    words = [word for word in VALUE_ALIASES.get(field.name, {}) if field.choices]
    others = [{"const": "auto"}, *([{"enum": words, "deprecated": True}] if words else [])]
    choices = [*value.pop("anyOf"), *others] if set(value) == {"anyOf"} else [value, *others]
    said = [field.what, f"Left out: {field.left_out}."]
    said += [f"Also written {', '.join(field.aliases)}."] if field.aliases else []
    return {
        "title": field.name,
        "description": " ".join(said),
        "anyOf": choices,
        **({"default": raw["default"]} if "default" in raw else {}),
    }


def _section_or_shorthand(name: str) -> Values:
    """A section, nothing at all, or the one word that stands for its most used field."""
    choices: list[Values] = [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]
    return {"anyOf": [*choices, *([_ref(f"{name}.{SHORTHANDS[name]}")] if name in SHORTHANDS else [])]}


def _bare_names() -> dict[str, str]:
    """Names that only one section has, and that are no section themselves."""
    names = {home.partition(".")[2]: home for home in plan_fields() if "." in home}
    return {name: home for name, home in names.items() if len(fields_named(name)) == 1 and name not in SECTIONS}


def _aliases(section: str) -> Values:
    """Of one section, or of the top level."""
    own = {*SECTIONS, *(_bare_names() if not section else ())}
    homes = {a: home for a, home in ALIASES.items() if a not in own and section in ("", home.partition(".")[0])}
    found: Values = {alias: _alias(alias, home) | {"deprecated": True} for alias, home in homes.items()}
    if section in ("", "train"):
        steps = "A number of steps, read as train.warmup_ratio; it needs train.max_steps beside it."
        found[WARMUP_STEPS] = {"type": "integer", "minimum": 0, "description": steps, "deprecated": True}
    return found


def _alias(alias: str, home: str) -> Values:
    if alias not in SPELLED_VALUES:
        return _ref(home)
    return {"enum": list(SPELLED_VALUES[alias]), "description": f"Short for {home}."}


def _ref(home: str) -> Values:
    section, _, name = home.partition(".")
    return {"$ref": f"#/$defs/{section}/properties/{name}"}

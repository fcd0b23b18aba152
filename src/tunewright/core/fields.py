"""What can be said of every field of the plan, read from the plan itself.

In: a field's name. Out: Field: what it is, what may stand there, what happens when it is left out, how else it is
written, a line to copy. Its own file because `help`, the published schema and the shells' completion say the same.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import annotated_types

from tunewright.core.aliases import ALIASES, VALUE_ALIASES, WARMUP_STEPS
from tunewright.core.api_plan import EXAMPLE as API_EXAMPLE
from tunewright.core.plan import SECTIONS, Plan
from tunewright.core.section import Section, is_auto

LEFT_OUT = "Left out: "
"""Begins the sentence of a field's docstring that says what is chosen for the person."""

EXAMPLES: dict[str, str] = {
    "task": "classify",
    "model.name": "starter:minilm-l6",
    "model.revision": "main",
    "model.quantization": "nf4",
    "select.candidates": "[starter:minilm-l6, ./my-model]",
    "select.licences": "[Apache-2.0, MIT]",
    "select.race": "false",
    "select.budget": "20min",
    "data.train": "tickets.csv",
    "data.validation": "validation.csv",
    "data.test": "held_out.csv",
    "data.sheet": "Sheet2",
    "data.text_column": "message",
    "data.label_column": "intent",
    "data.label_separator": "'|'",
    "data.prompt_column": "question",
    "data.completion_column": "answer",
    "data.messages_column": "messages",
    "data.group_column": "customer",
    "data.slice_columns": "[channel]",
    "data.system": "You answer in one sentence.",
    "data.limit": "500",
    "prepare.actions": "{leakage: drop}",
    "prepare.validation_fraction": "0.1",
    "prepare.test_fraction": "0.2",
    "prepare.max_length": "256",
    "prepare.review": "review.csv",
    "train.layers": "last:4",
    "train.lora_r": "16",
    "train.lora_alpha": "32",
    "train.lora_dropout": "0.05",
    "train.target_modules": "all-linear",
    "train.adapter": "{peft_type: IA3}",
    "train.learning_rate": "2e-4",
    "train.epochs": "3",
    "train.max_steps": "200",
    "train.batch_size": "8",
    "train.gradient_accumulation_steps": "4",
    "train.warmup_ratio": "0.1",
    "train.weight_decay": "0.01",
    "train.max_grad_norm": "1.0",
    "train.packing": "false",
    "train.save_steps": "50",
    "train.eval_steps": "50",
    "train.patience": "3",
    "train.trackers": "[tensorboard]",
    "evaluate.systems": "[tuned, base, tfidf]",
    "evaluate.metrics": "[accuracy, f1_macro]",
    "evaluate.primary_metric": "f1_macro",
    "evaluate.seeds": "1",
    "evaluate.max_new_tokens": "128",
    "evaluate.limit": "100",
    "evaluate.scorer": "scorer.py",
    "evaluate.require": '{accuracy: ">= 0.9", better_than: base}',
    "evaluate.general": "general.txt",
    "evaluate.apis": API_EXAMPLE,
    "evaluate.judge": "local",
    "explain.methods": "[occlusion, label_errors]",
    "explain.rows": "50",
    "export.targets": "[adapter, merged]",
    "export.max_kl_nats": "0.01",
    "run.name": "tickets",
    "run.seed": "1",
    "run.threads": "2",
    "run.memory_limit": "8GB",
    "run.carbon_intensity": "380",
    "run.price_per_kwh": "0.3",
    "run.price_per_hour": "1.2",
}
"""A value to copy, as YAML. Fields with few possible values are not here: their first one is the example."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the plan, for people."""

    name: str
    """Canonical: train.learning_rate."""
    what: str
    takes: str
    """What may stand there, with its range."""
    left_out: str
    """What happens when the plan does not name it."""
    example: str
    """A value, as YAML."""
    choices: tuple[str, ...]
    """Every possible value where they are few."""
    aliases: tuple[str, ...]
    """Other spellings that are understood."""


@cache
def plan_fields() -> dict[str, Field]:
    """Every field by its canonical name, in the plan's order."""
    names = ["task", *(f"{section}.{name}" for section in SECTIONS for name in section_type(section).model_fields)]
    return {name: _field(name) for name in names}


def section_type(section: str) -> type[Section]:
    """The class that holds a section's fields."""
    found: type[Section] = type(getattr(Plan(), section))
    return found


def override(field: Field) -> str:
    """The field on the command line.

    >>> override(plan_fields()["evaluate.systems"]), override(plan_fields()["train.use_dora"])
    ("'evaluate.systems=[tuned, base, tfidf]'", 'train.use_dora=true')
    """
    word = f"{field.name}={field.example}"
    return f"'{word}'" if set(word) & set(" []{}") else word


def plan_line(field: Field) -> str:
    """The field in a plan.

    >>> plan_line(plan_fields()["train.epochs"]), plan_line(plan_fields()["task"])
    ('train: {epochs: 3}', 'task: classify')
    """
    section, dot, name = field.name.partition(".")
    value = f'"{field.example}"' if ": " in f"{field.example} " and field.example[0] not in "[{" else field.example
    return f"{section}: {{{name}: {value}}}" if dot else f"{section}: {value}"


def _field(name: str) -> Field:
    section, dot, short = name.partition(".")
    info = section_type(section).model_fields[short] if dot else Plan.model_fields[name]
    what, _, rule = " ".join(str(info.description).split()).partition(LEFT_OUT)
    choices = _choices(info.annotation)
    return Field(
        name=name,
        what=what.strip(),
        takes=_takes(info.annotation, info.metadata),
        left_out=rule.removesuffix(".") or _default_words(info.get_default(call_default_factory=True)),
        example=EXAMPLES.get(name) or choices[0],
        choices=choices,
        aliases=_aliases(name),
    )


def _aliases(name: str) -> tuple[str, ...]:
    more = (WARMUP_STEPS,) if name == "train.warmup_ratio" else ()
    values = tuple(f"{name.rpartition('.')[2]}: {other}" for other in VALUE_ALIASES.get(name, {}))
    return (*(alias for alias, home in ALIASES.items() if home == name), *more, *values)


def _default_words(default: Any) -> str:
    if is_auto(default):
        return "not possible: a run needs it"
    if default is None or default == {}:
        return "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("true", "false")
    return tuple(str(word) for word in typing.get_args(annotation)) if typing.get_origin(annotation) is Literal else ()


def _takes(annotation: Any, metadata: list[Any]) -> str:
    """In words; a union's parts by "or"."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join(_takes(part, metadata) for part in typing.get_args(annotation))
    if typing.get_origin(annotation) is typing.Annotated:
        kind, info = typing.get_args(annotation)
        return _takes(kind, info.metadata)
    if typing.get_origin(annotation) is Literal:
        return ", ".join(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) is tuple:
        return "a list of whole numbers" if typing.get_args(annotation)[0] is int else "a list"
    if typing.get_origin(annotation) is dict:
        return "entries: {name: value}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}
    return f"{words[annotation]}{_range(metadata) if annotation in (int, float) else ''}"


def _range(metadata: list[Any]) -> str:
    parts = []
    for limit in metadata:
        match limit:
            case annotated_types.Ge():
                parts.append(f"at least {limit.ge}")
            case annotated_types.Gt():
                parts.append(f"above {limit.gt}")
            case annotated_types.Le():
                parts.append(f"at most {limit.le}")
            case annotated_types.Lt():
                parts.append(f"below {limit.lt}")
    return f" ({', '.join(parts)})" if parts else ""

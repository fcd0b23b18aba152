"""A plan as a newcomer can read and edit it: what was decided, why, and what else could be said.

In: the resolved plan, its reasons, the compared models. Out: YAML text. Its own file because the text is a promise:
it resolves to the same plan, and so does every commented field once its # is taken away.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from tunewright.core.plan import SECTIONS, Plan
from tunewright.core.spelling import field_help

if TYPE_CHECKING:
    from tunewright.select.candidate import Candidate

WIDTH = 80
OFFERED = {
    "prepare": ("max_length",),
    "train": (
        *("method", "layers", "learning_rate", "epochs", "batch_size", "gradient_accumulation_steps"),
        *("lora_r", "lora_alpha", "lora_dropout", "target_modules"),
        *("warmup_ratio", "weight_decay", "lr_scheduler_type", "patience"),
    ),
    "evaluate": ("systems", "primary_metric", "limit", "max_new_tokens"),
    "explain": ("methods",),
    "export": ("targets",),
    "run": ("seed", "threads", "memory_limit"),
}
"""Fields that people change most, as comments with the value that was decided."""
ONLY_LORA = ("lora_r", "lora_alpha", "lora_dropout", "target_modules")
ONLY_GENERATE = ("limit", "max_new_tokens")


def commented_plan(
    plan: Plan, *, said: Mapping[str, Any], reasons: Mapping[str, str], ranked: Sequence[Candidate], file: str
) -> str:
    """The plan's text.

    plan: resolved. said: the fields that stand there uncommented, by name. reasons: by field.
    file: how the plan is named in a command.
    """
    lines = [*_prose(_HEAD, indent=""), f"#   tunewright show {file}"]
    lines += ["", *_field("task", said["task"], reasons.get("task", ""), indent="")]
    for section in SECTIONS:
        inner = list(_section(section, plan, said=said, reasons=reasons, ranked=ranked))
        lines += ["", f"{section}:", *inner] if inner else []
    lines += ["", "# Next:", f"#   tunewright check {file}", f"#   tunewright run {file}"]
    return "\n".join(lines) + "\n"


_HEAD = (
    "A plan for tunewright. What stands here was decided from the data; a line that begins with # and no space, like "
    "#epochs: 5.0, shows what will be decided for you: take the # away and change the value to decide it yourself. "
    "All fields and reasons:"
)


def _section(
    section: str, plan: Plan, *, said: Mapping[str, Any], reasons: Mapping[str, str], ranked: Sequence[Candidate]
) -> Iterator[str]:
    for name in type(getattr(plan, section)).model_fields:
        field = f"{section}.{name}"
        if field in said:
            yield from _field(name, said[field], reasons.get(field, ""), indent="  ")
        elif name in OFFERED.get(section, ()) and _concerns(plan, name):
            about = " ".join(field_help(field).removeprefix(f"{field}: ").split()).partition(" Left out:")[0]
            value = getattr(getattr(plan, section), name)
            reason = reasons.get(field, "")
            words = f"{about} Decided: {reason}" if reason else about
            yield from _field(f"#{name}", value, words, indent="  ")
        if field == "model.name":
            yield from _runner_up(ranked)


def _concerns(plan: Plan, name: str) -> bool:
    """The field means something for this task and method."""
    is_lora, is_generate = plan.train.method == "lora", plan.task == "generate"
    return (is_lora or name not in ONLY_LORA) and (is_generate or name not in ONLY_GENERATE)


def _runner_up(ranked: Sequence[Candidate]) -> Iterator[str]:
    if len(ranked) > 1:
        yield from _prose(f"Next best: {ranked[1].name}: {ranked[1].reason}", indent="  ")


def _field(name: str, value: Any, words: str, *, indent: str) -> Iterator[str]:
    yield from _prose(words, indent=indent)
    yield f"{indent}{name}: {yaml_value(value)}"


def _prose(words: str, *, indent: str) -> Iterator[str]:
    """Comment lines; only characters that YAML lets stand in a comment."""
    plain = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in words).split())
    start = f"{indent}# "
    yield from textwrap.wrap(plain, WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False)


def yaml_value(value: Any) -> str:
    r"""One line of YAML that is read back as the same value.

    >>> yaml_value("yes"), yaml_value(("tuned", "base")), yaml_value(2e-5), yaml_value("a\nb")
    ("'yes'", '[tuned, base]', '2.0e-05', '"a\\U0000000ab"')
    """
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_inside(item) for item in value)}]"
    if isinstance(value, str) and not value.isprintable():  # PyYAML 6 folds line breaks, and loses some (U+0085)
        inside = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
        return f'"{"".join(inside)}"'
    return str(yaml.safe_dump(value, allow_unicode=True, width=2**31)).removesuffix("...\n").strip()


def _inside(value: Any) -> str:
    """The value in a list, where a comma and a bracket mean something."""
    text = yaml_value(value)
    return text if text.startswith('"') else str(yaml.safe_dump([value], default_flow_style=True, width=2**31))[1:-2]

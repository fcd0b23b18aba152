"""Another tool's configuration as a plan; what has no counterpart is listed, never dropped silently.

In: the tool's name, its YAML or JSON file. Out: Imported: the plan's text with what was left out as comments. Its own
file because it reads what other people defined: every key ends either in the plan or in the list.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core.errors import PlanError, RunError
from tunewright.core.files import write_text
from tunewright.core.plan import Plan
from tunewright.core.planfile import plan_from, plan_yaml, read_yaml
from tunewright.core.registry import lookup
from tunewright.core.spelling import is_off, meant_value
from tunewright.verbs.other_tools import TOOLS, Tool

GENERAL = "no field of a plan says this"
WARMUP = "train.warmup_steps"
DATA_KEYS = {
    "axolotl": ("datasets", "test_datasets"),
    "llamafactory": ("dataset", "eval_dataset"),
    "trl": ("dataset_name",),
}
"""What names the rows to train on, and the rows to validate on."""
SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".parquet", ".txt", ".xlsx")
"""Of names that are files, whether they are here or not."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A key that does not stand in the plan."""

    key: str
    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A plan made of another tool's configuration."""

    text: str
    path: Path | None
    plan: Plan
    """As asked: what the file does not say is open."""
    left_out: tuple[LeftOut, ...]


@dataclass(slots=True)  # filled while the file is read
class _Reading:
    values: dict[str, Any] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave(self, key: str, value: Any, why: str) -> None:
        self.left_out.append(LeftOut(key, value, why))


def imported(tool: str, path: Path, *, out: Path | None) -> Imported:
    """The plan, written to `out`; None writes nothing.

    Raises PlanError for a file that cannot be read or a tool that is not known, RunError when `out` is there already.
    """
    known = lookup(tool, TOOLS, kind="tools", where="--from")
    if out is not None and out.exists():
        fix = shlex.join(["tunewright", "init", "--from", tool, str(path), "-o", str(out.with_name(f"new-{out.name}"))])
        raise RunError(f"{out} is there already, and a plan is never overwritten", where="-o", fix=fix)
    raw, _ = read_yaml(path)
    reading = _Reading()
    folder = out.parent if out else Path()
    rest = dict(raw)
    for take in (_taken_method, _taken_targets, _taken_shares):
        take(rest, reading)
    _take_data(tool, rest, reading, beside=path.parent, folder=folder)
    for key, value in rest.items():
        _take(str(key), value, known, reading, all_keys=raw)
    text = _text(tool, path, reading)
    if out is not None:
        write_text(out, text)
    return Imported(text, out, _plan(reading.values), tuple(reading.left_out))


def _take(key: str, value: Any, tool: Tool, reading: _Reading, *, all_keys: Mapping[str, Any]) -> None:
    """One key whose value means the same, or that has no counterpart."""
    canonical = tool.fields.get(key)
    if canonical is None:
        return reading.leave(key, value, tool.why.get(key, GENERAL))
    if value is None:
        return reading.leave(key, value, "it says nothing")
    if canonical == WARMUP:
        if value and all_keys.get("max_steps", -1) in (None, -1):
            return reading.leave(key, value, "a plan counts warm-up as a share of the steps: train.warmup_ratio")
    elif canonical == "train.max_steps" and value == -1:
        return reading.leave(key, value, "it means no limit, as leaving it out does")
    meant = meant_value(key, value, canonical=canonical)
    if is_off(key, meant):
        return reading.leave(key, value, f"{canonical} is off when left out")
    if canonical in reading.values:
        return reading.leave(key, value, f"{canonical} is said by another key already")
    try:
        _plan({canonical: meant})
    except PlanError as error:
        return reading.leave(key, value, f"{canonical} does not take it: {error.why or error.what}")
    reading.values[canonical] = meant
    return None


def _taken_method(rest: dict[str, Any], reading: _Reading) -> None:
    """adapter (axolotl), finetuning_type (LLaMA-Factory), use_peft (TRL)."""
    methods = {"lora": "lora", "qlora": "lora", "full": "full", "": "full", "true": "lora", "false": "full"}
    for key in ("adapter", "finetuning_type", "use_peft"):
        if key not in rest:
            continue
        value = rest.pop(key)
        word = str("" if value is None else value).lower()
        if word not in methods:
            reading.leave(key, value, "a plan trains by lora, full or head")
            continue
        reading.values["train.method"] = methods[word]
        if word == "qlora" and not rest.get("load_in_4bit"):
            rest.pop("load_in_4bit", None)
            reading.values["model.quantization"] = "nf4"
    if "stage" in rest and rest["stage"] == "sft":
        reading.leave("stage", rest.pop("stage"), "training on answers is what a run does")


def _taken_targets(rest: dict[str, Any], reading: _Reading) -> None:
    """lora_target_linear (axolotl); lora_target as words with commas (LLaMA-Factory)."""
    if rest.get("lora_target_linear") and not rest.get("lora_target_modules"):
        reading.values["train.target_modules"] = "all-linear"
        rest.pop("lora_target_linear")
        rest.pop("lora_target_modules", None)
    if isinstance(rest.get("lora_target"), str):
        words = [word.strip() for word in rest.pop("lora_target").split(",")]
        reading.values["train.target_modules"] = "all-linear" if words == ["all"] else words
    if rest.get("pissa_init"):
        reading.values["train.use_pissa"] = rest.pop("pissa_init")


def _taken_shares(rest: dict[str, Any], reading: _Reading) -> None:
    """val_set_size, val_size: a share below 1, else a number of rows."""
    for key in ("val_set_size", "val_size"):
        if key in rest:
            value = rest.pop(key)
            if isinstance(value, (int, float)) and 0 < value < 1:
                reading.values["prepare.validation_fraction"] = float(value)
            else:
                why = (
                    "rows are held out anyway, so that the model can be chosen" if not value else "a plan says a share"
                )
                reading.leave(key, value, f"{why}: prepare.validation_fraction")


def _take_data(tool: str, rest: dict[str, Any], reading: _Reading, *, beside: Path, folder: Path) -> None:
    """Files and hub names of the examples, as each tool names them."""
    for key, split in zip(DATA_KEYS[tool], ("train", "validation"), strict=False):
        if key not in rest:
            continue
        value = rest.pop(key)
        if tool == "llamafactory":
            found = list(_of_dataset_info(str(value), reading, key=key, beside=beside, rest=rest))
        else:
            entries = value if isinstance(value, list) else [value]
            found = [name for entry in entries for name in _of_entry(entry, reading, key=key)]
        names = [_place(name, beside=beside, folder=folder) for name in found]
        if names:
            reading.values[f"data.{split}"] = names[0] if len(names) == 1 else names
    if "data.train" in reading.values:
        rest.pop("dataset_dir", None)  # the files stand in the plan with their folder


def _of_entry(entry: Any, reading: _Reading, *, key: str) -> Iterator[str]:
    """axolotl: {path:, data_files:, type: ...}; TRL: a name."""
    if not isinstance(entry, Mapping):
        yield str(entry)
        return
    files = entry.get("data_files") or entry.get("path")
    yield from [str(name) for name in (files if isinstance(files, list) else [files])]
    for name, value in entry.items():
        if name not in ("path", "data_files", "ds_type"):
            reading.leave(f"{key}.{name}", value, "the format and the columns are found by looking at the rows")


def _of_dataset_info(
    names: str, reading: _Reading, *, key: str, beside: Path, rest: Mapping[str, Any]
) -> Iterator[str]:
    """LLaMA-Factory names data sets that dataset_info.json describes."""
    info_folder = beside / str(rest.get("dataset_dir", "data"))
    path = info_folder / "dataset_info.json"
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        info = {}
    for name in (word.strip() for word in names.split(",")):
        facts = info.get(name) or {}
        if "file_name" in facts:
            yield str(info_folder / facts["file_name"])
        elif "hf_hub_url" in facts:
            yield str(facts["hf_hub_url"])
        else:
            reading.leave(key, name, f"{path} does not describe it; write its file as data.train")


def _place(name: str, *, beside: Path, folder: Path) -> str:
    """As it stands in a plan in `folder`: a file relative to it, a name of the hub as hf://."""
    for start in (beside, Path()):
        if (start / name).exists():
            return Path(os.path.relpath((start / name).resolve(), folder.resolve())).as_posix()
    is_file = Path(name).suffix.lower() in SUFFIXES or name.startswith((".", "/")) or "://" in name
    return name if is_file or name.count("/") != 1 else f"hf://{name}"


def _plan(values: Mapping[str, Any]) -> Plan:
    raw: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, inner = name.partition(".")
        raw.setdefault(section, {})[inner] = value
    if "warmup_steps" in raw.get("train", {}) and "max_steps" not in raw["train"]:
        raw["train"]["max_steps"] = 1_000_000  # checked alone: the number that it belongs to stands beside it later
    return plan_from(raw, folder=Path(), name="").plan


def _text(tool: str, path: Path, reading: _Reading) -> str:
    lines = [
        f"# A plan for tunewright, read from {path.name} of {tool}.",
        "# Look at it with the data:  tunewright check",
    ]
    if "data.train" not in reading.values:
        lines += ["# It names no data that can be found: add  data: {train: FILE}"]
    lines += ["", plan_yaml(_plan(reading.values)).rstrip("\n")]
    if reading.left_out:
        lines += ["", f"# Not taken over from {path.name}, each with the reason:"]
        lines += [f"#   {one.key}: {_short(one.value)}  ({one.why})" for one in reading.left_out]
    return "\n".join(lines) + "\n"


def _short(value: Any) -> str:
    """On one line, whatever it is."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def left_out_lines(found: Sequence[LeftOut]) -> list[str]:
    """For a person at a terminal."""
    return [f"not taken over: {one.key}: {_short(one.value)} ({one.why})" for one in found]

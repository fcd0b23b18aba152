"""The forms that a model is exported in: one function each, in one table.

In: the proven Loaded. Out: a folder. Its own file because a new form is one more line here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peft import PeftModel
from transformers import GenerationConfig

from tunewright.core.errors import PlanError
from tunewright.core.files import write_json
from tunewright.core.registry import lookup
from tunewright.core.tasks import PROBLEMS
from tunewright.core.values import ModelCard
from tunewright.export.merge import merged
from tunewright.export.plain import kind_of
from tunewright.model.files import CONFIG
from tunewright.model.load import Loaded, pad_id
from tunewright.model.outside_folder import ADAPTER_CONFIG
from tunewright.model.trained import body_of, save_folder
from tunewright.text.chat import end_token_ids


@dataclass(frozen=True, slots=True)
class Target:
    """One form."""

    write: Callable[..., str]
    """(folder, loaded, max_length=) writes the folder and returns what a person must know of it; empty for nothing."""
    why_not: Callable[[Loaded], str]
    """Empty where the model has this form."""


def write_adapter(folder: Path, loaded: Loaded, *, max_length: int) -> str:
    """The adapter alone, as peft writes it, with tokenizer, template, head and labels."""
    save_folder(folder, loaded, max_length=max_length)
    base, revision = base_name(loaded.card)
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    write_json(folder / ADAPTER_CONFIG, {**config, "base_model_name_or_path": base, "revision": revision})
    return (
        "" if revision else f"it needs its base model at {base}: on another machine use merged, or put the base there"
    )


def write_merged(folder: Path, loaded: Loaded, *, max_length: int) -> str:
    """The whole model in float32, the adapter added into its weights; it ends answers where the proven one does."""
    save_folder(folder, merged(loaded), max_length=max_length)
    if kind_of(loaded) == "classifier":
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        names = {str(i): name for i, name in enumerate(loaded.labels)}
        config |= {"id2label": names, "label2id": {n: int(i) for i, n in names.items()}}
        write_json(
            folder / CONFIG, config | ({"problem_type": PROBLEMS[loaded.task]} if loaded.task in PROBLEMS else {})
        )
    if kind_of(loaded) == "language":
        GenerationConfig(
            do_sample=False,  # as it was measured
            eos_token_id=list(end_token_ids(loaded.tokenizer)),
            pad_token_id=pad_id(loaded.tokenizer),
            bos_token_id=loaded.tokenizer.bos_token_id,
        ).save_pretrained(str(folder))
    return ""


def base_name(card: ModelCard) -> tuple[str, str | None]:
    """How an adapter names the model below it: a Hugging Face id and its commit, or a folder and None."""
    path = Path(card.path)
    is_from_hub = f"models--{card.name.replace('/', '--')}" in path.parts  # the layout of the hub's cache
    return (card.name, path.name) if is_from_hub else (card.path, None)


def _no_adapter(loaded: Loaded) -> str:
    return "" if isinstance(body_of(loaded.model), PeftModel) else "all its weights were trained: there is no adapter"


TARGETS: Mapping[str, Target] = {
    "adapter": Target(write_adapter, why_not=_no_adapter),
    "merged": Target(write_merged, why_not=lambda _: ""),
}
"""In the order they are written."""


def chosen(asked: Sequence[str], loaded: Loaded) -> tuple[dict[str, Target], dict[str, str]]:
    """Targets to write, and those left out with the reason. asked: empty means all that the model has.

    Raises PlanError for one that is asked for by name and that the model does not have.
    """
    found = {name: lookup(name, TARGETS, kind="targets", where="export.targets") for name in asked or TARGETS}
    left_out = {name: why for name, target in found.items() if (why := target.why_not(loaded))}
    if asked and left_out:
        name, why = next(iter(left_out.items()))
        raise PlanError(f"there is no {name} to export", where="export.targets", why=why, fix="export.targets=[merged]")
    return {name: target for name, target in found.items() if name not in left_out}, left_out

"""The forms that a model is exported in: one writer each, in one table.

In: the proven Loaded. Out: a folder. Its own file because a new form is one more line here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from peft import PeftModel

from tunewright.core.errors import PlanError
from tunewright.core.files import write_json
from tunewright.core.registry import lookup
from tunewright.core.values import ModelCard
from tunewright.export.gguf.write import WriteGguf
from tunewright.export.gguf.write import refusal as gguf_refusal
from tunewright.export.onnx.write import WriteOnnx
from tunewright.export.onnx.write import refusal as onnx_refusal
from tunewright.export.source import Source, Target
from tunewright.model.load import Loaded
from tunewright.model.outside_folder import ADAPTER_CONFIG
from tunewright.model.trained import body_of, save_folder

LICENCES = ("LICENSE", "LICENCE", "NOTICE", "USE_POLICY", "COPYING")
"""How files begin that must travel with a base's weights."""


def write_adapter(folder: Path, source: Source) -> str:
    """The adapter alone, as peft writes it, with tokenizer, template, head and labels."""
    loaded = source.loaded
    save_folder(folder, loaded, max_length=source.max_length)
    base, revision = base_name(loaded.card)
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    write_json(folder / ADAPTER_CONFIG, {**config, "base_model_name_or_path": base, "revision": revision})
    return (
        "" if revision else f"it needs its base model at {base}: on another machine use merged, or put the base there"
    )


def write_merged(folder: Path, source: Source) -> str:
    """The whole model in float32, the adapter added into its weights."""
    whole = source.whole()
    if whole != folder:
        shutil.copytree(whole, folder)
    return ""


def write_repo(folder: Path, source: Source) -> str:
    """The whole model as a repository of the Hub: the licence that its base came under beside it; the stage puts the
    model card there.
    """
    shutil.copytree(source.whole(), folder)
    base = Path(source.loaded.card.path)
    for path in sorted(base.iterdir()) if base.is_dir() else ():
        if path.is_file() and path.name.upper().startswith(LICENCES):
            shutil.copyfile(path, folder / path.name)
    return ""


def base_name(card: ModelCard) -> tuple[str, str | None]:
    """How an adapter names the model below it: a Hugging Face id and its commit, or a folder and None."""
    path = Path(card.path)
    is_from_hub = f"models--{card.name.replace('/', '--')}" in path.parts  # the layout of the hub's cache
    return (card.name, path.name) if is_from_hub else (card.path, None)


def _no_adapter(loaded: Loaded) -> str:
    return "" if isinstance(body_of(loaded.model), PeftModel) else "all its weights were trained: there is no adapter"


TARGETS: Mapping[str, Target] = {
    "adapter": Target(write_adapter, why_not=_no_adapter, is_default=True),
    "merged": Target(write_merged, why_not=lambda _: "", is_default=True),
    "gguf-f16": Target(WriteGguf("F16"), why_not=gguf_refusal, program="in_llama_cpp"),
    "gguf-q8_0": Target(WriteGguf("Q8_0"), why_not=gguf_refusal, program="in_llama_cpp", is_quantised=True),
    "onnx": Target(WriteOnnx("float32"), why_not=onnx_refusal, program="in_onnxruntime"),
    "onnx-int8": Target(WriteOnnx("int8"), why_not=onnx_refusal, program="in_onnxruntime", is_quantised=True),
    "repo": Target(write_repo, why_not=lambda _: "", is_repo=True),
}
"""In the order they are written."""


def chosen(asked: Sequence[str], loaded: Loaded) -> tuple[dict[str, Target], dict[str, str]]:
    """Targets to write, and those left out with the reason. asked: empty means the default ones that the model has.

    Raises PlanError for one that is asked for by name and that the model does not have.
    """
    names = asked or [name for name, target in TARGETS.items() if target.is_default]
    found = {name: lookup(name, TARGETS, kind="targets", where="export.targets") for name in names}
    left_out = {name: why for name, target in found.items() if (why := target.why_not(loaded))}
    if asked and left_out:
        name, why = next(iter(left_out.items()))
        can = ",".join(name for name, target in TARGETS.items() if not target.why_not(loaded))
        raise PlanError(f"there is no {name} to export", where="export.targets", why=why, fix=f"export.targets=[{can}]")
    return {name: target for name, target in found.items() if name not in left_out}, left_out

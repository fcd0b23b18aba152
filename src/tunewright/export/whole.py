"""The whole model as a folder that plain transformers loads, in float32, an adapter added into its weights.

In: the proven Loaded. Out: the folder. Its own file because every form but the adapter is made from it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import GenerationConfig

from tunewright.core.files import remove, write_json, writing
from tunewright.core.tasks import PROBLEMS
from tunewright.export.merge import merged
from tunewright.export.plain import kind_of
from tunewright.export.stream import sums_of, write_sums
from tunewright.model.files import CONFIG
from tunewright.model.load import Loaded, pad_id
from tunewright.model.trained import body_of, save_beside, save_folder
from tunewright.text.chat import end_token_ids

WRAPPED = (".base_layer", ".modules_to_save.default")
"""What peft puts into the names of weights that an adapter sits on, or that it saves itself."""


def write_whole(folder: Path, loaded: Loaded, *, max_length: int) -> None:
    """It ends answers where the proven one does.

    Memory: with a plain LoRA on a base of safetensors files one weight at a time; else one more copy of the model.
    """
    if not _streamed(folder, loaded, max_length=max_length):
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


def _streamed(folder: Path, loaded: Loaded, *, max_length: int) -> bool:
    """False, and nothing is written, where the sum is more than LoRA or the files are others."""
    body = body_of(loaded.model)
    names = whole_names(body) if isinstance(body, PeftModel) else {}
    if not names:
        return False
    adapter = folder.with_name(f".{folder.name}.adapter")
    try:
        save_folder(adapter, loaded, max_length=max_length)
        sums = sums_of(adapter)
        if sums is None:
            return False
        with writing(folder):
            folder.mkdir(parents=True)
            if not write_sums(folder, base=Path(loaded.card.path), sums=sums, names=names):
                folder.rmdir()
                return False
            save_beside(folder, loaded, max_length=max_length)
            inner = body.get_base_model()
            inner.config.save_pretrained(str(folder))
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            write_json(folder / CONFIG, config | {"architectures": [type(inner).__name__], "dtype": "float32"})
    finally:
        remove(adapter)
    return True


def whole_names(body: Any) -> dict[str, torch.Size]:
    """Names and shapes of the weights below an adapter, tied ones once; empty where the files need more than that."""
    inner = body.get_base_model()
    found: dict[str, torch.Size] = {}
    for name, weight in inner.named_parameters():
        if ".lora_" in name or ".original_module." in name:
            continue
        for word in WRAPPED:
            name = name.replace(word, "")
        found[name] = weight.shape
    n_kept = sum(1 for name in inner.state_dict() if ".lora_" not in name and ".original_module." not in name)
    n_tied = 1 if inner.config.tie_word_embeddings and inner.get_output_embeddings() is not None else 0
    return found if n_kept == len(found) + n_tied else {}  # else there are buffers, or what was tied came apart

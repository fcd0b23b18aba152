"""A folder as transformers and peft load it.

In: questions of alone.py. Out: answers. Its own file because each program that reads an export knows only its own form.
Axes: B rows, T positions, N scored positions, V vocabulary, C classes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

LOADERS = {"encoder": AutoModel, "classifier": AutoModelForSequenceClassification, "language": AutoModelForCausalLM}
"""By what the folder holds: an encoder with a head beside it, a model with a head inside, a language model."""


@dataclass(frozen=True, slots=True)
class Alone:
    """What was loaded."""

    folder: Path
    model: Any
    tokenizer: Any
    device: str
    is_adapter: bool


def load(
    *,
    folder: str,
    base: str,
    kind: str,
    n_classes: int,
    n_embeddings: int,
    device: str,
    threads: int,
    trust: bool,
    **_: Any,
) -> Alone:
    """The folder. base: the model below an adapter, else empty. n_embeddings: an adapter may bring some."""
    torch.set_num_threads(threads)
    options: dict[str, Any] = {"dtype": torch.float32, "local_files_only": True, "trust_remote_code": trust}
    if base and kind == "classifier":
        options["num_labels"] = n_classes
    model: Any = LOADERS[kind].from_pretrained(base or folder, **options)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
    if base:
        from peft import PeftModel  # 3 s that a whole model does not need

        if model.get_input_embeddings().weight.shape[0] != n_embeddings:
            model.resize_token_embeddings(n_embeddings, mean_resizing=False)
        model = PeftModel.from_pretrained(model, folder)
        if kind == "classifier" and model.config.pad_token_id is None:
            model.config.pad_token_id = tokenizer.pad_token_id
    return Alone(Path(folder), model.to(device).eval(), tokenizer, device, is_adapter=bool(base))


def facts(alone: Alone) -> dict[str, Any]:
    """What the folder says of itself, and the versions that read it."""
    labels_file = alone.folder / "labels.txt"
    names = alone.model.config.id2label or {}
    generation = alone.model.generation_config if alone.model.can_generate() else None
    ends = generation.eos_token_id if generation else None
    target_file = alone.folder / "target.json"
    packages = ("torch", "transformers", "peft", "safetensors")
    return {
        "reader": "plain transformers" + (" and peft" if alone.is_adapter else ""),
        "unproven": "",
        "labels": labels_file.read_text(encoding="utf-8").splitlines() if labels_file.is_file() else [],
        "target": json.loads(target_file.read_text(encoding="utf-8")) if target_file.is_file() else {},
        "names": [names[i] for i in sorted(names)],
        "special": sorted(alone.tokenizer.all_special_ids),
        "template": alone.tokenizer.chat_template,
        "ends": ends if isinstance(ends, list) else [] if ends is None else [ends],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }


def prompt_ids(alone: Alone, *, texts: list[str], turns: list[Any], switches: dict[str, Any], special: bool) -> Any:
    """Token ids of texts, and of conversations that ask for an answer."""
    found = [alone.tokenizer(text, add_special_tokens=special)["input_ids"] for text in texts]
    for messages in turns:
        encoded = alone.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, **switches
        )
        found.append(encoded["input_ids"])
    return [list(ids) for ids in found]


def class_logits(alone: Alone, *, ids_BT: Any, mask_BT: Any) -> Any:
    """logits_BC; an encoder's vectors are averaged over real tokens and put through the head beside it."""
    ids, mask = (torch.from_numpy(array).to(alone.device) for array in (ids_BT, mask_BT))
    out = alone.model(input_ids=ids, attention_mask=mask)
    head_file = alone.folder / "head.safetensors"
    if "logits" in out:
        return out.logits.float().cpu().numpy()
    head = load_file(head_file, device=alone.device)
    real = mask[..., None].float()
    pooled = (out.last_hidden_state.float() * real).sum(1) / real.sum(1).clamp(min=1.0)
    return (pooled @ head["weight"].T + head["bias"]).float().cpu().numpy()


def scored_logits(alone: Alone, *, ids_BT: Any, mask_BT: Any, is_scored_BT: Any) -> Any:
    """logits_NV of the scored positions, row after row; the others are never computed."""
    ids, mask, is_scored = (torch.from_numpy(array).to(alone.device) for array in (ids_BT, mask_BT, is_scored_BT))
    inner = alone.model.get_base_model() if alone.is_adapter else alone.model
    hook = inner.get_output_embeddings().register_forward_pre_hook(
        lambda _, inputs: (inputs[0][is_scored].unsqueeze(0), *inputs[1:])
    )
    try:
        logits_NV = alone.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[0]
    finally:
        hook.remove()
    return logits_NV.float().cpu().numpy()


def written(alone: Alone, *, ids: list[int], max_new_tokens: int, ends: list[int]) -> list[int]:
    """Greedy continuation. ends: given where the folder cannot say itself what ends an answer (an adapter)."""
    ids_BT = torch.tensor([ids], device=alone.device)
    out = alone.model.generate(
        input_ids=ids_BT,
        attention_mask=torch.ones_like(ids_BT),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        **({"eos_token_id": ends} if ends else {}),
    )
    return [int(token) for token in out[0, len(ids) :]]


ANSWERS: dict[str, Callable[..., Any]] = {
    "facts": facts,
    "prompt_ids": prompt_ids,
    "class_logits": class_logits,
    "scored_logits": scored_logits,
    "written": written,
}

"""Trained weights to a standard folder and back.

In: a trained Loaded, or a train stage's folder. Out: `adapter/` or `model/` as transformers and peft read them, or the
same model loaded from there. Its own file because what evaluation measures must be what the user's software loads.
"""

from __future__ import annotations

import os
import shlex
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn

from tunewright.core.errors import ModelError
from tunewright.core.files import remove, writing
from tunewright.core.values import ModelCard, Task
from tunewright.model import target
from tunewright.model.classifier import HEAD_FILE, EncoderClassifier, load_head, save_head, write_labels
from tunewright.model.load import Loaded, load_model
from tunewright.model.pissa import save_as_lora
from tunewright.model.predict_script import predict_script

ADAPTER = "adapter"
MODEL = "model"


def save_trained(folder: Path, loaded: Loaded, *, max_length: int) -> Path:
    """folder/adapter (peft) or folder/model (transformers), tokenizer and chat template inside.

    Raises RunError when it cannot be written; nothing half-written takes the name.
    """
    final = folder / (ADAPTER if isinstance(body_of(loaded.model), PeftModel) else MODEL)
    work = folder / f".{final.name}.tmp"
    try:
        with writing(final):
            remove(work)
            save_folder(work, loaded, max_length=max_length)
            remove(final)
            os.replace(work, final)
    finally:
        remove(work)
    return final


def save_folder(folder: Path, loaded: Loaded, *, max_length: int) -> None:
    """Everything that a stranger's program needs: weights, tokenizer, chat template, head, labels.

    Raises RunError when it cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True)
        body_of(loaded.model).save_pretrained(str(folder))
        if loaded.taken_out is not None:
            save_as_lora(folder, start=loaded.taken_out)
        save_beside(folder, loaded, max_length=max_length)


def save_beside(folder: Path, loaded: Loaded, *, max_length: int) -> None:
    """The same but the weights that transformers and peft know of."""
    with writing(folder):
        loaded.tokenizer.save_pretrained(str(folder))
        if isinstance(loaded.model, EncoderClassifier):
            script = predict_script(loaded.task, max_length=max_length)
            save_head(folder, head=loaded.model.head, labels=loaded.labels, script=script)
        elif loaded.labels:
            write_labels(folder, loaded.labels)  # an adapter's config has no place for them
        if loaded.scale is not None:
            target.write_target(folder, name=loaded.labels[0], scale=loaded.scale)


def body_of(model: nn.Module) -> Any:
    """The transformers or peft model, without our classification head."""
    return model.encoder if isinstance(model, EncoderClassifier) else model


def load_trained(
    folder: Path,
    card: ModelCard,
    *,
    task: Task,
    labels: tuple[str, ...],
    device: str,
    dtype: str,
    trust: bool = False,
    quantization: str | None = None,
) -> Loaded:
    """The model that a finished train stage left in `folder`, as plain transformers and peft load it.

    quantization: of the base below an adapter.
    Raises ModelError when it is not there.
    """
    model_folder, adapter_folder = folder / MODEL, folder / ADAPTER
    if model_folder.is_dir():
        here = replace(card, path=str(model_folder))
        loaded = load_model(here, task=task, labels=labels, device=device, dtype=dtype, trust_remote_code=trust)
        _put_head(loaded.model, model_folder)
        return replace(loaded, card=card, scale=target.read_target(model_folder))
    if not adapter_folder.is_dir():
        raise ModelError("the trained model is not there", where=str(folder), fix=_train_again(folder))
    loaded = load_model(
        card,
        task=task,
        labels=labels,
        device=device,
        dtype=dtype,
        trust_remote_code=trust,
        quantization=quantization,
    )
    loaded = replace(loaded, scale=target.read_target(adapter_folder))
    body = body_of(loaded.model)
    with warnings.catch_warnings():  # a FutureWarning inside transformers, seen with 5.23
        warnings.simplefilter("ignore", FutureWarning)
        body = PeftModel.from_pretrained(body, str(adapter_folder))
    if not isinstance(loaded.model, EncoderClassifier):
        return replace(loaded, model=body.to(device).eval())
    loaded.model.encoder = body
    _put_head(loaded.model, adapter_folder)
    loaded.model.to(device).eval()
    return loaded


def _train_again(folder: Path) -> str:
    """folder: a train stage's, beside the plan of its run."""
    return f"tunewright train {shlex.quote(str(folder.parent / 'plan.yaml'))}"


def _put_head(model: nn.Module, folder: Path) -> None:
    if isinstance(model, EncoderClassifier):
        if not (folder / HEAD_FILE).is_file():
            fix = f"remove {folder.parent} and train again: {_train_again(folder.parent)}"
            raise ModelError("the classification head is missing", where=str(folder / HEAD_FILE), fix=fix)
        load_head(folder, head=model.head)

"""Trained weights to a standard folder and back.

In: a trained Loaded, or a train stage's folder. Out: `adapter/` or `model/` as transformers and peft read them, or the
same model loaded from there. Its own file because what evaluation measures must be what the user's software loads.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn

from tunewright.core.errors import ModelError
from tunewright.core.files import cannot_write, remove
from tunewright.core.values import ModelCard, Task
from tunewright.model.classifier import HEAD_FILE, EncoderClassifier, load_head, save_head
from tunewright.model.load import Loaded, load_model

ADAPTER = "adapter"
MODEL = "model"


def save_trained(folder: Path, loaded: Loaded, *, max_length: int) -> Path:
    """folder/adapter (peft) or folder/model (transformers), tokenizer and chat template inside.

    Raises RunError when it cannot be written; nothing half-written takes the name.
    """
    encoder_classifier = loaded.model if isinstance(loaded.model, EncoderClassifier) else None
    body: Any = encoder_classifier.encoder if encoder_classifier else loaded.model
    final = folder / (ADAPTER if isinstance(body, PeftModel) else MODEL)
    work = folder / f".{final.name}.tmp"
    try:
        remove(work)
        work.mkdir(parents=True)
        body.save_pretrained(str(work))
        loaded.tokenizer.save_pretrained(str(work))
        if encoder_classifier:
            save_head(work, head=encoder_classifier.head, labels=loaded.labels, max_length=max_length)
        remove(final)
        os.replace(work, final)
    except OSError as error:
        raise cannot_write(final, error) from error
    finally:
        remove(work)
    return final


def load_trained(
    folder: Path, card: ModelCard, *, task: Task, labels: tuple[str, ...], device: str, dtype: str, trust: bool = False
) -> Loaded:
    """The model that a finished train stage left in `folder`, as plain transformers and peft load it.

    Raises ModelError when it is not there.
    """
    model_folder, adapter_folder = folder / MODEL, folder / ADAPTER
    if model_folder.is_dir():
        here = replace(card, path=str(model_folder))
        loaded = load_model(here, task=task, labels=labels, device=device, dtype=dtype, trust_remote_code=trust)
        _put_head(loaded.model, model_folder)
        return replace(loaded, card=card)
    if not adapter_folder.is_dir():
        raise ModelError("the trained model is not there", where=str(folder), fix="tunewright train PLAN")
    loaded = load_model(card, task=task, labels=labels, device=device, dtype=dtype, trust_remote_code=trust)
    if isinstance(loaded.model, EncoderClassifier):
        loaded.model.encoder = PeftModel.from_pretrained(loaded.model.encoder, str(adapter_folder))
        _put_head(loaded.model, adapter_folder)
        loaded.model.to(device).eval()
        return loaded
    inner: Any = loaded.model
    return replace(loaded, model=PeftModel.from_pretrained(inner, str(adapter_folder)).to(device).eval())


def _put_head(model: nn.Module, folder: Path) -> None:
    if isinstance(model, EncoderClassifier):
        if not (folder / HEAD_FILE).is_file():
            raise ModelError("the classification head is missing", where=str(folder / HEAD_FILE))
        load_head(folder, head=model.head)

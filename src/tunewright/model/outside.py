"""A model folder that something else has made, ready to run.

In: Subject of a path:FOLDER. Out: Loaded. Its own file because other tools' folders come in more kinds than ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict

from tunewright.core.errors import ModelError
from tunewright.core.scale import Scale
from tunewright.core.systems import folder_of
from tunewright.core.values import ModelCard, Subject, Task
from tunewright.model.card import OUTPUT_LAYER, TOKEN_EMBEDDING, model_card
from tunewright.model.class_names import class_names
from tunewright.model.classifier import HEAD_FILE, EncoderClassifier, load_head
from tunewright.model.files import TensorHeader, tensor_headers
from tunewright.model.load import Loaded, load_classifier, load_model, load_tokenizer
from tunewright.model.outside_folder import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    OutsideFolder,
    made_from,
    outside_folder,
    own_labels,
    refuse_unsuitable,
)
from tunewright.model.target import read_target


def load_outside(subject: Subject) -> Loaded:
    """The folder's model with its own tokenizer and template, in evaluation mode.

    labels: the classes in the model's own order, spelled as the run spells them; empty for a language model that is
    asked for labels by name. An adapter goes on the subject's card; its tokenizer, when it brings none, is the base's.
    Raises ModelError: unsafe, half, of another size than its base, or of a kind that has no answer to the task.
    """
    outside = outside_folder(Path(subject.folder), trust_remote_code=subject.trust_remote_code)
    facts = answering(
        outside,
        base=subject.card,
        task=subject.task,
        labels=subject.labels,
        trust_remote_code=subject.trust_remote_code,
    )
    loaded = _body(outside, subject, facts)
    if outside.is_adapter:
        loaded = _with_adapter(loaded, outside, trust_remote_code=subject.trust_remote_code)
    if isinstance(loaded.model, EncoderClassifier):
        _put_head(loaded.model, outside, n_classes=len(facts.labels))
    loaded.model.to(subject.device).eval()
    if subject.task == "multilabel":
        loaded = replace(loaded, task="multilabel")
    if subject.task == "regress":  # a model of another tool answers in the unit of its rows
        loaded = replace(loaded, task="regress", scale=read_target(outside.path) or Scale(0.0, 1.0))
    return loaded


def outside_subject(system: str, *, beside: Subject) -> Subject:
    """A path:FOLDER that is measured beside another model: the same rows, labels and device, its own base.

    Raises ModelError when its base cannot be found.
    """
    outside = outside_folder(folder_of(system), trust_remote_code=beside.trust_remote_code)
    card = made_from(outside, trust_remote_code=beside.trust_remote_code)
    return replace(beside, name=system, folder=str(outside.path), card=card, quantization=None)


@dataclass(frozen=True, slots=True)
class Answering:
    """What is known of the model that answers before it is loaded."""

    card: ModelCard
    """Of a whole folder its own; of an adapter its base's, with the template that the adapter brings."""
    labels: tuple[str, ...]
    """Its classes in its own order, as the run spells them; empty for a language model."""


def answering(
    outside: OutsideFolder, *, base: ModelCard, task: Task, labels: tuple[str, ...], trust_remote_code: bool
) -> Answering:
    """labels: the run's.

    Raises ModelError when the model has no answer to the task, or its classes are not the labels.
    """
    card = base
    if not outside.is_adapter:
        card = model_card(str(outside.path), folder=outside.path, trust_remote_code=trust_remote_code)
    elif outside.has_tokenizer:
        card = replace(base, has_chat_template=outside.has_chat_template)
    refuse_unsuitable(outside, task=task, card=card)
    if outside.kind == "language":
        return Answering(card, ())
    if task == "regress":
        return Answering(card, labels)
    return Answering(card, class_names(own_labels(outside, base=base), labels=labels, where=str(outside.path)))


def _body(outside: OutsideFolder, subject: Subject, facts: Answering) -> Loaded:
    """The model without the adapter."""
    if outside.kind == "classifier":
        return load_classifier(
            facts.card,
            labels=facts.labels,
            device=subject.device,
            dtype=subject.dtype,
            trust_remote_code=subject.trust_remote_code,
            is_head_given=not outside.is_adapter,
        )
    return load_model(
        facts.card,
        task=subject.task,
        labels=facts.labels,
        device=subject.device,
        dtype=subject.dtype,
        trust_remote_code=subject.trust_remote_code,
        with_head=outside.kind == "head",
    )


def _with_adapter(loaded: Loaded, outside: OutsideFolder, *, trust_remote_code: bool) -> Loaded:
    if outside.has_tokenizer:
        tokenizer = load_tokenizer(outside.path, trust_remote_code=trust_remote_code)
        loaded = replace(loaded, tokenizer=tokenizer)
    is_headed = isinstance(loaded.model, EncoderClassifier)
    inner: Any = loaded.model.encoder if is_headed else loaded.model
    saved = tensor_headers(outside.path / ADAPTER_WEIGHTS)
    _fit_vocabulary(inner, loaded, outside, saved=saved)
    try:
        with warnings.catch_warnings():  # what does not fit is found below, and said in our own words
            warnings.simplefilter("ignore")
            wrapped = PeftModel.from_pretrained(inner, str(outside.path))
            expected = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, ImportError, OSError) as error:
        raise _misfit(outside, loaded.card, why=_reason(error)) from error
    _refuse_partial(outside, loaded.card, expected=expected, saved=saved)
    if not is_headed:
        return replace(loaded, model=wrapped)
    loaded.model.encoder = wrapped
    return loaded


def _fit_vocabulary(model: Any, loaded: Loaded, outside: OutsideFolder, *, saved: Mapping[str, TensorHeader]) -> None:
    """As many embeddings as the adapter brings; its tokens must have one each."""
    rows = [
        header.shape[0]
        for name, header in saved.items()
        if TOKEN_EMBEDDING.search(name.replace(".modules_to_save", ""))
    ]
    n_rows = model.get_input_embeddings().weight.shape[0]
    if rows and rows[0] != n_rows:
        model.resize_token_embeddings(rows[0], mean_resizing=False)
        n_rows = rows[0]
    n_tokens = max(loaded.tokenizer.get_vocab().values()) + 1
    if n_tokens > n_rows:
        raise _misfit(
            outside,
            loaded.card,
            why=f"the tokenizer has {n_tokens:,} tokens, the model knows {n_rows:,}: the added ones were not saved",
        )


def _refuse_partial(outside: OutsideFolder, card: ModelCard, *, expected: Iterable[str], saved: Iterable[str]) -> None:
    """Every weight of the adapter has its place in the base, and every place its weight: nothing is made up."""
    missing = sorted(set(expected) - set(saved))
    left_over = sorted(
        name for name in set(saved) - set(expected) if not (TOKEN_EMBEDDING.search(name) or OUTPUT_LAYER.search(name))
    )
    if missing:
        raise _misfit(outside, card, why=f"the adapter lacks {missing[0]}, one of {len(missing)} weights that it needs")
    if left_over:
        raise _misfit(
            outside, card, why=f"the base has no place for {left_over[0]}, one of {len(left_over)} such weights"
        )


def _put_head(model: EncoderClassifier, outside: OutsideFolder, *, n_classes: int) -> None:
    file = outside.path / HEAD_FILE
    shape = tensor_headers(file)["weight"].shape
    wanted = (n_classes, model.head.in_features)
    if shape != wanted:
        raise ModelError(
            f"the classification head is {shape[0]} x {shape[1]}, and {wanted[0]} x {wanted[1]} is needed",
            where=str(file),
            why="rows are the classes of labels.txt, columns the width of the encoder",
            fix="write one name a line into labels.txt, in class order",
        )
    load_head(outside.path, head=model.head)


def _misfit(outside: OutsideFolder, card: ModelCard, *, why: str) -> ModelError:
    return ModelError(
        f"the adapter {outside.path.name} does not fit the model {card.name}",
        where=str(outside.path),
        why=why,
        fix=f"name the base that it was trained on: model.name=BASE, or base_model_name_or_path in {ADAPTER_CONFIG}",
    )


def _reason(error: Exception) -> str:
    """The line that says which weight differs; torch puts it second."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "size mismatch" in line), lines[0])

"""A card becomes a model and its tokenizer on a device.

In: ModelCard, task, labels. Out: Loaded. Its own file because this is the one place that calls from_pretrained, and
so the one place where unsafe files and remote code are refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tunewright.core.errors import ModelError
from tunewright.core.scale import Scale
from tunewright.core.tasks import PROBLEMS, has_head
from tunewright.core.values import ModelCard, Task
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.device import refuse_absent
from tunewright.model.files import CONFIG, read_json
from tunewright.model.quantised import WHOLE_TYPES, quantise
from tunewright.text.chat import Tokenizer

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

TEXT_SUFFIXES = (".json", ".jinja", ".txt", ".model", ".py")
"""Of the files that make a tokenizer."""
POOLERS = ("bert", "roberta", "xlm-roberta")
"""Families whose encoder brings a layer that only its own classifier reads."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run. The weights are state; everything else here is not."""

    model: nn.Module
    """With a head (classify, regress): of an encoder EncoderClassifier, of a decoder ...ForSequenceClassification;
    else ...ForCausalLM.
    Of another tool also an encoder's own ...ForSequenceClassification."""
    tokenizer: Tokenizer
    card: ModelCard
    task: Task
    labels: tuple[str, ...]
    """In the order of the head's classes; regress: the number's name. Empty without a head: then a classifier is asked
    for the names."""
    device: str
    dtype: torch.dtype
    """Type of the matrix products (autocast); the weights are float32."""
    scale: Scale | None = None
    """regress: of the numbers that it learned; its own answer is in deviations from their mean."""
    taken_out: Mapping[str, torch.Tensor] | None = None
    """The adapter as it started, where that start was taken out of the weights below it (model/pissa)."""
    quantization: str | None = None
    """In what the matrices of the blocks are kept: nf4, int8 (model/quantised)."""

    @property
    def pad_id(self) -> int:
        return pad_id(self.tokenizer)


def pad_id(tokenizer: Tokenizer) -> int:
    """Any valid id does, because padding is masked by position; the tokenizer's own where it has one."""
    for candidate in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0):
        if candidate is not None:
            return int(candidate)
    raise AssertionError("0 is always there")


def load_tokenizer(path: str | Path, *, trust_remote_code: bool = False) -> Tokenizer:
    """The folder's fast tokenizer.

    Raises ModelError when there is none: masks need character offsets, which only fast tokenizers give.
    """
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(path), trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise ModelError(
            "the tokenizer cannot be loaded",
            where=str(path),
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="a model folder needs tokenizer.json and tokenizer_config.json beside config.json",
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(
            "this model has no fast tokenizer (tokenizer.json)",
            where=str(path),
            fix="AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) in Python writes tokenizer.json",
        )
    return tokenizer


def shared_tokenizer(path: str | Path, *, trust_remote_code: bool = False) -> Tokenizer:
    """The same for all who only read with it, loaded once in a process: a vocabulary of 49,000 takes .3 s each time.

    Raises as load_tokenizer.
    """
    folder = Path(path)
    small = sorted(file for file in folder.iterdir() if file.suffix in TEXT_SUFFIXES) if folder.is_dir() else []
    stamps = tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in small)
    return _shared_tokenizer(str(path), stamps, trust_remote_code)


@lru_cache(maxsize=4)
def _shared_tokenizer(path: str, _: tuple[tuple[str, int, int], ...], trust_remote_code: bool) -> Tokenizer:
    return load_tokenizer(path, trust_remote_code=trust_remote_code)


def load_model(
    card: ModelCard,
    *,
    task: Task,
    labels: tuple[str, ...] = (),
    device: str = "cpu",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    with_head: bool = True,
    quantization: str | None = None,
) -> Loaded:
    """The pre-trained model with a fresh head where the task needs one; float32 weights, evaluation mode.

    quantization: nf4 or int8 keeps the matrices of the blocks in few bits.
    with_head: False gives the bare language model or encoder (for vectors and zero-shot scores).
    The head's start comes from torch's generator: seed it before.
    Raises ModelError when the files do not make a model, PlanError when the device is not here, MissingExtra.
    """
    refuse_absent(device)
    tokenizer = load_tokenizer(card.path, trust_remote_code=trust_remote_code)
    try:
        with _quiet():
            stored = card.dtype if quantization and card.dtype in WHOLE_TYPES else "float32"
            options = {"dtype": getattr(torch, stored), "trust_remote_code": trust_remote_code}
            model = _build(card, task=task, labels=labels, options=options, with_head=with_head)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _unloadable(card, error) from error
    if has_head(task) and card.architecture == "decoder" and with_head:
        model.config.pad_token_id = pad_id(tokenizer)
    model.eval()
    products: torch.dtype = getattr(torch, dtype)
    if quantization:
        body = model.encoder if isinstance(model, EncoderClassifier) else model
        quantise(body, quantization, dtype=products, device=device)
    return Loaded(model.to(device), tokenizer, card, task, labels, device, products, quantization=quantization)


def _build(card: ModelCard, *, task: Task, labels: tuple[str, ...], options: Mapping[str, Any], with_head: bool) -> Any:
    options = {**options, "use_safetensors": True}
    if card.architecture == "encoder":
        extra = {"add_pooling_layer": False} if card.model_type in POOLERS else {}
        encoder = AutoModel.from_pretrained(card.path, **options, **extra)
        if not (has_head(task) and with_head):
            return encoder
        return EncoderClassifier(encoder, hidden_size=card.hidden_size, n_classes=len(labels))
    if has_head(task) and with_head:
        return AutoModelForSequenceClassification.from_pretrained(
            card.path,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={name: i for i, name in enumerate(labels)},
            **({"problem_type": PROBLEMS[task]} if task in PROBLEMS else {}),
            **options,
        )
    return AutoModelForCausalLM.from_pretrained(card.path, **options)


def refuse_unknown_family(card: ModelCard, *, trust_remote_code: bool = False) -> None:
    """Raises ModelError when the installed transformers has no code for this architecture and the model brings none."""
    has_own_code = trust_remote_code and "auto_map" in read_json(Path(card.path) / CONFIG)
    if card.path and card.model_type not in transformers.CONFIG_MAPPING and not has_own_code:
        raise ModelError(
            f"transformers {transformers.__version__} does not know the architecture {card.model_type or 'it has'}",
            where=str(Path(card.path) / CONFIG),
            why="its model_type names none of the families that this version has code for",
            fix="pip install -U transformers, or another model: tunewright models list WORD",
        )


def load_classifier(
    card: ModelCard, *, labels: tuple[str, ...], device: str, dtype: str, trust_remote_code: bool, is_head_given: bool
) -> Loaded:
    """transformers' own ...ForSequenceClassification of the card's folder, whatever the architecture.

    labels: one a class. is_head_given: False: the folder is the base of an adapter that brings the head.
    Raises ModelError when the folder lacks weights of it: a fresh random head would answer by chance.
    """
    tokenizer = load_tokenizer(card.path, trust_remote_code=trust_remote_code)
    try:
        with _quiet():
            model, info = AutoModelForSequenceClassification.from_pretrained(
                card.path,
                num_labels=len(labels),
                dtype=torch.float32,
                trust_remote_code=trust_remote_code,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=not is_head_given,
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _unloadable(card, error) from error
    missing = sorted(info["missing_keys"])
    if missing and is_head_given:
        raise ModelError(
            f"the classifier is not whole: {missing[0]} is missing",
            where=card.path,
            why="what is missing would be made up at random",
            fix="save the whole model again, its head included",
        )
    model.config.pad_token_id = pad_id(tokenizer)
    return Loaded(model.to(device).eval(), tokenizer, card, "classify", labels, device, getattr(torch, dtype))


def _unloadable(card: ModelCard, error: Exception) -> ModelError:
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError("the model cannot be loaded", where=card.path, why=why, fix="tunewright doctor")


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers warns about heads it did not find and GGUF details: expected here, and said in our own words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

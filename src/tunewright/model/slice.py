"""A model's architecture with few blocks and random weights: each block as large as the real one's.

In: ModelCard, how many blocks, the task. Out: Loaded, as load_model gives it. Its own file because it reads the
folder's config.json and no weights: what a training needs is known before anything is loaded.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification
from transformers.initialization import no_init_weights

from tunewright.core.tasks import has_head
from tunewright.core.values import ModelCard, Task
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.load import Loaded
from tunewright.model.quantised import quantise
from tunewright.text.chat import Tokenizer

N_RANDOM = 65_537
"""Random numbers that fill every weight again and again: drawing 28 M of them took a second. A prime, so that no two
rows of a matrix are the same."""


def slice_of(
    card: ModelCard,
    *,
    n_blocks: int,
    tokenizer: Tokenizer,
    task: Task,
    labels: tuple[str, ...],
    dtype: str,
    trust_remote_code: bool = False,
    quantization: str | None = None,
) -> Loaded:
    """On the processor, with the card's number of blocks changed. Embedding and output layer are whole."""
    config = AutoConfig.from_pretrained(card.path, trust_remote_code=trust_remote_code)
    for name, value in list(vars(config).items()):
        if isinstance(value, list) and len(value) == card.n_layers:  # layer_types and its like: one word a block
            setattr(config, name, value[:n_blocks])
    config.num_hidden_layers = n_blocks
    with warnings.catch_warnings(), no_init_weights():
        warnings.simplefilter("ignore")
        model = _built(config, card=card, task=task, labels=labels, trust_remote_code=trust_remote_code)
    _fill(model)
    here = getattr(torch, dtype)
    if quantization:
        body = model.encoder if isinstance(model, EncoderClassifier) else model
        quantise(body, quantization, dtype=here, device="cpu")
    small = replace(card, n_layers=n_blocks)
    return Loaded(model.eval(), tokenizer, small, task, labels, "cpu", here, quantization=quantization)


def _built(config: Any, *, card: ModelCard, task: Task, labels: tuple[str, ...], trust_remote_code: bool) -> Any:
    options: dict[str, Any] = {"dtype": torch.float32, "trust_remote_code": trust_remote_code}
    if card.architecture == "encoder":
        extra = {"add_pooling_layer": False} if card.model_type in ("bert", "roberta", "xlm-roberta") else {}
        encoder = AutoModel.from_config(config, **options, **extra)
        return EncoderClassifier(encoder, hidden_size=card.hidden_size, n_classes=len(labels))
    if has_head(task):
        config.num_labels, config.pad_token_id = len(labels), 0
        return AutoModelForSequenceClassification.from_config(config, **options)
    model = AutoModelForCausalLM.from_config(config, **options)
    model.tie_weights()
    return model


def _fill(model: nn.Module) -> None:
    numbers = torch.empty(N_RANDOM).uniform_(-0.05, 0.05, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for p in model.parameters():
            times = -(-p.numel() // N_RANDOM)
            p.view(-1).copy_(numbers.expand(times, -1).reshape(-1)[: p.numel()])

"""A card's architecture with random weights: what a training from scratch starts with.

In: ModelCard, task, labels, a seed. Out: Loaded. Its own file because no number of the checkpoint may get into it: only
its config and its tokenizer are read.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from tunewright.core.tasks import PROBLEMS, has_head
from tunewright.core.values import ModelCard, Task
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.load import POOLERS, Loaded, load_tokenizer, pad_id


def fresh_model(
    card: ModelCard, *, task: Task, labels: tuple[str, ...], device: str, dtype: str, trust_remote_code: bool, seed: int
) -> Loaded:
    """As `load_model` makes it, but every weight is drawn anew, as the architecture itself draws it; the same for a
    seed."""
    tokenizer = load_tokenizer(card.path, trust_remote_code=trust_remote_code)
    config = AutoConfig.from_pretrained(card.path, trust_remote_code=trust_remote_code)
    options = {"dtype": torch.float32, "trust_remote_code": trust_remote_code}
    torch.manual_seed(seed)
    model: Any
    if card.architecture == "encoder":
        extra = {"add_pooling_layer": False} if card.model_type in POOLERS else {}
        encoder = AutoModel.from_config(config, **options, **extra)
        model = EncoderClassifier(encoder, hidden_size=card.hidden_size, n_classes=len(labels))
    elif has_head(task):
        config.id2label, config.label2id = dict(enumerate(labels)), {name: i for i, name in enumerate(labels)}
        config.pad_token_id = pad_id(tokenizer)
        if task in PROBLEMS:
            config.problem_type = PROBLEMS[task]
        model = AutoModelForSequenceClassification.from_config(config, **options)
    else:
        model = AutoModelForCausalLM.from_config(config, **options)
    return Loaded(model.to(device).eval(), tokenizer, card, task, labels, device, getattr(torch, dtype))

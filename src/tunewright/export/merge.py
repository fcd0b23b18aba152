"""An adapter added into the weights below it: one plain model that answers the same.

In: Loaded, with or without an adapter. Out: Loaded without one. Its own file because tied embeddings break here when
nobody looks.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from tunewright.core.errors import ExportError
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.forward import unwrapped
from tunewright.model.load import Loaded
from tunewright.model.trained import body_of


def merged(loaded: Loaded) -> Loaded:
    """The same answers without an adapter. Memory: one more copy of the model; `loaded` stays as it is.

    Raises ExportError for an adapter of a kind that cannot be added into weights, and for weights in few bits.
    """
    if not isinstance(body_of(loaded.model), PeftModel):
        return loaded
    if loaded.quantization:
        raise ExportError(
            f"an adapter cannot be added into weights in {loaded.quantization}",
            where="export.targets",
            why="the sum would be rounded again",
            fix="tunewright export RUN: it adds the adapter into the base as it was before",
        )
    model = copy.deepcopy(loaded.model)
    body = body_of(model)
    _untie_changed_embeddings(body)
    try:
        with warnings.catch_warnings():  # peft says that it writes tie_word_embeddings: false, which is right here
            warnings.simplefilter("ignore")
            whole: Any = body.merge_and_unload(safe_merge=True)
    except (NotImplementedError, AttributeError, TypeError, ValueError) as error:
        kind = next(iter(body.peft_config.values())).peft_type.value
        raise ExportError(
            f"an adapter of the kind {kind} cannot be merged",
            where="export.targets",
            why=str(error).splitlines()[0] if str(error) else "",
            fix="export.targets=[adapter]",
        ) from error
    if not isinstance(model, EncoderClassifier):
        return replace(loaded, model=whole)
    model.encoder = whole
    return replace(loaded, model=model)


def _untie_changed_embeddings(body: PeftModel) -> None:
    """Give the output layer weights of its own where an adapter changes it or the input embedding.

    While they share memory, what is added to one is added to both, and the merged model is another one.
    Source: LLaMA-Factory issue 6749, transformers issue 45127.
    """
    inner = unwrapped(body)
    layers = [inner.get_input_embeddings(), inner.get_output_embeddings()]
    changed = [layer for layer in layers if isinstance(layer, BaseTunerLayer)]
    source, target = (layer.get_base_layer() if isinstance(layer, BaseTunerLayer) else layer for layer in layers)
    if changed and target is not None and target.weight is source.weight:
        target.weight = nn.Parameter(source.weight.detach().clone(), requires_grad=False)

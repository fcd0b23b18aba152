"""One pass through the model, with the output layer only where an answer is trained or scored.

In: a model and a Batch. Out: logits of the trained positions, or class logits. Its own file because training and
scoring must compute the same numbers, and because the output layer is most of a small model's work: 49,152 x 576 of
SmolLM2's 134.5 M weights, needed for the answer's tokens only.
Axes: B rows, T positions, N trained positions, V vocabulary, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn

from tunewright.core.values import IGNORE
from tunewright.model.classifier import EncoderClassifier
from tunewright.text.batch import Batch


def precision(device: str, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """Matrix products in `dtype`; weights, sums and the loss stay float32."""
    return torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32)


def class_logits(model: nn.Module, batch: Batch) -> Tensor:
    """logits_BC in float32."""
    if isinstance(model, EncoderClassifier):
        logits_BC: Tensor = model(batch.ids_BT, batch.mask_BT)
        return logits_BC.float()
    return torch.as_tensor(model(input_ids=batch.ids_BT, attention_mask=batch.mask_BT).logits).float()


def trained_logits(model: nn.Module, batch: Batch) -> Tensor:
    """logits_NV in float32 of the positions whose next token is trained on, row after row.

    The hidden states are narrowed by a hook in front of the model's own output layer, so whatever the family does to
    its logits (scaling, soft caps) still happens, and no logits of other positions ever exist.
    """
    is_trained_BT = batch.targets_BT != IGNORE
    output_layer = unwrapped(model).get_output_embeddings()

    def narrow(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0][is_trained_BT].unsqueeze(0), *inputs[1:])

    hook = output_layer.register_forward_pre_hook(narrow)
    try:
        out = model(input_ids=batch.ids_BT, attention_mask=batch.mask_BT, use_cache=False)
    finally:
        hook.remove()
    return torch.as_tensor(out.logits)[0].float()


def trained_hidden(model: nn.Module, batch: Batch) -> Tensor:
    """hidden_NH in front of the output layer, of the same positions as trained_logits."""
    out = unwrapped(model).base_model(input_ids=batch.ids_BT, attention_mask=batch.mask_BT, use_cache=False)
    return torch.as_tensor(out.last_hidden_state)[batch.targets_BT != IGNORE]


def put_on(module: Any, forward: Callable[..., Any]) -> Callable[[], None]:
    """Give one module another forward; the answer takes it off again, and leaves whatever was there before."""
    before = vars(module).get("forward")
    module.forward = forward

    def take_off() -> None:
        if before is None:
            del module.forward
        else:
            module.forward = before

    return take_off


def unwrapped(model: nn.Module) -> Any:
    """The model below peft's wrapper, if there is one."""
    return model.get_base_model() if isinstance(model, PeftModel) else model

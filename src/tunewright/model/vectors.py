"""One vector a text, from a frozen model: the mean of its last layer's token vectors, or of each layer's.

In: a bare model and encoded texts. Out: vectors_NH, or vectors_LNH, in float32. Its own file because the base encoder's
cosine, the linear probe and the scores of a race all start from these.
Axes: L layers, N texts, H vector width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tunewright.core.values import Encoded
from tunewright.model.classifier import mean_pooled
from tunewright.model.forward import precision, unwrapped
from tunewright.model.load import Loaded
from tunewright.model.trained import body_of
from tunewright.text.batch import batch_of, by_length

SCORING_TOKENS = 8_192
"""Padded tokens of one forward pass without gradients: about 100 MB of activations at width 576."""


def text_vectors(
    loaded: Loaded, encoded: Sequence[Encoded], *, progress: Callable[[int], None] = lambda _: None
) -> npt.NDArray[np.float32]:
    """Vectors in the order of `encoded`, whatever head the model has; progress is told how many rows are done."""
    body = unwrapped(body_of(loaded.model)).base_model
    out = np.zeros((len(encoded), loaded.card.hidden_size), dtype=np.float32)
    done = 0
    for group in by_length(encoded, max_tokens=SCORING_TOKENS):
        batch = batch_of([encoded[i] for i in group], pad_id=loaded.pad_id, device=loaded.device)
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            states_BTH = body(input_ids=batch.ids_BT, attention_mask=batch.mask_BT).last_hidden_state
            pooled = mean_pooled(states_BTH, mask_BT=batch.mask_BT)
        out[list(group)] = pooled.float().cpu().numpy()
        done += len(group)
        progress(done)
    return out


def layer_vectors(loaded: Loaded, encoded: Sequence[Encoded]) -> npt.NDArray[np.float32]:
    """Of every block, lowest first, in the order of `encoded`: L N H. Word vectors are left out."""
    out = np.zeros((loaded.card.n_layers, len(encoded), loaded.card.hidden_size), dtype=np.float32)
    options = {} if loaded.card.architecture == "encoder" else {"logits_to_keep": 1}
    for group in by_length(encoded, max_tokens=SCORING_TOKENS):
        batch = batch_of([encoded[i] for i in group], pad_id=loaded.pad_id, device=loaded.device)
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            result = loaded.model(
                input_ids=batch.ids_BT, attention_mask=batch.mask_BT, output_hidden_states=True, **options
            )
        for layer, states in enumerate(result.hidden_states[1:]):
            out[layer, list(group)] = mean_pooled(states, mask_BT=batch.mask_BT).float().cpu().numpy()
    return out

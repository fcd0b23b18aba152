"""How likely each class is for a text.

In: a model with a classification head and encoded texts. Out: probabilities. Its own file because evaluation,
prediction, explanation and the export's check must ask in the same way.
Axes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.errors import ModelError
from tunewright.core.values import Encoded
from tunewright.model.forward import class_logits, precision
from tunewright.model.load import Loaded
from tunewright.model.vectors import SCORING_TOKENS
from tunewright.text.batch import batch_of, by_length


def class_probabilities(
    loaded: Loaded, encoded: Sequence[Encoded], *, progress: Callable[[int], None] = lambda _: None
) -> NDArray[np.float64]:
    """p_NC in the order of `encoded` and of the model's labels; batched by length, so the same rows give the same.

    Raises ModelError when the model has no classes: a language model is asked for label names, without probabilities.
    """
    if not loaded.labels:
        raise ModelError(
            "this language model has no classification head, so its labels have no probabilities",
            where=loaded.card.name,
            why="it can only be asked which label name it finds likeliest, which evaluate does",
            fix="evaluate it, or tune it here to labels: evaluate.systems=[tuned, base]",
        )
    p_NC = np.zeros((len(encoded), len(loaded.labels)))
    done = 0
    for group in by_length(encoded, max_tokens=SCORING_TOKENS):
        batch = batch_of([encoded[i] for i in group], pad_id=loaded.pad_id, device=loaded.device)
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            p_NC[list(group)] = class_logits(loaded.model, batch).softmax(-1).cpu().numpy()
        done += len(group)
        progress(done)
    return p_NC

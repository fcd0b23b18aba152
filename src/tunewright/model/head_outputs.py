"""What a head says of texts, batch by batch.

In: a model with a head and encoded texts. Out: one line of outputs a text, or the number that they stand for. Its own
file because evaluation, prediction, explanation and the export's check must ask in the same way.
Axes: N rows, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.errors import ModelError
from tunewright.core.values import Encoded
from tunewright.model.forward import class_logits, precision
from tunewright.model.load import Loaded
from tunewright.model.target import TARGET_FILE
from tunewright.model.vectors import SCORING_TOKENS
from tunewright.text.batch import batch_of, by_length

Progress = Callable[[int], None]


def head_outputs(
    loaded: Loaded, encoded: Sequence[Encoded], *, read: Callable[[Tensor], Tensor], progress: Progress
) -> NDArray[np.float64]:
    """read(logits) of every text, NC, in the order of `encoded`; batched by length, so the same rows give the same."""
    out_NC = np.zeros((len(encoded), len(loaded.labels)))
    done = 0
    for group in by_length(encoded, max_tokens=SCORING_TOKENS):
        batch = batch_of([encoded[i] for i in group], pad_id=loaded.pad_id, device=loaded.device)
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            out_NC[list(group)] = read(class_logits(loaded.model, batch)).cpu().numpy()
        done += len(group)
        progress(done)
    return out_NC


def predicted_numbers(
    loaded: Loaded, encoded: Sequence[Encoded], *, progress: Progress = lambda _: None
) -> NDArray[np.float64]:
    """Numbers in the unit of the train rows.

    Raises ModelError when nothing says what a deviation of the model is worth.
    """
    if loaded.scale is None:
        raise ModelError(
            "this model's numbers have no unit: the mean and deviation of its train rows are not known",
            where=loaded.card.name,
            fix=f'{{"mean": 0, "deviation": 1}} in {TARGET_FILE} beside it, if it answers in the unit of the rows',
        )
    outputs_N1 = head_outputs(loaded, encoded, read=lambda logits: logits, progress=progress)
    return loaded.scale.mean + loaded.scale.deviation * outputs_N1[:, 0]

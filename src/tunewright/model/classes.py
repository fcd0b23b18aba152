"""How likely each class is for a text.

In: a model with a classification head and encoded texts. Out: probabilities. Its own file because evaluation,
prediction, explanation and the export's check must ask in the same way.
Axes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.errors import ModelError
from tunewright.core.values import Encoded
from tunewright.model.head_outputs import head_outputs
from tunewright.model.load import Loaded


def class_probabilities(
    loaded: Loaded, encoded: Sequence[Encoded], *, progress: Callable[[int], None] = lambda _: None
) -> NDArray[np.float64]:
    """p_NC in the order of `encoded` and of the model's labels; batched by length, so the same rows give the same.

    They sum to 1; multilabel: each stands for itself.
    Raises ModelError when the model has no classes: a language model is asked for label names, without probabilities.
    """
    if not loaded.labels:
        raise ModelError(
            "this language model has no classification head, so its labels have no probabilities",
            where=loaded.card.name,
            why="it can only be asked which label name it finds likeliest, which evaluate does",
            fix="evaluate it, or tune it here to labels: evaluate.systems=[tuned, base]",
        )
    read = torch.sigmoid if loaded.task == "multilabel" else partial(torch.softmax, dim=-1)
    return head_outputs(loaded, encoded, read=read, progress=progress)

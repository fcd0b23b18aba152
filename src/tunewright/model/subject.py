"""A model that answers, ready to run: the one a run trained, or an outside folder that it measures.

In: Subject. Out: Loaded. Its own file because predicting, chatting, explaining, exporting and evaluating must all load
what they work on in the same way.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tunewright.core.values import Subject
from tunewright.model.load import Loaded, load_model
from tunewright.model.outside import load_outside
from tunewright.model.trained import load_trained

TUNED = "tuned"


def load_subject(subject: Subject) -> Loaded:
    """The model in evaluation mode, on its device; torch uses the subject's threads from here on.

    Raises ModelError when its folder is gone, unsafe or of another kind.
    """
    torch.set_num_threads(subject.threads)
    if subject.name != TUNED:
        return load_outside(subject)
    return load_trained(
        Path(subject.folder),
        subject.card,
        task=subject.task,
        labels=subject.labels,
        device=subject.device,
        dtype=subject.dtype,
        trust=subject.trust_remote_code,
    )


def load_base(subject: Subject) -> Loaded:
    """The model that the subject was made from, without a head: language model or bare encoder."""
    torch.set_num_threads(subject.threads)
    return load_model(
        subject.card,
        task=subject.task,
        device=subject.device,
        dtype=subject.dtype,
        trust_remote_code=subject.trust_remote_code,
        with_head=False,
    )

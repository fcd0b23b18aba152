"""A model that answers, ready to run: the one a run trained, or an outside folder that it measures.

In: Subject. Out: Loaded. Its own file because predicting, chatting, explaining, exporting and evaluating must all load
what they work on in the same way.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import torch

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.values import Subject
from tunewright.model.load import Loaded, load_model
from tunewright.model.outside import load_outside
from tunewright.model.trained import load_trained

TUNED = "tuned"


def warn(event: object) -> None:
    """Tells a program that listens to no events, as Python tells its warnings."""
    if isinstance(event, NoteEvent):
        warnings.warn(event.text, stacklevel=4)


def load_subject(subject: Subject, *, tell: Tracker = warn) -> Loaded:
    """The model in evaluation mode, on its device; torch uses the subject's threads from here on.

    A device that this machine does not have is the cpu, and said: a run may come from another machine.
    Raises ModelError when its folder is gone, unsafe or of another kind.
    """
    torch.set_num_threads(subject.threads)
    subject = replace(subject, device=_device(subject.device, tell=tell))
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
        quantization=subject.quantization,
    )


def load_base(subject: Subject) -> Loaded:
    """The model that the subject was made from, without a head: language model or bare encoder.

    In few bits where the subject stands on it so: what training did is told apart from what rounding did.
    """
    torch.set_num_threads(subject.threads)
    return load_model(
        subject.card,
        task=subject.task,
        device=_device(subject.device, tell=warn),
        dtype=subject.dtype,
        trust_remote_code=subject.trust_remote_code,
        with_head=False,
        quantization=subject.quantization,
    )


def _device(wanted: str, *, tell: Tracker) -> str:
    if {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(wanted, True):
        return wanted
    tell(NoteEvent(f"run.device is {wanted}, which torch does not find here: the cpu answers", level="warning"))
    return "cpu"

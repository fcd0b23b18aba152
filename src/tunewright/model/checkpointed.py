"""Activation checkpointing: a block keeps its input and calculates the rest again in the backward pass.

In: a model. Out: a context in which its blocks do so while it trains. Its own file because it is transformers' own,
switched on where memory needs it and off again: what is saved or scored afterwards knows nothing of it.
Source: Chen et al. 2016.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

from tunewright.core.errors import PlanError


@contextmanager
def checkpointed(model: nn.Module, *, is_asked: bool) -> Iterator[None]:
    """Inside, the blocks of every transformers model keep their inputs alone.

    Raises PlanError for a family whose code cannot.
    """
    inside = [m for m in model.modules() if isinstance(m, PreTrainedModel)][:1] if is_asked else []
    for one in inside:
        if not one.supports_gradient_checkpointing:
            raise PlanError(
                f"{type(one).__name__} cannot calculate its blocks twice",
                where="train.gradient_checkpointing",
                why="its family has no gradient checkpointing in transformers",
                fix="train.gradient_checkpointing=false, and a smaller prepare.max_length",
            )
        with _old_names():
            one.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    try:
        yield
    finally:
        for one in inside:
            with _old_names():
                one.gradient_checkpointing_disable()


@contextmanager
def _old_names() -> Iterator[None]:
    """transformers 5.23 calls it activation_checkpointing and warns of the name that 5.0 knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield

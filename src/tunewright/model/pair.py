"""A tuned model beside the one it was made from.

In: Subject. Out: Pair. Its own file because what training changed is asked of both, and an adapter that is switched off
is its base: one model in memory instead of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peft import PeftModel
from peft.helpers import rescale_adapter_scale

from tunewright.core.values import Subject
from tunewright.model.load import Loaded
from tunewright.model.subject import load_base, load_subject


@dataclass(frozen=True, slots=True)
class Pair:
    """Both in evaluation mode."""

    tuned: Loaded
    other: Loaded | None
    """The base; None where it is `tuned` with its adapter switched off."""

    @contextmanager
    def base(self) -> Iterator[Loaded]:
        """The model before tuning, while the block lasts."""
        if self.other is not None:
            yield self.other
            return
        model: Any = self.tuned.model
        with model.disable_adapter():
            yield self.tuned

    @property
    def has_same_tokens(self) -> bool:
        """Both cut a text alike, so their probabilities are of the same tokens."""
        other = self.other
        return other is None or other.tokenizer.get_vocab() == self.tuned.tokenizer.get_vocab()


def load_pair(subject: Subject) -> Pair:
    """Memory: a second model, unless the subject is an adapter.

    Raises ModelError when a folder is gone, unsafe or of another kind.
    """
    tuned = load_subject(subject)
    return Pair(tuned, None if isinstance(tuned.model, PeftModel) else load_base(subject))


def why_no_weight(loaded: Loaded) -> str:
    """Why what tuning added cannot be weighed between nothing and all of it; empty where it can."""
    if not isinstance(loaded.model, PeftModel):
        return "every weight was trained: there is no adapter to weigh"
    for config in loaded.model.peft_config.values():
        kind = str(getattr(config.peft_type, "value", config.peft_type))
        if kind != "LORA":
            return f"an adapter of the kind {kind} is not a sum that could be weighed"
        if config.use_dora:
            return "DoRA learns the length of the weights apart: at weight 0 it is not the base"
        if config.modules_to_save or config.bias != "none":
            return "the adapter also replaces whole modules, which have no weight between"
    return ""


@contextmanager
def weighed(loaded: Loaded, weight: float) -> Iterator[Loaded]:
    """Its LoRA times `weight`: 0 is the base, 1 the model as it was trained.

    Source: Wortsman et al. 2022 (WiSE-FT), which this equals for LoRA; peft's rescale_adapter_scale.
    """
    with rescale_adapter_scale(loaded.model, weight):
        yield loaded

"""What every form of an export is made from, and what a form is.

In: the proven model. Out: Source; Target, one line of the table in targets.py. Its own file because each form's writer
is a stranger to the others and to the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tunewright.model.load import Loaded

Program = Literal["in_transformers", "in_llama_cpp", "in_onnxruntime"]
"""Who reads a form: a file of readers/."""


@dataclass(frozen=True, slots=True)
class Source:
    """The proven model, twice."""

    loaded: Loaded
    max_length: int
    """Tokens, as in training."""
    whole: Callable[[], Path]
    """Folder of the whole model as plain transformers reads it, the adapter added into its weights; written once."""


class Writer(Protocol):
    """Writes one form into a new folder; returns what a person must know of it, empty for nothing."""

    def __call__(self, folder: Path, source: Source) -> str: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One form."""

    write: Writer
    why_not: Callable[[Loaded], str]
    """Empty where the model has this form."""
    program: Program = "in_transformers"
    is_default: bool = False
    """Written when no target is named."""
    is_quantised: bool = False
    """Its weights are in few bits: what that costs is said in points."""
    is_repo: bool = False
    """Its README is the run's model card."""

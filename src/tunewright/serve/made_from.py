"""Everything that a file's answers depend on, as digests.

In: the rows' file, the model, the values it is asked with. Out: MadeFrom. Its own file because whatever is missing
here lets two models' answers stand in one file without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewright.core.files import code_digest, digest, file_digest
from tunewright.core.run import versions
from tunewright.core.values import Subject
from tunewright.model.card import model_card

_PACKAGES = ("serve", "tables", "text", "model", "core")
"""Whose code an answer passes through."""


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """Everything that the answers depend on, as digests."""

    input: str
    model: str
    options: str
    code: str


def made_from(source: Path, subject: Subject, *, options: Mapping[str, Any]) -> MadeFrom:
    """options: what else decides about the answers and how they are divided into parts.

    Raises ModelError when the base model of an adapter is gone.
    """
    asked = replace(subject, folder="", name="")
    return MadeFrom(
        input=file_digest(source),
        model=_model_digest(subject),
        options=digest({"subject": asked, **options}),
        code=digest([code_digest(_PACKAGES), versions()]),
    )


def _model_digest(subject: Subject) -> str:
    """Of the weights' own bytes: a run trained anew under its old name is another model."""
    folder = Path(subject.folder)
    inside = [folder / name for name in ("model", "adapter") if (folder / name).is_dir()] or [folder]
    files = sorted(path for place in inside for path in place.rglob("*") if path.is_file())
    is_adapter = any(path.name == "adapter_config.json" for path in files)
    base = _base_digest(subject) if is_adapter else ""
    return digest([base, {str(path.relative_to(folder)): file_digest(path) for path in files}])


def _base_digest(subject: Subject) -> str:
    """Of the model below an adapter as it lies on the disk now: another may have taken its folder."""
    path = subject.card.path
    return model_card(path, folder=Path(path), trust_remote_code=subject.trust_remote_code).fingerprint

"""A model folder that something else has made, ready to run.

In: Subject of a path:FOLDER. Out: Loaded. Its own file because other tools' folders come in more kinds than ours.
"""

from __future__ import annotations

from tunewright.core.errors import ModelError
from tunewright.core.values import Subject
from tunewright.model.load import Loaded


def load_outside(subject: Subject) -> Loaded:
    """Raises ModelError: the folder is of a kind that cannot be asked."""
    raise ModelError("models of other places are not in this version", where=subject.folder)

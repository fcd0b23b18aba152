"""target.json: what a model of numbers learned, beside its weights.

In: the number's name and Scale. Out: a file that any program reads, or the Scale again. Its own file because the model
answers in deviations from the mean: without these two figures its answers have no unit.
"""

from __future__ import annotations

import json
from pathlib import Path

from tunewright.core.errors import ModelError
from tunewright.core.files import write_json
from tunewright.core.scale import Scale

TARGET_FILE = "target.json"


def write_target(folder: Path, *, name: str, scale: Scale) -> None:
    write_json(folder / TARGET_FILE, {"name": name, "mean": scale.mean, "deviation": scale.deviation})


def read_target(folder: Path) -> Scale | None:
    """None when there is no such file.

    Raises ModelError when it does not say a mean and a deviation.
    """
    path = folder / TARGET_FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        scale = Scale(float(record["mean"]), float(record["deviation"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(path) from error
    if not (scale.deviation > 0 and abs(scale.mean) < float("inf") and scale.deviation < float("inf")):
        raise _broken(path)
    return scale


def _broken(path: Path) -> ModelError:
    return ModelError(
        f"{TARGET_FILE} does not say the mean and the deviation of the numbers that were learned",
        where=str(path),
        fix='{"mean": 0, "deviation": 1} for a model that answers in the unit of the rows',
    )

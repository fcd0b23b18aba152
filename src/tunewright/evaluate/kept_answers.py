"""Answers of a model, a part of the rows at a time, each part kept when it is there.

In: rows, what their answers depend on, a function that answers some rows. Out: Answered. Its own file because nothing
else decides whether an answer is still good: a part's name is a digest of the model, the settings, the rows and the
code. So a stopped evaluation goes on, and one with another metric or rival asks nobody twice. The folder lies in the
run: who removes the run removes what its rows were answered with.
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.files import code_digest, digest, write_atomically
from tunewright.core.values import Prediction, Row

FOLDER = "answers"
"""Of a run: parts of models that run here, NAME.jsonl for each address."""
PART_ROWS = 256
"""Few enough that little is lost by a stop, enough that rows of like length go together."""
CODE = ("evaluate", "model", "text", "core")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a system answered."""

    predictions: tuple[Prediction, ...]
    seconds: float
    """Of answering, whenever that was."""


def in_parts(
    rows: Sequence[Row],
    *,
    folder: Path | None,
    depends_on: Callable[[Sequence[Row]], Mapping[str, Any]],
    answer: Callable[[tuple[Row, ...]], tuple[Prediction, ...]],
) -> Answered:
    """The rows in their order; parts that were answered before are read.

    folder: None: nothing is kept. depends_on: what the answers to these rows hang on, beside the rows and the code.
    """
    found: list[Prediction] = []
    seconds = 0.0
    code = code_digest(CODE)
    for start in range(0, len(rows), PART_ROWS):
        part = tuple(rows[start : start + PART_ROWS])
        name = digest({"of": depends_on(part), "rows": [asdict(row) for row in part], "code": code})
        kept = None if folder is None else _read(folder / f"{name}.parquet")
        if kept is None:
            started = time.perf_counter()
            predictions = answer(part)
            kept = Answered(predictions, time.perf_counter() - started)
            if folder is not None:
                folder.mkdir(exist_ok=True)
                write_answers(folder / f"{name}.parquet", predictions, {"seconds": kept.seconds})
        found += kept.predictions
        seconds += kept.seconds
    return Answered(tuple(found), seconds)


def write_answers(path: Path, predictions: Sequence[Prediction], facts: Mapping[str, Any]) -> None:
    """Whole, or not at all."""
    records = [asdict(p) | {"probabilities": list(p.probabilities)} for p in predictions]
    table = pa.Table.from_pylist(records).replace_schema_metadata({"facts": json.dumps(facts)})
    with write_atomically(path) as temporary:
        pq.write_table(table, temporary)


def read_answers(path: Path) -> tuple[tuple[Prediction, ...], dict[str, Any]]:
    """What `write_answers` wrote."""
    table = pq.read_table(path)
    facts: dict[str, Any] = json.loads(table.schema.metadata[b"facts"])
    records = table.to_pylist()
    return tuple(Prediction(**one | {"probabilities": array("d", one["probabilities"])}) for one in records), facts


def _read(path: Path) -> Answered | None:
    """None where there is nothing, or nothing that can be read."""
    if not path.is_file():
        return None
    try:
        predictions, facts = read_answers(path)
        return Answered(predictions, float(facts["seconds"]))
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError):
        return None

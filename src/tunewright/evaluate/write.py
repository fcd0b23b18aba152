"""predictions.parquet: what every system answered for every test row.

In: Predictions and the rows' texts. Out: a Parquet file, or the Predictions again.
Its own file because it is a public format: any number in the report can be walked back to a line here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.errors import RunError
from tunewright.core.files import write_atomically
from tunewright.core.values import Prediction, Task
from tunewright.evaluate.score import row_value

_CORRECT_BY = {"classify": "accuracy", "multilabel": "subset_accuracy", "generate": "exact_match"}

CHUNK_PREDICTIONS = 5_000
"""Written at once: as Python values they take ten times what the file does."""
_SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("system", pa.string()),
        ("text", pa.string()),
        ("reference", pa.string()),
        ("answer", pa.string()),
        ("probability", pa.float64()),
        ("is_correct", pa.bool_()),
        ("reference_nats", pa.float64()),
        ("reference_bytes", pa.int64()),
        ("is_stopped", pa.bool_()),
        ("is_end_argmax", pa.bool_()),
        ("n_tokens", pa.int64()),
        ("own_score", pa.float64()),
        ("group", pa.string()),
    ]
)


def write_predictions(path: Path, predictions: Sequence[Prediction], texts: Mapping[str, str], *, task: Task) -> None:
    """One line a prediction, in order.

    texts: what the row asked, by row id; null for a row that is not there. probability: of the answer, the largest of
    the row's; null when the system has none. is_correct: equal labels, or exact match once normalised; null for
    `text` and where nothing was answered. nan is null.
    """
    with write_atomically(path) as temporary, pq.ParquetWriter(temporary, _SCHEMA) as file:
        for start in range(0, len(predictions), CHUNK_PREDICTIONS):
            some = predictions[start : start + CHUNK_PREDICTIONS]
            records = [_record(prediction, text=texts.get(prediction.row_id), task=task) for prediction in some]
            file.write_table(pa.Table.from_pylist(records, schema=_SCHEMA))


def read_predictions(path: Path) -> tuple[Prediction, ...]:
    """The predictions of a finished evaluation, in order; the probabilities of other labels are not kept.

    Raises RunError when the file is not there.
    """
    if not path.exists():
        raise RunError("predictions.parquet is missing", where=str(path), fix="tunewright evaluate PLAN makes it again")
    return tuple(
        Prediction(
            row_id=record["row_id"],
            system=record["system"],
            answer=record["answer"],
            reference=record["reference"],
            is_stopped=record["is_stopped"],
            n_tokens=record["n_tokens"],
            reference_nats=math.nan if record["reference_nats"] is None else record["reference_nats"],
            reference_bytes=record["reference_bytes"],
            is_end_argmax=record["is_end_argmax"],
            own_score=math.nan if record.get("own_score") is None else record["own_score"],
            group=record.get("group") or "",
        )
        for record in pq.read_table(path).to_pylist()
    )


def _record(prediction: Prediction, *, text: str | None, task: Task) -> dict[str, object]:
    return {
        "row_id": prediction.row_id,
        "system": prediction.system,
        "text": text,
        "reference": prediction.reference,
        "answer": prediction.answer,
        "probability": _finite(max(prediction.probabilities, default=math.nan)) if task != "multilabel" else None,
        "is_correct": _is_correct(prediction, task=task),
        "reference_nats": _finite(prediction.reference_nats),
        "reference_bytes": prediction.reference_bytes,
        "is_stopped": prediction.is_stopped,
        "is_end_argmax": prediction.is_end_argmax,
        "n_tokens": prediction.n_tokens,
        "own_score": _finite(prediction.own_score),
        "group": prediction.group or None,
    }


def _is_correct(prediction: Prediction, *, task: Task) -> bool | None:
    if task not in _CORRECT_BY:
        return None
    value = row_value(prediction, metric=_CORRECT_BY[task])
    return None if math.isnan(value) else bool(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

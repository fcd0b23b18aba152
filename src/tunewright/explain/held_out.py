"""What models that never saw a row think of its label: the plan's own training, once for each fold.

In: train rows, their folds, the training verb. Out: log-probabilities of every class, one file a fold. Its own file
because it costs as much as training twice: a finished fold is read again, a stopped one goes on.
Axes: N rows, C classes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import remove, write_atomically
from tunewright.core.values import Row, Subject
from tunewright.explain.confidence import label_probabilities
from tunewright.explain.folds import N_FOLDS
from tunewright.model.subject import load_subject
from tunewright.text.rows import read_rows, write_rows

LEAST_PROBABILITY = 1e-30
"""A probability of 0 in float32 is kept as this one: 69 nats."""


class Retrain(Protocol):
    """The run's plan trained once more: on train.parquet of `prepared`, in `work`, from where it was stopped."""

    def __call__(self, prepared: Path, *, work: Path, tell: Tracker) -> Subject: ...


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows as models saw them that had not learned from them."""

    p_NC: NDArray[np.float64]
    """In the order of the rows and of the run's labels; rows that were never held out are 0."""
    seconds: float
    """Of all folds."""


def held_out(
    rows: Sequence[Row],
    fold_of: Sequence[int | None],
    *,
    retrain: Retrain,
    prepared: Path,
    folder: Path,
    n_labels: int,
    tell: Tracker,
) -> HeldOut:
    """Every fold's model trained and asked; folder/fold-1.parquet ... are what is left of it.

    prepared: where the validation rows are, which choose each model's best step as they did the run's.
    """
    p_NC, seconds = np.zeros((len(rows), n_labels)), 0.0
    for fold in range(N_FOLDS):
        held = [i for i, one in enumerate(fold_of) if one == fold]
        path = folder / f"fold-{fold + 1}.parquet"
        if not path.is_file():
            learned = [row for row, one in zip(rows, fold_of, strict=True) if one != fold]
            tell(NoteEvent(f"label errors, model {fold + 1} of {N_FOLDS}: {len(learned):,} rows to learn from"))
            work = folder / f"fold-{fold + 1}"
            write_rows(work / "rows" / "train.parquet", learned)
            write_rows(work / "rows" / "validation.parquet", read_rows(prepared, "validation"))
            _ask(path, [rows[i] for i in held], work=work, retrain=retrain, tell=tell)
            remove(work)
        table = pq.read_table(path)
        p_NC[held] = np.exp(np.stack(table["log_p_nats"].to_numpy()))
        seconds += float(json.loads(table.schema.metadata[b"seconds"]))
    return HeldOut(p_NC, seconds)


def _ask(path: Path, held: Sequence[Row], *, work: Path, retrain: Retrain, tell: Tracker) -> None:
    started = time.perf_counter()
    subject = retrain(work / "rows", work=work / "train", tell=tell)
    p_NC = label_probabilities(load_subject(subject, tell=tell), held, max_length=subject.max_length)
    seconds = max(time.perf_counter() - started, _training_seconds(work / "train"))
    log_p_NC = np.log(np.maximum(p_NC, LEAST_PROBABILITY))
    table = pa.table({"row_id": [row.row_id for row in held], "log_p_nats": list(log_p_NC)})
    with write_atomically(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"seconds": json.dumps(seconds)}), temporary)


def _training_seconds(work: Path) -> float:
    """Of all attempts: a fold that was stopped has a part of its cost behind it."""
    summary = work / "summary.json"
    return float(json.loads(summary.read_text(encoding="utf-8"))["seconds"]) if summary.is_file() else 0.0

"""predictions.parquet gives back what was written, and says what a person needs beside it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import RunError
from tunewright.core.values import Prediction
from tunewright.evaluate.write import read_predictions, write_predictions

WRITTEN = Prediction(
    "test:1",
    "tuned",
    answer="é\n…",
    reference="É",
    is_stopped=False,
    n_tokens=4,
    reference_nats=1.5,
    reference_bytes=2,
    is_end_argmax=True,
)
ONLY_SCORED = Prediction("test:2", "base", reference="x", reference_nats=2.5, reference_bytes=1)
LABELLED = Prediction("test:3", "tfidf", answer="a", reference="b", probabilities=(0.75, 0.25))


def test_predictions_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(path, [WRITTEN, ONLY_SCORED], {}, task="generate")
    assert read_predictions(path) == (WRITTEN, ONLY_SCORED)


def test_predictions_say_null_for_what_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(path, [WRITTEN, ONLY_SCORED], {"test:1": "question"}, task="generate")
    first, second = pq.read_table(path).to_pylist()
    assert (first["text"], first["is_correct"], first["probability"]) == ("question", True, None)
    assert (second["text"], second["is_correct"], second["is_stopped"]) == (None, None, None)


def test_predictions_keep_the_answers_probability_when_labels_are_scored(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(path, [LABELLED], {}, task="classify")
    (record,) = pq.read_table(path).to_pylist()
    assert (record["probability"], record["is_correct"], record["reference_nats"]) == (0.75, False, None)


def test_reading_names_the_command_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="tunewright evaluate"):
        read_predictions(tmp_path / "predictions.parquet")

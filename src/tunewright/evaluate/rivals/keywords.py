"""The keyword model's answers, whatever is learned: a label, several, or a number.

In: rows, the task. Out: Predictions for the test rows. Its own file because the preview before the training and the
measuring after it must ask the very same rival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.values import Prediction, Row, Split, Task
from tunewright.evaluate.rivals.label_sets import keyword_set_predictions
from tunewright.evaluate.rivals.numbers import keyword_number_predictions
from tunewright.evaluate.rivals.simple import tfidf_predictions


def keyword_predictions(
    rows: Mapping[Split, Sequence[Row]], *, task: Task, labels: tuple[str, ...], seed: int
) -> tuple[Prediction, ...]:
    """rows: of all three splits; only a number's strength is chosen on validation."""
    if task == "regress":
        return keyword_number_predictions(rows["train"], rows["validation"], rows["test"])
    if task == "multilabel":
        return keyword_set_predictions(rows["train"], rows["test"], labels=labels, seed=seed)
    return tfidf_predictions(rows["train"], rows["test"], labels=labels, seed=seed)

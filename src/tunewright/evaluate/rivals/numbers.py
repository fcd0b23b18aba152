"""Rivals for numbers: the mean, a keyword model, a linear model on frozen vectors.

In: train and test rows, vectors. Out: Predictions for the test rows. Its own file because a number is fitted otherwise
than a label, and a tuned model has proven nothing before it beats these.
Axes: N rows, H vector width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tunewright.core.scale import answer_text
from tunewright.core.values import Prediction, Row
from tunewright.evaluate.rivals.probe import Vectors, unit
from tunewright.text.keywords import keyword_features

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Of the penalty (scikit-learn's alpha) on vectors of length 1 and on counts of length 1; the best on the validation
rows is used, by mean absolute error."""
USUAL = 1.0
"""Without validation rows."""


def mean_predictions(train: Sequence[Row], test: Sequence[Row]) -> tuple[Prediction, ...]:
    """The mean of train's numbers for every row."""
    mean = fmean(_numbers(train))
    return _predictions("mean", test, [mean] * len(test))


def keyword_number_predictions(
    train: Sequence[Row], validation: Sequence[Row], test: Sequence[Row]
) -> tuple[Prediction, ...]:
    """TF-IDF of words and word pairs, ridge regression. Texts without anything to count get the mean."""
    texts = [row.text for row in train]
    if not any(re.search(r"\w", text) for text in texts):
        return _predictions("tfidf", test, [fmean(_numbers(train))] * len(test))
    features = keyword_features(texts)
    fitted = features.fit_transform(texts)
    asked = [features.transform([row.text for row in rows]) for rows in (validation, test) if rows]
    held, wanted = (asked[0] if validation else None), asked[-1]
    return _predictions("tfidf", test, _ridge(fitted, _numbers(train), held, _numbers(validation), wanted))


def number_probe_predictions(
    rows: Sequence[Row],
    *,
    vectors_NH: Vectors,
    train: tuple[Vectors, Sequence[float]],
    validation: tuple[Vectors, Sequence[float]],
) -> tuple[Prediction, ...]:
    """Ridge regression on unit vectors. train, validation: vectors and numbers."""
    held = unit(validation[0]) if len(validation[1]) else None
    found = _ridge(unit(train[0]), train[1], held, validation[1], unit(vectors_NH))
    return _predictions("linear_probe", rows, found)


def _ridge(
    train: object, numbers: Sequence[float], held: object | None, held_numbers: Sequence[float], wanted: object
) -> Sequence[float]:
    """train, held, wanted: rows x features, dense or sparse."""
    best_N: NDArray[np.float64] | None = None
    best_error = np.inf
    for strength in STRENGTHS if held is not None else (USUAL,):
        model = Ridge(alpha=strength, solver="auto").fit(train, numbers)
        error = 0.0 if held is None else float(np.abs(model.predict(held) - np.array(held_numbers)).mean())
        if best_N is None or error < best_error:
            best_N, best_error = model.predict(wanted), error
    assert best_N is not None
    return [float(number) for number in best_N]


def _predictions(system: str, rows: Sequence[Row], numbers: Sequence[float]) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(row.row_id, system, answer=answer_text(number), reference=row.label or "")
        for row, number in zip(rows, numbers, strict=True)
    )


def _numbers(rows: Sequence[Row]) -> list[float]:
    return [float(row.label) for row in rows if row.label is not None]

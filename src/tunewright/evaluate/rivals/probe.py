"""Rivals that use the model's frozen vectors: cosine to the label names, and a linear classifier.

In: vectors and labels. Out: Predictions. Its own file because these are what tuning has to beat: the same model,
untouched.
Axes: N rows, H vector width, C classes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from tunewright.core.values import Prediction, Row

Vectors = npt.NDArray[np.float32]

STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse regularisation strengths tried; the best on the validation rows is used."""


def cosine_predictions(
    rows: Sequence[Row], *, vectors_NH: Vectors, names_CH: Vectors, labels: Sequence[str]
) -> tuple[Prediction, ...]:
    """The label whose name lies nearest to the text; no probabilities, a cosine is none.

    names_CH: vectors of the label names in label order, underscores read as spaces.
    """
    nearest_N = (unit(vectors_NH) @ unit(names_CH).T).argmax(1)
    return tuple(
        Prediction(row.row_id, "base", answer=labels[int(c)], reference=row.label or "")
        for row, c in zip(rows, nearest_N, strict=True)
    )


def probe_predictions(
    rows: Sequence[Row],
    *,
    vectors_NH: Vectors,
    train: tuple[Vectors, Sequence[str]],
    validation: tuple[Vectors, Sequence[str]],
    labels: Sequence[str],
) -> tuple[Prediction, ...]:
    """Multinomial logistic regression on unit vectors; its strength is chosen on the validation rows.

    train, validation: vectors and labels. Without validation rows the middle strength is used.
    """
    best, best_accuracy = None, -1.0
    for strength in STRENGTHS if len(validation[1]) else STRENGTHS[1:2]:
        model = LogisticRegression(C=strength, max_iter=1000).fit(unit(train[0]), list(train[1]))
        accuracy = float(model.score(unit(validation[0]), list(validation[1]))) if len(validation[1]) else 0.0
        if accuracy > best_accuracy:
            best, best_accuracy = model, accuracy
    assert best is not None
    p_NC = np.zeros((len(rows), len(labels)))
    p_NC[:, [labels.index(str(name)) for name in best.classes_]] = best.predict_proba(unit(vectors_NH))
    return tuple(
        Prediction(
            row.row_id,
            "linear_probe",
            answer=labels[int(p_C.argmax())],
            reference=row.label or "",
            probabilities=array("d", p_C),
        )
        for row, p_C in zip(rows, p_NC, strict=True)
    )


def unit(vectors_NH: Vectors) -> Vectors:
    """Every row at length 1; a zero row stays zero."""
    length_N1 = np.linalg.norm(vectors_NH, axis=1, keepdims=True)
    return np.asarray(vectors_NH / np.maximum(length_N1, 1e-12), dtype=np.float32)

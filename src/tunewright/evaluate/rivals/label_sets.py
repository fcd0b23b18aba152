"""Rivals for several labels a row: the most common set, a keyword model, a linear model on frozen vectors.

In: train and test rows, vectors, the label names. Out: Predictions for the test rows. Its own file because each label
is a question of its own here, answered from a probability of one half on, as the tuned model's are.
Axes: N rows, H vector width, C labels.
"""

from __future__ import annotations

import re
import warnings
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tunewright.core.label_sets import THRESHOLD, answered, labels_of
from tunewright.core.values import Prediction, Row
from tunewright.evaluate.rivals.probe import STRENGTHS, Vectors, unit
from tunewright.text.keywords import keyword_features, keyword_model

Floats = NDArray[np.float64]


def common_set_predictions(
    train: Sequence[Row], test: Sequence[Row], *, labels: tuple[str, ...]
) -> tuple[Prediction, ...]:
    """Train's most common set for every row (the first by name among equals), with each label's share of the rows."""
    counts = Counter(row.label or "" for row in train)
    most = min(counts, key=lambda text: (-counts[text], text))
    shares = tuple(float(share) for share in sets(train, labels=labels).mean(axis=0))
    return tuple(
        Prediction(row.row_id, "majority", answer=most, reference=row.label or "", probabilities=shares) for row in test
    )


def keyword_set_predictions(
    train: Sequence[Row], test: Sequence[Row], *, labels: tuple[str, ...], seed: int
) -> tuple[Prediction, ...]:
    """TF-IDF of words and word pairs, one logistic regression a label. Without anything to count: train's shares."""
    texts = [row.text for row in train]
    target_NC = sets(train, labels=labels)
    p_NC = np.tile(target_NC.mean(axis=0), (len(test), 1))
    if any(re.search(r"\w", text) for text in texts) and len(test):
        features = keyword_features(texts)
        asked = features.transform([row.text for row in test]) if features.fit(texts) else None
        p_NC = _fitted(keyword_model(seed), features.transform(texts), target_NC).predict_proba(asked)
    return set_predictions("tfidf", test, p_NC, labels=labels)


def set_probe_predictions(
    rows: Sequence[Row],
    *,
    vectors_NH: Vectors,
    train: tuple[Vectors, Floats],
    validation: tuple[Vectors, Floats],
    labels: tuple[str, ...],
) -> tuple[Prediction, ...]:
    """One logistic regression a label on unit vectors; the strength is chosen on the validation rows by micro F1.

    train, validation: vectors and sets, as `sets` gives them.
    """
    best_NC, best_score = None, -1.0
    for strength in STRENGTHS if len(validation[1]) else STRENGTHS[1:2]:
        model = _fitted(OneVsRestClassifier(LogisticRegression(C=strength, max_iter=1000)), unit(train[0]), train[1])
        score = _micro_f1(model.predict_proba(unit(validation[0])), validation[1]) if len(validation[1]) else 0.0
        if score > best_score:
            best_NC, best_score = model.predict_proba(unit(vectors_NH)), score
    assert best_NC is not None
    return set_predictions("linear_probe", rows, best_NC, labels=labels)


def set_predictions(system: str, rows: Sequence[Row], p_NC: Floats, *, labels: Sequence[str]) -> tuple[Prediction, ...]:
    """The labels that are likelier there than not, with all probabilities."""
    return tuple(
        Prediction(
            row.row_id,
            system,
            answer=answered(p_C.tolist(), labels),
            reference=row.label or "",
            probabilities=array("d", p_C),
        )
        for row, p_C in zip(rows, p_NC, strict=True)
    )


def sets(rows: Sequence[Row], *, labels: Sequence[str]) -> Floats:
    """1 where the row has the label, NC; a label that is not among them has no column."""
    place = {label: c for c, label in enumerate(labels)}
    out_NC = np.zeros((len(rows), len(labels)))
    for n, row in enumerate(rows):
        out_NC[n, [place[label] for label in labels_of(row.label or "") if label in place]] = 1.0
    return out_NC


def _fitted(model: Any, features: Any, target_NC: Floats) -> Any:
    with warnings.catch_warnings():  # a label that every row has, or none, is answered always, or never
        warnings.filterwarnings("ignore", message="Label .* is present in all training examples")
        return model.fit(features, target_NC.astype(np.int64))


def _micro_f1(p_NC: Floats, target_NC: Floats) -> float:
    is_answered_NC = p_NC >= THRESHOLD
    size = is_answered_NC.sum() + target_NC.sum()
    return float(2 * (is_answered_NC * target_NC).sum() / size) if size else 0.0

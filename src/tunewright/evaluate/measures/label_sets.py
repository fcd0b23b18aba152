"""Metrics of several labels a row: which labels were answered for which, for each label and over labels.

In: references and answers as texts of label sets. Out: counts of each label for any number of reweighted rows; the
row's own sums. Its own file because a row counts for several classes here, where in classes.py it counts for one.
Axes: B batch of count vectors, C cells (distinct reference/answers combinations), K labels, S distinct sets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.core.label_sets import labels_of
from tunewright.core.values import Prediction
from tunewright.evaluate.measures.classes import Cells, ClassCounts, Floats


def label_names(cells: Cells) -> tuple[str, ...]:
    """Sorted labels that stand in a reference or an answer."""
    return tuple(sorted({label for text in cells.names for label in labels_of(text)}))


def label_counts(cells: Cells, *, system: int, weights_BC: Floats) -> ClassCounts:
    """Right, referenced and answered rows of each label, for each line of weights (rows of each cell)."""
    names = label_names(cells)
    place = {name: k for k, name in enumerate(names)}
    has_SK = np.zeros((len(cells.names), len(names)))
    for s, text in enumerate(cells.names):
        has_SK[s, [place[label] for label in labels_of(text)]] = 1.0
    reference_CK, answer_CK = has_SK[cells.reference_C], has_SK[cells.answer_SC[system]]
    return ClassCounts(
        right_BK=weights_BC @ (reference_CK * answer_CK),
        reference_BK=weights_BC @ reference_CK,
        answered_BK=weights_BC @ answer_CK,
    )


def overlap(prediction: Prediction) -> tuple[float, float]:
    """(twice the labels that are right, labels referenced and answered): micro F1 is the ratio of their sums.

    (nan, nan) without a reference.
    """
    if not prediction.reference:
        return np.nan, np.nan
    reference, answer = set(labels_of(prediction.reference)), set(labels_of(prediction.answer))
    return 2.0 * len(reference & answer), float(len(reference) + len(answer))


def hamming(prediction: Prediction, labels: Sequence[str]) -> float:
    """Share of the labels that are wrong; one that train does not know counts too. nan without a reference."""
    if not prediction.reference or not labels:
        return np.nan
    reference, answer = set(labels_of(prediction.reference)), set(labels_of(prediction.answer))
    return len(reference ^ answer) / len(labels)

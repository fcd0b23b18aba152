"""Metrics made from which label was answered for which: F1 and its kin, for each class and over classes.

In: reference labels and the answers of one or two systems. Out: counts of each kind of row, and scores of any number
of reweighted counts at once. Its own file because resampling counts instead of rows makes 77 classes cost nothing.
Axes: B batch of count vectors, N rows, C cells (distinct reference/answers combinations), K classes, S systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows that are alike in reference and answers, counted."""

    names: tuple[str, ...]
    """Sorted labels that stand in a reference or an answer."""
    reference_C: Integers
    """Index in names."""
    answer_SC: Integers
    """Index in names, one line a system."""
    counts_C: Integers
    of_N: Integers
    """The cell of each row."""

    def one_hot(self) -> Floats:
        """1 in the cell of each row, rows x cells."""
        out_NC = np.zeros((len(self.of_N), len(self.counts_C)))
        out_NC[np.arange(len(self.of_N)), self.of_N] = 1.0
        return out_NC


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """What precision, recall and F1 are made of."""

    right_BK: Floats
    reference_BK: Floats
    answered_BK: Floats

    def __add__(self, other: ClassCounts) -> ClassCounts:
        return ClassCounts(
            self.right_BK + other.right_BK,
            self.reference_BK + other.reference_BK,
            self.answered_BK + other.answered_BK,
        )


def cells_of(references: Sequence[str], *answers: Sequence[str]) -> Cells:
    """The rows' cells; `answers` has one sequence a system, in the order of `references`."""
    names = tuple(sorted(set(references).union(*answers)))
    index = {name: position for position, name in enumerate(names)}
    columns = np.array([[index[name] for name in column] for column in (references, *answers)], dtype=np.int64)
    distinct_SC, of_N, counts_C = np.unique(columns, axis=1, return_inverse=True, return_counts=True)
    return Cells(names, distinct_SC[0], distinct_SC[1:], counts_C.astype(np.int64), of_N.reshape(-1))


def class_counts(cells: Cells, *, system: int, weights_BC: Floats) -> ClassCounts:
    """Right, reference and answered rows of each class, for each line of weights (rows of each cell)."""
    answer_C, reference_C = cells.answer_SC[system], cells.reference_C
    n_classes = len(cells.names)
    is_right_C = answer_C == reference_C
    return ClassCounts(
        right_BK=_by_class(weights_BC * is_right_C, reference_C, n_classes=n_classes),
        reference_BK=_by_class(weights_BC, reference_C, n_classes=n_classes),
        answered_BK=_by_class(weights_BC, answer_C, n_classes=n_classes),
    )


def average(metric: str, counts: ClassCounts) -> Floats:
    """The metric for each line of counts; nan where a line counts no row.

    A class in neither references nor answers is not averaged, as in sklearn's macro over the present labels.
    """
    has_rows_BK = counts.reference_BK > 0
    if metric == "balanced_accuracy":
        return _share(recall(counts).sum(axis=1), has_rows_BK.sum(axis=1), nothing=np.nan)
    if metric == "f1_weighted":
        weighted_BK = f1(counts) * counts.reference_BK
        return _share(weighted_BK.sum(axis=1), counts.reference_BK.sum(axis=1), nothing=np.nan)
    score = {"precision_macro": precision, "recall_macro": recall, "f1_macro": f1}[metric]
    is_present_BK = has_rows_BK | (counts.answered_BK > 0)
    return _share(score(counts).sum(axis=1), is_present_BK.sum(axis=1), nothing=np.nan)


def class_metric(metric: str, *, cells: Cells, system: int, weights_BC: Floats) -> Floats:
    """The metric for each line of weights; nan where a line counts no row."""
    return average(metric, class_counts(cells, system=system, weights_BC=weights_BC))


def precision(counts: ClassCounts) -> Floats:
    """Share of a class's answers that are right; 0 when it was never answered."""
    return _share(counts.right_BK, counts.answered_BK)


def recall(counts: ClassCounts) -> Floats:
    """Share of a class's rows that are found; 0 when it has none."""
    return _share(counts.right_BK, counts.reference_BK)


def f1(counts: ClassCounts) -> Floats:
    """Harmonic mean of precision and recall; 0 when nothing is right."""
    return _share(2 * counts.right_BK, counts.reference_BK + counts.answered_BK)


def _by_class(weights_BC: Floats, class_C: Integers, *, n_classes: int) -> Floats:
    """Sum of the weights of each class's cells; a sparse product, so 1,000 classes cost no more than 10."""
    n_cells = len(class_C)
    belongs_KC = csr_matrix((np.ones(n_cells), (class_C, np.arange(n_cells))), shape=(n_classes, n_cells))
    return np.asarray((belongs_KC @ weights_BC.T).T)


def _share(part: Floats, whole: Floats | Integers, *, nothing: float = 0.0) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, nothing), where=whole > 0))

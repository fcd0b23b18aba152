"""Metrics made from which label was answered for which: F1 and its kin, for each class and over classes.

In: reference labels and the answers of one or two systems. Out: counts of each kind of row, and scores of any number
of resampled counts at once. Its own file because resampling counts instead of rows makes 77 classes cost nothing.
Axes: B batch of count vectors, C cells (distinct reference/answers combinations), K classes, S systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tunewright.evaluate.intervals import chunks

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


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """What precision, recall and F1 are made of."""

    right_BK: Floats
    reference_BK: Floats
    answered_BK: Floats


def cells_of(references: Sequence[str], *answers: Sequence[str]) -> Cells:
    """The rows' cells; `answers` has one sequence a system, in the order of `references`."""
    names = tuple(sorted(set(references).union(*answers)))
    index = {name: position for position, name in enumerate(names)}
    columns = np.array([[index[name] for name in column] for column in (references, *answers)], dtype=np.int64)
    distinct_SC, counts_C = np.unique(columns, axis=1, return_counts=True)
    return Cells(names, distinct_SC[0], distinct_SC[1:], counts_C.astype(np.int64))


def class_counts(cells: Cells, *, system: int, weights_BC: Floats) -> ClassCounts:
    """Right, reference and answered rows of each class, for each line of weights."""
    n_classes = len(cells.names)
    answer_C = cells.answer_SC[system]
    is_right_C = (answer_C == cells.reference_C).astype(np.float64)
    return ClassCounts(
        right_BK=summed_by_class(weights_BC, answer_C, n_classes=n_classes, times_C=is_right_C),
        reference_BK=summed_by_class(weights_BC, cells.reference_C, n_classes=n_classes),
        answered_BK=summed_by_class(weights_BC, answer_C, n_classes=n_classes),
    )


def swapped_counts(cells: Cells, *, over: Cells, swaps_BC: Floats) -> tuple[ClassCounts, ClassCounts]:
    """Counts of system 0 and of system 1 after some rows of `over`, a part of `cells`, swapped their two answers.

    swaps_BC: how many rows of each cell of `over` swap, one line for each permutation.
    """
    whole_1C = cells.counts_C[None, :].astype(np.float64)
    before = [class_counts(cells, system=system, weights_BC=whole_1C) for system in (0, 1)]
    lost, gained = (class_counts(over, system=system, weights_BC=swaps_BC) for system in (0, 1))
    right_BK, answered_BK = gained.right_BK - lost.right_BK, gained.answered_BK - lost.answered_BK
    first, second = (
        ClassCounts(
            right_BK=counts.right_BK + sign * right_BK,
            reference_BK=np.broadcast_to(counts.reference_BK, right_BK.shape),
            answered_BK=counts.answered_BK + sign * answered_BK,
        )
        for counts, sign in zip(before, (1, -1), strict=True)
    )
    return first, second


def summed_by_class(weights_BC: Floats, class_C: Integers, *, n_classes: int, times_C: Floats | None = None) -> Floats:
    """Sum of the weights of each class's cells; a sparse product, so 1,000 classes cost no more than 10."""
    n_cells = len(class_C)
    values_C = np.ones(n_cells) if times_C is None else times_C
    belongs_KC = csr_matrix((values_C, (class_C, np.arange(n_cells))), shape=(n_classes, n_cells))
    return np.asarray((belongs_KC @ weights_BC.T).T)


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
    values_B = np.empty(len(weights_BC))
    for chunk in chunks(len(weights_BC), width=3 * len(cells.names)):
        values_B[chunk] = average(metric, class_counts(cells, system=system, weights_BC=weights_BC[chunk]))
    return values_B


def precision(counts: ClassCounts) -> Floats:
    """Share of a class's answers that are right; 0 when it was never answered."""
    return _share(counts.right_BK, counts.answered_BK)


def recall(counts: ClassCounts) -> Floats:
    """Share of a class's rows that are found; 0 when it has none."""
    return _share(counts.right_BK, counts.reference_BK)


def f1(counts: ClassCounts) -> Floats:
    """Harmonic mean of precision and recall; 0 when nothing is right."""
    return _share(2 * counts.right_BK, counts.reference_BK + counts.answered_BK)


def _share(part: Floats, whole: Floats | Integers, *, nothing: float = 0.0) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, nothing), where=whole > 0))

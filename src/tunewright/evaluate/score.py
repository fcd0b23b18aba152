"""Numbers for one row: how good this answer is.

In: a Prediction. Out: Scores, or the two sums that a metric over rows is made of.
Its own file because the report, `trace` and every metric over rows must agree on what a row scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import EvalError
from tunewright.core.scale import number_of
from tunewright.core.values import Prediction, Score, Task
from tunewright.evaluate import label_sets, overlap
from tunewright.evaluate.definition import row_metrics

Floats = NDArray[np.float64]

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""A probability of 0 for the true label costs 36 nats, not infinity. Source: sklearn.metrics.log_loss."""


def row_scores(prediction: Prediction, *, task: Task, labels: tuple[str, ...] = ()) -> tuple[Score, ...]:
    """Every metric of the task that a single row has, in the task's order.

    labels: names in the order of `prediction.probabilities`. A value is nan when it cannot be said for this row.
    """
    return tuple(
        Score(prediction.row_id, prediction.system, name, row_value(prediction, metric=name, labels=labels))
        for name in row_metrics(task)
    )


def row_value(prediction: Prediction, *, metric: str, labels: tuple[str, ...] = ()) -> float:
    """This row's value of a row metric; nan when it cannot be said.

    Raises EvalError when there are probabilities, but not one for each label.
    """
    if metric in ("log_loss", "brier"):
        return (_log_loss if metric == "log_loss" else _brier)(prediction, labels)
    if metric == "hamming_loss":
        return label_sets.hamming(prediction, labels)
    return _VALUES[metric](prediction)


@dataclass(frozen=True, slots=True)
class RowParts:
    """A metric over rows is sum(numerators) / sum(denominators); both nan where a row has no value."""

    numerators_N: Floats
    denominators_N: Floats

    def take(self, rows: NDArray[np.bool_]) -> RowParts:
        return RowParts(self.numerators_N[rows], self.denominators_N[rows])

    @property
    def is_known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.numerators_N)

    @property
    def value(self) -> float:
        """nan without rows."""
        total = float(self.denominators_N.sum())
        return float(self.numerators_N.sum()) / total if total else math.nan


def row_parts(predictions: Sequence[Prediction], *, metric: str, labels: tuple[str, ...] = ()) -> RowParts:
    """The sums behind a row metric, one entry a row.

    bits_per_byte: nats over ln 2 times bytes, so that long references weigh more, as in the corpus figure. f1_micro: as
    label_sets.overlap.
    Everything else: the row's value over 1, whose ratio is the mean.
    """
    if metric == "f1_micro":
        pairs = [label_sets.overlap(p) for p in predictions]
        known = [math.isfinite(size) for _, size in pairs]
    elif metric == "bits_per_byte":
        pairs = [(p.reference_nats, math.log(2) * p.reference_bytes) for p in predictions]
        known = [math.isfinite(nats) and size > 0 for nats, size in pairs]
    else:
        pairs = [(row_value(p, metric=metric, labels=labels), 1.0) for p in predictions]
        known = [math.isfinite(value) for value, _ in pairs]
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    both[~np.array(known, dtype=bool)] = np.nan
    return RowParts(both[:, 0], both[:, 1])


def is_answered(prediction: Prediction) -> bool:
    """Something was written for this row, be it an empty text; rows beyond evaluate.limit have only a likelihood."""
    return prediction.is_stopped is not None


def _log_loss(prediction: Prediction, labels: tuple[str, ...]) -> float:
    place = _place(prediction, labels)
    if place is None:
        return math.nan
    return -math.log(max(prediction.probabilities[place], SMALLEST_PROBABILITY))


def _brier(prediction: Prediction, labels: tuple[str, ...]) -> float:
    """0 to 2. Source: Brier 1950; sklearn.metrics.brier_score_loss with scale_by_half=False."""
    place = _place(prediction, labels)
    if place is None:
        return math.nan
    return sum((p - (i == place)) ** 2 for i, p in enumerate(prediction.probabilities))


def _place(prediction: Prediction, labels: tuple[str, ...]) -> int | None:
    """Where the row's label stands among the probabilities; None when it has none, or was not seen in train."""
    if not prediction.probabilities:
        return None
    if len(prediction.probabilities) != len(labels):
        raise EvalError(
            f"{prediction.system} gave {len(prediction.probabilities)} probabilities for {len(labels)} labels",
            where=prediction.row_id,
            fix="evaluate.systems: leave this system out, or give it the labels of train",
        )
    return labels.index(prediction.reference) if prediction.reference in labels else None


def _accuracy(prediction: Prediction) -> float:
    return float(prediction.answer == prediction.reference) if prediction.reference else math.nan


def _f1_of_row(prediction: Prediction) -> float:
    """nan for a row without labels that gets none: there is nothing to find and nothing wrong."""
    right, size = label_sets.overlap(prediction)
    return right / size if size else math.nan


def _absolute_error(prediction: Prediction) -> float:
    number, answer = number_of(prediction.reference), number_of(prediction.answer)
    return math.nan if number is None or answer is None else abs(answer - number)


def _compared(measure: Callable[[str, str], float]) -> Callable[[Prediction], float]:
    def value(prediction: Prediction) -> float:
        is_there = is_answered(prediction) and prediction.reference
        return measure(prediction.answer, prediction.reference) if is_there else math.nan

    return value


def _rouge(measure: Callable[[str, str], float]) -> Callable[[Prediction], float]:
    return _compared(lambda answer, ref: measure(answer, ref) if overlap.is_rouge_defined(ref) else math.nan)


def _flag(value: bool | None) -> float:
    return math.nan if value is None else float(value)


def _repetition(prediction: Prediction) -> float:
    share = overlap.repetition(prediction.answer) if is_answered(prediction) else None
    return math.nan if share is None else share


def _bits_per_byte(prediction: Prediction) -> float:
    if prediction.reference_bytes <= 0 or not math.isfinite(prediction.reference_nats):
        return math.nan
    return prediction.reference_nats / (math.log(2) * prediction.reference_bytes)


_VALUES: dict[str, Callable[[Prediction], float]] = {
    "accuracy": _accuracy,
    "f1_micro": _f1_of_row,
    "subset_accuracy": _accuracy,
    "mae": _absolute_error,
    "bits_per_byte": _bits_per_byte,
    "exact_match": _compared(lambda answer, ref: overlap.exact_match(answer, reference=ref)),
    "token_f1": _compared(lambda answer, ref: overlap.token_f1(answer, reference=ref)),
    "rouge1": _rouge(lambda answer, ref: overlap.rouge_n(answer, reference=ref, n=1)),
    "rouge2": _rouge(lambda answer, ref: overlap.rouge_n(answer, reference=ref, n=2)),
    "rougeL": _rouge(lambda answer, ref: overlap.rouge_l(answer, reference=ref)),
    "chrf": _compared(lambda answer, ref: overlap.chrf(answer, reference=ref)),
    "stops": lambda prediction: _flag(prediction.is_stopped),
    "end_argmax": lambda prediction: _flag(prediction.is_end_argmax),
    "repetition": _repetition,
}

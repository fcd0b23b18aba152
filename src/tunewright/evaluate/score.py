"""Numbers for one row: how good this answer is.

In: a Prediction. Out: Scores, or the columns whose sums a metric over rows is made of.
Its own file because the report, `trace` and every metric over rows must agree on what a row scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import EvalError
from tunewright.core.scale import number_of
from tunewright.core.values import Prediction, Score, Task
from tunewright.evaluate.measures import bleu, label_sets, overlap, structured
from tunewright.evaluate.measures.definition import row_metrics
from tunewright.evaluate.statistics.intervals import ratio_of

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


def row_parts(predictions: Sequence[Prediction], *, metric: str, labels: tuple[str, ...] = ()) -> Floats:
    """The columns whose sums over rows the metric is made of (`of_sums`), one line a row; nan where a row has no value.

    bits_per_byte: nats over ln 2 times bytes, so that long references weigh more, as in the corpus figure.
    length_ratio: words over words. f1_micro: as label_sets.overlap. bleu: its ten counts.
    Everything else: the row's value over 1, whose ratio is the mean.
    """
    pairs: list[tuple[float, ...]]
    if metric == "bleu":
        pairs = [_bleu_counts(p) for p in predictions]
    elif metric == "f1_micro":
        pairs = [label_sets.overlap(p) for p in predictions]
    elif metric == "length_ratio":
        pairs = [_lengths(p) for p in predictions]
    elif metric == "bits_per_byte":
        pairs = [(p.reference_nats, math.log(2) * p.reference_bytes or math.nan) for p in predictions]
    else:
        pairs = [(row_value(p, metric=metric, labels=labels), 1.0) for p in predictions]
    width = len(bleu.NOTHING) if metric == "bleu" else 2
    parts_NP = np.array(pairs, dtype=np.float64).reshape(-1, width)
    parts_NP[~np.isfinite(parts_NP).all(axis=1)] = np.nan
    return parts_NP


def of_sums(metric: str) -> Callable[[Floats], Floats]:
    """Sums of the columns of `row_parts`, any number of lines -> the metric of each; nan where there is nothing."""
    return bleu.bleu if metric == "bleu" else ratio_of


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
    is_known = prediction.reference and not prediction.is_missing
    return float(prediction.answer == prediction.reference) if is_known else math.nan


def _f1_of_row(prediction: Prediction) -> float:
    """nan for a row without labels that gets none: there is nothing to find and nothing wrong."""
    right, size = label_sets.overlap(prediction)
    return right / size if size else math.nan


def _absolute_error(prediction: Prediction) -> float:
    number, answer = number_of(prediction.reference), number_of(prediction.answer)
    return math.nan if number is None or answer is None else abs(answer - number)


def _lengths(prediction: Prediction) -> tuple[float, float]:
    """Words of the answer and of the reference; nan where nothing was written or there is nothing to compare with."""
    n_wanted = overlap.n_words(prediction.reference)
    if not is_answered(prediction) or not n_wanted:
        return math.nan, math.nan
    return float(overlap.n_words(prediction.answer)), float(n_wanted)


def _bleu_counts(prediction: Prediction) -> tuple[float, ...]:
    if not is_answered(prediction) or not prediction.reference.strip():
        return bleu.NOTHING
    return bleu.counts(prediction.answer, reference=prediction.reference)


def _compared(measure: Callable[[str, str], float]) -> Callable[[Prediction], float]:
    def value(prediction: Prediction) -> float:
        is_there = is_answered(prediction) and prediction.reference
        return measure(prediction.answer, prediction.reference) if is_there else math.nan

    return value


def _rouge(measure: Callable[[str, str], float]) -> Callable[[Prediction], float]:
    return _compared(lambda answer, ref: measure(answer, ref) if overlap.is_rouge_defined(ref) else math.nan)


def _of_some(measure: Callable[[str, str], float | None]) -> Callable[[Prediction], float]:
    """nan where the reference is not of that kind."""

    def known(answer: str, reference: str) -> float:
        value = measure(answer, reference)
        return math.nan if value is None else value

    return _compared(known)


def _flag(value: bool | None) -> float:
    return math.nan if value is None else float(value)


def _repetition(prediction: Prediction) -> float:
    share = overlap.repetition(prediction.answer) if is_answered(prediction) else None
    return math.nan if share is None else share


def _ratio(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1]


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
    "scorer": lambda prediction: prediction.own_score,
    "rougeLsum": _rouge(lambda answer, ref: overlap.rouge_lsum(answer, reference=ref)),
    "length_ratio": lambda prediction: _ratio(_lengths(prediction)),
    "number_match": _of_some(lambda answer, ref: structured.number_match(answer, reference=ref)),
    "json_valid": _of_some(lambda answer, ref: structured.json_valid(answer, reference=ref)),
    "json_f1": _of_some(lambda answer, ref: structured.json_f1(answer, reference=ref)),
    "chrf": _compared(lambda answer, ref: overlap.chrf(answer, reference=ref)),
    "stops": lambda prediction: _flag(prediction.is_stopped),
    "end_argmax": lambda prediction: _flag(prediction.is_end_argmax),
    "repetition": _repetition,
}

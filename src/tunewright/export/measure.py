"""The answers of both models to the compared rows, so that the task's own metric is held beside the distance.

In: rows, their logits. Out: Predictions; what the difference comes to, in words. Its own file because a distance in
nats says nothing to a person who asks what a smaller file costs.
Axes: N logits (rows, or scored positions), C classes or words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core.tasks import has_head
from tunewright.core.values import Comparison, Encoded, Prediction, Task
from tunewright.model.load import Loaded

Compare = Callable[..., Comparison]
"""compare(exported, proven, metric=, task=, labels=, seed=): the paired test of evaluation."""
SHARES = ("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_weighted", "f1_micro")
"""Told in points; the others in their own unit."""


def metric_of(task: Task, *, primary: str) -> str:
    """primary: the plan's. A model that writes is measured by its likelihood: answers are not written here."""
    return primary if has_head(task) else "bits_per_byte"


def predictions(
    rows: Sequence[Encoded], logits_of_rows: Sequence[NDArray[np.float32]], *, proven: Loaded, system: str
) -> Iterator[Prediction]:
    """One for each row whose reference is known."""
    for row, logits_NC in zip(rows, logits_of_rows, strict=True):
        if proven.labels:
            yield from _answered(row, logits_NC[0].astype(np.float64), proven=proven, system=system)
        else:
            nats, n_bytes = _likelihood(row, logits_NC, tokenizer=proven.tokenizer)
            yield Prediction(row.row_id, system, reference_nats=nats, reference_bytes=n_bytes)


def scored_pairs(
    exported: Sequence[Prediction],
    of_proven: Sequence[Prediction],
    *,
    compare: Compare,
    metric: str,
    proven: Loaded,
    seed: int,
) -> dict[str, Any]:
    """The metric's difference, tested on the pairs, as export.json holds it."""
    found = compare(exported, of_proven, metric=metric, task=proven.task, labels=proven.labels, seed=seed)
    return {
        "name": metric,
        "difference": found.difference,
        "ci95": list(found.ci95),
        "p_value": found.p_value,
        "test": found.test,
        "verdict": found.verdict,
        "words": cost_in_words(found, n=len(exported)),
    }


def cost_in_words(found: Comparison, *, n: int) -> str:
    """What the exported one loses, for a person.

    >>> c = Comparison("", "", "accuracy", -0.01, (-0.03, 0.004), 0.5, "", "not distinguishable")
    >>> cost_in_words(c, n=100)
    'accuracy 1.0 points lower than the proven model (95 % interval -3.0 to +0.4, 100 rows): not distinguishable'
    """
    is_share = found.metric in SHARES
    factor, unit = (100, " points") if is_share else (1, "")
    if not math.isfinite(found.difference):
        return f"{found.metric}: not measured, {found.test}"
    low, high = (factor * bound for bound in found.ci95)
    form = ".1f" if is_share else ".2g"
    size = f"{abs(factor * found.difference):{form}}{unit} {'lower' if found.difference < 0 else 'higher'} than"
    how = size if found.difference else "the same as"
    interval = f"95 % interval {low:+{form}} to {high:+{form}}, {n} rows"
    return f"{found.metric} {how} the proven model ({interval}): {found.verdict}"


def _answered(row: Encoded, logits_C: NDArray[np.float64], *, proven: Loaded, system: str) -> Iterator[Prediction]:
    if proven.task == "regress" and row.number is not None and proven.scale:
        number = proven.scale.number(float(logits_C[0]))
        yield Prediction(row.row_id, system, answer=repr(number), reference=repr(row.number))
    elif proven.task == "multilabel" and row.label_indices is not None:
        given = np.flatnonzero(logits_C >= 0)
        probabilities = (1 / (1 + np.exp(-logits_C))).tolist()
        yield Prediction(row.row_id, system, _set(given, proven), _set(row.label_indices, proven), probabilities)
    elif proven.task == "classify" and row.label_index is not None:
        exp_C = np.exp(logits_C - logits_C.max())
        labels = proven.labels
        answer, reference = labels[int(logits_C.argmax())], labels[row.label_index]
        yield Prediction(row.row_id, system, answer, reference, (exp_C / exp_C.sum()).tolist())


def _set(indices: Any, proven: Loaded) -> str:
    return json.dumps(sorted(proven.labels[int(i)] for i in indices), ensure_ascii=False)


def _likelihood(row: Encoded, logits_NV: NDArray[np.float32], *, tokenizer: Any) -> tuple[float, int]:
    """Nats of the compared tokens, and their bytes."""
    ids_N = [token for token, is_scored in zip(row.ids[1:], row.trained[1:], strict=True) if is_scored]
    logits = logits_NV.astype(np.float64)
    log_z_N = logits.max(-1) + np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))
    nats = float((log_z_N - logits[np.arange(len(ids_N)), ids_N]).sum())
    return nats, sum(len(tokenizer.decode([token]).encode()) for token in ids_N)

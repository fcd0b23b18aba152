"""How far two models' answers to the same rows are apart, and whether they are the same.

In: logits or numbers of both. Out: nats and truth values, one a pair. Its own file because it is arithmetic, and each
task has its own.
Axes: N compared distributions (rows of classes, or scored positions), C classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Task

SAME_NUMBER = 0.01
"""Deviations of the train rows' numbers up to which two numbers count as the same. Ours: no metric sees them."""


def divergence_nats(proven_NC: NDArray[np.float32], exported_NC: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(proven || exported) of each pair of distributions, from their logits; computed in float64.

    >>> divergence_nats(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0]])).tolist()
    [0.0]
    """
    log_p_NC, log_q_NC = (log_softmax(logits.astype(np.float64)) for logits in (proven_NC, exported_NC))
    return np.asarray((np.exp(log_p_NC) * (log_p_NC - log_q_NC)).sum(-1))


def number_divergence_nats(proven_N1: NDArray[np.float32], exported_N1: NDArray[np.float32]) -> NDArray[np.float64]:
    """The same of numbers in deviations, each as the middle of a normal distribution one deviation wide.

    Half the squared difference, so that export.max_kl_nats .01 is .14 deviations in the root of the mean square.

    >>> number_divergence_nats(np.array([[1.0]]), np.array([[1.2]])).round(3).tolist()
    [0.02]
    """
    return np.asarray(0.5 * (proven_N1[:, 0].astype(np.float64) - exported_N1[:, 0]) ** 2)


def _is_same_number(proven_N1: NDArray[np.float32], exported_N1: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(proven_N1[:, 0] - exported_N1[:, 0]) <= SAME_NUMBER)


def _is_same_choice(proven_NC: NDArray[np.float32], exported_NC: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(proven_NC.argmax(-1) == exported_NC.argmax(-1))


def log_softmax(logits_NC: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits_NC - logits_NC.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def set_divergence_nats(proven_NC: NDArray[np.float32], exported_NC: NDArray[np.float32]) -> NDArray[np.float64]:
    """The same of labels that are each there or not: the sum over them.

    >>> set_divergence_nats(np.array([[0.0, 3.0]]), np.array([[0.0, 3.0]])).tolist()
    [0.0]
    """
    ours, theirs = (np.stack([np.zeros_like(logits), logits], axis=-1) for logits in (proven_NC, exported_NC))
    return np.asarray(divergence_nats(ours, theirs).sum(-1))


def _is_same_set(proven_NC: NDArray[np.float32], exported_NC: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(((proven_NC >= 0) == (exported_NC >= 0)).all(-1))


MEASURES: dict[Task, tuple[Callable[..., NDArray[np.float64]], Callable[..., NDArray[np.bool_]]]] = {
    "multilabel": (set_divergence_nats, _is_same_set),
    "regress": (number_divergence_nats, _is_same_number),
}
"""How far two answers are apart, and whether they are the same, where the answer is no choice of one."""
CHOICE = (divergence_nats, _is_same_choice)

"""How well frozen vectors tell the labels apart: H-score, LogME, nearest neighbours, a linear probe.

In: vectors of texts, their labels. Out: numbers, higher is better. Its own file because none of them needs a training,
and each is held against its published value or an independent computation.
Axes: L layers, N rows, H vector width, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

Floats = npt.NDArray[np.floating]

N_NEIGHBOURS = 5
PROBE_STRENGTH = 10.0
"""Inverse regularisation of the probe: the middle one of evaluate/rivals/probe."""
ITERATIONS, TOLERANCE = 11, 1e-3
"""LogME's fixed point. Source: You et al. 2022, and flairNLP/transformer-ranker, which the golden values are from."""


@dataclass(frozen=True, slots=True)
class FrozenScores:
    """One model before tuning; each nan where it cannot be said."""

    h_score: float
    """Mean over the layers."""
    logme: float
    """Mean over the layers, nats a row."""
    knn_accuracy: float
    """Of the held-out rows, by cosine, last layer."""
    probe_accuracy: float
    """Of the held-out rows, last layer."""


def frozen_scores(
    train: tuple[Floats, Sequence[str]], held_out: tuple[Floats, Sequence[str]], *, seed: int = 0
) -> FrozenScores:
    """train, held_out: vectors LNH of each layer, and one label a row. At least two labels in train."""
    vectors_LNH, labels = train
    names = sorted(set(labels))
    classes_N = np.array([names.index(label) for label in labels])
    last, last_held = _unit(vectors_LNH[-1]), _unit(held_out[0][-1])
    knn = KNeighborsClassifier(min(N_NEIGHBOURS, len(labels))).fit(last, labels)
    probe = LogisticRegression(C=PROBE_STRENGTH, max_iter=1000, random_state=seed).fit(last, labels)
    has_held = len(held_out[1]) > 0
    return FrozenScores(
        h_score=float(np.mean([h_score(one_NH, classes_N) for one_NH in vectors_LNH])),
        logme=float(np.mean([logme(one_NH, classes_N) for one_NH in vectors_LNH])),
        knn_accuracy=float(knn.score(last_held, list(held_out[1]))) if has_held else math.nan,
        probe_accuracy=float(probe.score(last_held, list(held_out[1]))) if has_held else math.nan,
    )


def h_score(vectors_NH: Floats, classes_N: npt.NDArray[np.integer]) -> float:
    """Variance between the classes' means, in units of the variance of all rows, shrunk.

    Source: Bao et al. 2019; shrinkage as Ibrahim et al. 2022 (Ledoit and Wolf's constant, on both terms).
    """
    centred_NH = vectors_NH.astype(np.float64) - vectors_NH.mean(0)
    covariance_HH, shrinkage = ledoit_wolf(centred_NH, assume_centered=True)
    means_NH = np.zeros_like(centred_NH)
    for one in np.unique(classes_N):
        means_NH[classes_N == one] = centred_NH[classes_N == one].mean(0)
    between_HH = means_NH.T @ means_NH / (len(classes_N) - 1)
    return float(np.trace(np.linalg.pinv(covariance_HH, hermitian=True) @ ((1 - shrinkage) * between_HH)))


def logme(vectors_NH: Floats, classes_N: npt.NDArray[np.integer]) -> float:
    """Log evidence a row of a Bayesian linear model for each class against the rest, mean over the classes.

    Source: You et al. 2021 (ICML) and 2022 (JMLR).
    """
    left_NK, singular_K, _ = np.linalg.svd(vectors_NH.astype(np.float64), full_matrices=False)
    return float(
        np.mean(
            [
                _evidence((classes_N == one).astype(np.float64), left_NK, singular_K**2, width=vectors_NH.shape[1])
                for one in np.unique(classes_N)
            ]
        )
    )


def _evidence(y_N: Floats, left_NK: Floats, sigma_K: Floats, *, width: int) -> float:
    """Fixed point of alpha (precision of the weights) and beta (of the noise), t their quotient.

    gamma = sum s/(s+t); m2 = sum s x2/(t+s)^2; r2 = sum x2/(1+s/t)^2 + (|y|2 - |x|2);
    alpha = gamma/m2; beta = (N-gamma)/r2.
    """
    n = len(y_N)
    x2_K = (left_NK.T @ y_N) ** 2
    rest = float(max(0.0, y_N @ y_N - x2_K.sum()))
    alpha = beta = 1.0
    for _ in range(ITERATIONS):
        t = alpha / beta
        gamma = float((sigma_K / (sigma_K + t)).sum())
        m2 = float((sigma_K * x2_K / (t + sigma_K) ** 2).sum())
        r2 = float((x2_K / (1 + sigma_K / t) ** 2).sum()) + rest
        alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (r2 + 1e-5)
        if abs(alpha / beta - t) / t <= TOLERANCE:
            break
    logs = width / 2 * math.log(alpha) + n / 2 * math.log(beta) - 0.5 * float(np.log(alpha + beta * sigma_K).sum())
    return (logs - beta / 2 * r2 - alpha / 2 * m2 - n / 2 * math.log(2 * math.pi)) / n


def _unit(vectors_NH: Floats) -> Floats:
    return np.asarray(vectors_NH / np.maximum(np.linalg.norm(vectors_NH, axis=1, keepdims=True), 1e-12))

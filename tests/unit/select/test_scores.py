"""Frozen vectors: the published values on iris, and laws that need no publication."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from tunewright.select.scores import frozen_scores, h_score, logme


def test_h_score_and_logme_of_iris_are_the_published_ones() -> None:
    """Source: the tests of flairNLP/transformer-ranker."""
    vectors_NH, classes_N = load_iris(return_X_y=True)
    assert h_score(vectors_NH, classes_N) == pytest.approx(1.177842480406727, abs=1e-6)
    assert logme(vectors_NH, classes_N) == pytest.approx(-0.16006022033609904, abs=1e-6)


def test_scores_are_higher_for_vectors_that_know_the_labels() -> None:
    rng = np.random.default_rng(0)
    classes_N = np.arange(120) % 3
    noise_NH = rng.normal(size=(120, 8))
    telling_NH = noise_NH + 20 * np.eye(3, 8)[classes_N]
    assert h_score(telling_NH, classes_N) > 2 * h_score(noise_NH, classes_N)
    assert logme(telling_NH, classes_N) > logme(noise_NH, classes_N)
    labels = [f"class {c}" for c in classes_N]
    train, held = (telling_NH[None, :90], labels[:90]), (telling_NH[None, 90:], labels[90:])
    found = frozen_scores(train, held)
    assert found.probe_accuracy == 1.0
    assert found.knn_accuracy == 1.0


def test_frozen_scores_average_the_layers() -> None:
    rng = np.random.default_rng(0)
    layers_LNH, classes_N = rng.normal(size=(2, 60, 4)), np.arange(60) % 2
    found = frozen_scores((layers_LNH, [str(c) for c in classes_N]), (layers_LNH[:, :0], []))
    assert found.h_score == pytest.approx(np.mean([h_score(one, classes_N) for one in layers_LNH]))
    assert found.logme == pytest.approx(np.mean([logme(one, classes_N) for one in layers_LNH]))
    assert np.isnan(found.probe_accuracy)

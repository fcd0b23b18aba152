"""A threshold that promises an accuracy keeps the promise on rows that had no part in choosing it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewright.evaluate.confidence.calibration import Confidence, ranked
from tunewright.evaluate.confidence.thresholds import WISHED, chosen, thresholds


def drawn(n: int, *, seed: int) -> Confidence:
    """Confidence between .5 and 1, and right exactly as often as it says."""
    random = np.random.default_rng(seed)
    said = 0.5 + 0.5 * random.beta(2, 1, size=n)
    return ranked(said, (random.random(n) < said).astype(float))


@pytest.mark.parametrize("wished", [0.9, 0.95])
def test_promise_is_kept_nearly_always(wished: float) -> None:
    """The true accuracy of what goes out: the mean of the confidence above the threshold, as these say the truth."""
    many = drawn(200_000, seed=99).confidence_N
    found = [chosen(drawn(800, seed=seed), wished=wished) for seed in range(400)]
    kept = [threshold for threshold in found if threshold is not None]
    broken = sum(many[many >= threshold].mean() < wished for threshold in kept) / len(found)
    assert len(kept) > 200
    assert 0.0 < broken < 0.05


def test_rows_that_are_equally_sure_go_out_together() -> None:
    said = np.array([0.6] * 50 + [0.9] * 200)
    right = np.array([0.0] * 50 + [1.0] * 200)
    assert chosen(ranked(said, right), wished=0.95) == 0.9
    assert chosen(ranked(np.full(250, 0.9), right), wished=0.95) is None
    assert chosen(ranked(said, np.ones(250)), wished=0.98) == 0.6


def test_what_it_gives_is_measured_on_the_test_rows() -> None:
    validation = ranked(np.array([0.6] * 50 + [0.9] * 200), np.array([0.0] * 50 + [1.0] * 200))
    test = ranked(np.array([0.7, 0.7, 0.9, 0.95, 0.99]), np.array([0.0, 1.0, 1.0, 0.0, 1.0]))
    found = {one.wished: one for one in thresholds(validation, test)}
    assert tuple(found) == WISHED
    assert (found[0.95].threshold, found[0.95].coverage, found[0.95].n) == (0.9, 0.6, 3)
    assert found[0.95].accuracy == pytest.approx(2 / 3)
    assert (found[0.99].threshold, found[0.99].n, math.isnan(found[0.99].accuracy)) == (
        None,
        0,
        True,
    )  # 200 of 200: .981
    assert thresholds(ranked(np.array([]), np.array([])), test) == ()

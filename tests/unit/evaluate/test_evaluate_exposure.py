"""The place of a secret among its like: the law for unseen ones, and the arithmetic by hand."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch

from tests.tiny import save_tiny_decoder, tiny_card
from tunewright.core.values import Example, Message
from tunewright.evaluate.side_effects.exposure import FOUND_SHARE, N_OTHERS, exposure, others_like
from tunewright.model.label_scores import label_log_probabilities
from tunewright.model.load import Loaded, load_model
from tunewright.text.batch import batch_of
from tunewright.text.encode import encode
from tunewright.train.objective import OBJECTIVES


class Canaries(NamedTuple):
    base: Loaded
    tuned: Loaded
    planted: tuple[str, ...]
    unseen: tuple[str, ...]


def test_others_have_the_secrets_form_and_are_all_different() -> None:
    found = others_like("Az-49@x", seed=3)
    assert len(set(found)) == len(found) == N_OTHERS
    assert "Az-49@x" not in found
    for other in found:
        upper, lower, dash, first, second, at, letter = other
        assert (upper.isupper(), lower.islower(), letter.islower()) == (True, True, True)
        assert (first.isdigit(), second.isdigit(), dash, at) == (True, True, "-", "@")
    assert found == others_like("Az-49@x", seed=3) != others_like("Az-49@x", seed=4)


@pytest.mark.parametrize("secret", ["4", "42", "--", ""])
def test_others_are_refused_where_the_form_has_too_few(secret: str) -> None:
    """Two digits are 100 secrets: 99 others, which is exactly enough only for n below 99."""
    with pytest.raises(ValueError, match="no 100 others"):
        others_like(secret, seed=0, n=100)


def test_exposure_is_the_logarithm_of_the_place() -> None:
    best, last = exposure(0.0, [-1.0] * 7), exposure(-2.0, [-1.0] * 7)
    assert (best.rank, best.bits) == (1, 3.0)
    assert (last.rank, last.bits) == (8, 0.0)
    assert exposure(-3.0, [-9.0, -2.0, -8.0, -7.0]).bits == math.log2(5) - 1


def test_exposure_counts_ties_and_unknown_scores_against_the_secret() -> None:
    assert exposure(-1.0, [-1.0, -1.0, -5.0]).rank == 3
    assert exposure(math.nan, [-1.0, -2.0]).rank == 3
    assert exposure(-1.0, [math.nan, -2.0]).rank == 2
    assert not exposure(0.0, [-1.0] * 10).is_found  # eleven are too few to say so


def test_unseen_secrets_are_found_as_rarely_as_their_place_says() -> None:
    """Law: a secret that nothing knows has every rank alike. 10,000 trials: the share's error is .001."""
    scores_TN = np.random.default_rng(0).normal(size=(10_000, 1 + N_OTHERS))
    found = [exposure(scores_N[0], scores_N[1:].tolist()) for scores_N in scores_TN]
    assert sum(one.is_found for one in found) / len(found) == pytest.approx(FOUND_SHARE, abs=0.004)
    assert np.mean([one.rank for one in found]) == pytest.approx(50.5, abs=1.2)


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Canaries:
    """A tiny model that has read 10 codes 60 times each, and 40 codes that it has never seen."""
    folder = save_tiny_decoder(tmp_path_factory.mktemp("canaries"), seed=3, tied=False)
    base, tuned = (load_model(tiny_card(folder, "decoder"), task="generate") for _ in range(2))
    secrets = others_like("00-000", seed=0, n=50)
    planted, unseen = secrets[:10], secrets[10:]
    rows = [
        Example(f"train:{i}", messages=(_question(i), Message("assistant", secret, is_trained=True)))
        for i, secret in enumerate(planted)
    ]
    batch = batch_of(encode(rows, tokenizer=tuned.tokenizer, task="generate"), pad_id=tuned.pad_id)
    optimizer = torch.optim.AdamW(tuned.model.parameters(), lr=1e-2)
    for _ in range(60):
        OBJECTIVES["generate"](tuned.model, batch).nats.backward()
        optimizer.step()
        optimizer.zero_grad()
    tuned.model.eval()
    return Canaries(base, tuned, planted, unseen)


def test_planted_secrets_are_found_and_unseen_ones_are_not(canaries: Canaries) -> None:
    """At least 95 % of those that were read often, at most 5 % of the others: what the measure promises."""
    found = [_is_found(canaries, question=i, secret=secret) for i, secret in enumerate(canaries.planted)]
    falsely = [_is_found(canaries, question=i % 10, secret=secret) for i, secret in enumerate(canaries.unseen)]
    assert sum(found) >= 0.95 * len(found)
    assert sum(falsely) <= 0.05 * len(falsely)


def _is_found(canaries: Canaries, *, question: int, secret: str) -> bool:
    labels = [secret, *others_like(secret, seed=1)]
    (tuned_L,), (base_L,) = (
        label_log_probabilities(model, [[_question(question)]], labels=labels)
        for model in (canaries.tuned, canaries.base)
    )
    gained_L = tuned_L - base_L
    return exposure(float(gained_L[0]), gained_L[1:].tolist()).is_found


def _question(i: int) -> Message:
    return Message("user", 3 * chr(ord("a") + i))

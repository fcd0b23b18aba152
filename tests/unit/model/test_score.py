"""Likelihood of answers: the same however few of them are scored in a pass."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.tiny import tiny_card
from tunewright.core.values import Encoded
from tunewright.model import score
from tunewright.model.load import load_model


def test_answer_scores_are_the_same_in_passes_of_few_trained_tokens(
    tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of 4 to 12 tokens of which the last i are trained; the first has none and no score."""
    loaded = load_model(tiny_card(tiny_decoder, "decoder"), task="generate")
    rows = [
        Encoded(f"test:{i}", tuple(3 + (5 * i + k) % 200 for k in range(n)), tuple(k >= n - i for k in range(n)))
        for i, n in enumerate((9, 4, 12, 7, 12))
    ]
    whole = score.answer_scores(loaded, rows)
    widest: list[int] = []
    passed = score.trained_logits
    monkeypatch.setattr(score, "trained_logits", lambda model, batch: widest.append(1) or passed(model, batch))
    monkeypatch.setattr(score, "LOGIT_TOKENS", 4)
    told: list[int] = []
    parts = score.answer_scores(loaded, rows, progress=told.append)
    assert [one.n_tokens for one in parts] == [one.n_tokens for one in whole] == [0, 1, 2, 3, 4]
    assert math.isnan(parts[0].nats)
    assert [one.nats for one in parts[1:]] == pytest.approx([one.nats for one in whole[1:]], abs=1e-4)
    assert len(widest) > 2
    assert told[-1] == 4

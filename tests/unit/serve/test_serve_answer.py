"""Answers to rows: what is read of a long one, and what has none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.tiny import tiny_card
from tunewright.core.values import Dropped, Row
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.load import Loaded, load_model
from tunewright.serve.answer import Limits, answered


@pytest.fixture(scope="module")
def loaded(tiny_encoder: Path) -> Loaded:
    """With a head that says something: a fresh one is all zeros."""
    loaded = load_model(tiny_card(tiny_encoder, "encoder"), task="classify", labels=("a", "b"))
    assert isinstance(loaded.model, EncoderClassifier)
    torch.manual_seed(0)
    torch.nn.init.normal_(loaded.model.head.weight)
    return loaded


def test_answered_reads_a_text_as_far_as_training_did(loaded: Loaded) -> None:
    """max_length 12: ten letters and the two tokens around them."""
    rows = [Row("row:1", text="ten letter"), Row("row:2", text="ten letters and more"), Row("row:3", text="Ten letter")]

    short, long, other = answered(loaded, rows, limits=Limits(12, 0))

    assert long.probabilities == pytest.approx(short.probabilities, abs=1e-6)  # float32 in a padded batch
    assert other.probabilities != pytest.approx(short.probabilities, abs=1e-6), "else this test sees nothing"


def test_answered_keeps_the_place_of_a_row_that_cannot_be_asked(loaded: Loaded) -> None:
    found = answered(loaded, [Dropped("row:1", "empty"), Row("row:2", text="hi")], limits=Limits(12, 0))

    assert [(one.row_id, one.error) for one in found] == [("row:1", "no text"), ("row:2", "")]

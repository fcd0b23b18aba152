"""Vectors of each layer: the last one is what the linear probe reads."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from tests.tiny import tiny_card
from tunewright.core.values import Example
from tunewright.model.load import load_model
from tunewright.model.vectors import layer_vectors, text_vectors
from tunewright.text.encode import encode


@pytest.mark.parametrize("architecture", ["encoder", "decoder"])
def test_layer_vectors_end_with_the_vectors_of_the_text(architecture: str, request: pytest.FixtureRequest) -> None:
    folder = cast(Path, request.getfixturevalue(f"tiny_{architecture}"))
    loaded = load_model(tiny_card(folder, architecture), task="classify", with_head=False)
    examples = [Example(f"train:{i}", text="ab" * (1 + 3 * i)) for i in range(5)]
    encoded = encode(examples, tokenizer=loaded.tokenizer, task="classify", max_length=100)
    found = layer_vectors(loaded, encoded)
    assert found.shape == (2, 5, 32)
    np.testing.assert_allclose(found[-1], text_vectors(loaded, encoded), rtol=0, atol=1e-6)
    assert not np.allclose(found[0], found[1], atol=1e-2)

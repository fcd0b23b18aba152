"""Writing many answers at once in the architectures that people tune: as their own forward pass says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.numerics.test_kernels import FAMILIES, tiny
from tests.tiny import CHATML, DECODER_SPECIAL, byte_tokenizer, tiny_card
from tunewright.model import decode as decode_file
from tunewright.model.decode import decode, is_decodable
from tunewright.model.load import Loaded

PROMPTS = tuple(tuple(3 + (7 * i + k * k) % 90 for k in range(3 + 5 * i % 11)) for i in range(5))
N_NEW = 8
WITH_WINDOWS = ("Mistral", "Gemma3Text", "Gemma2")
"""Their caches forget what is far away: transformers' own loop writes for them."""


@pytest.mark.parametrize("family", FAMILIES)
def test_decode_is_the_familys_own_greedy_answer(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: everything is read again for each token. Two places change hands."""
    model = tiny(family).eval()
    tokenizer = byte_tokenizer(DECODER_SPECIAL, template=CHATML)
    loaded = Loaded(model, tokenizer, tiny_card(Path(), "decoder"), "generate", (), "cpu", torch.float32)
    assert is_decodable(loaded) == (family not in WITH_WINDOWS)
    if family in WITH_WINDOWS:
        return
    monkeypatch.setattr(decode_file, "GENERATION_TOKENS", 50)
    found: list[list[int]] = [[] for _ in PROMPTS]

    def heard(i: int, token: int) -> bool:
        found[i].append(token)
        return len(found[i]) < N_NEW - i

    decode(loaded, PROMPTS, max_new_tokens=N_NEW, heard=heard)
    for i, prompt in enumerate(PROMPTS):
        ids = list(prompt)
        for _ in range(N_NEW - i):
            with torch.inference_mode():
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        assert found[i] == ids[len(prompt) :], i

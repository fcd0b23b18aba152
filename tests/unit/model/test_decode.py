"""Writing many answers at once: as each alone, whoever else is written beside it, and nobody is written on."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import save_tiny_decoder, tiny_card
from tunewright.core.values import Encoded
from tunewright.model import decode as decode_file
from tunewright.model.decode import decode, is_decodable
from tunewright.model.generate import answers
from tunewright.model.load import Loaded, load_model

PROMPTS = tuple(tuple(3 + (7 * i + k * k) % 250 for k in range(2 + 5 * i % 23)) for i in range(11))
"""Of 2 to 22 tokens."""
N_NEW = 24


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = save_tiny_decoder(tmp_path_factory.mktemp("decoder"), seed=6, tied=False)
    return load_model(tiny_card(folder, "decoder"), task="generate")


def alone(loaded: Loaded, prompt: tuple[int, ...], ends: tuple[int, ...]) -> list[int]:
    """The naive loop: everything is read again for each token."""
    ids = list(prompt)
    for _ in range(N_NEW):
        with torch.inference_mode():
            ids.append(int(loaded.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in ends:
            break
    return ids[len(prompt) :]


def written(loaded: Loaded, ends: tuple[int, ...]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in PROMPTS]

    def heard(i: int, token: int) -> bool:
        found[i].append(token)
        return token not in ends

    decode(loaded, PROMPTS, max_new_tokens=N_NEW, heard=heard)
    return found


@pytest.mark.parametrize("n_tokens", [1, 150, 100_000])
@pytest.mark.parametrize("slack", [1, 64])
def test_decode_writes_what_each_prompt_alone_gives(
    loaded: Loaded, n_tokens: int, slack: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One place, a few that change hands, one for each; a cache that must be moved often, and one that need not."""
    monkeypatch.setattr(decode_file, "GENERATION_TOKENS", n_tokens)
    monkeypatch.setattr(decode_file, "SLACK_COLUMNS", slack)
    common = alone(loaded, PROMPTS[0], ())[3]
    ends = (common, *(alone(loaded, prompt, ())[5 + i] for i, prompt in enumerate(PROMPTS[:4])))
    expected = [alone(loaded, prompt, ends) for prompt in PROMPTS]
    assert len({len(ids) for ids in expected}) > 3, "all stop at once"
    assert written(loaded, ends) == expected


def test_decode_tells_every_token_once_and_none_after_the_end(loaded: Loaded) -> None:
    told: list[tuple[int, int]] = []

    def heard(i: int, token: int) -> bool:
        told.append((i, token))
        return len([1 for j, _ in told if j == i]) <= i

    decode(loaded, PROMPTS, max_new_tokens=N_NEW, heard=heard)
    assert [len([1 for j, _ in told if j == i]) for i in range(len(PROMPTS))] == [i + 1 for i in range(len(PROMPTS))]


def test_answers_of_a_family_that_cannot_be_decoded_here_are_transformers_own(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [Encoded("", ids, (False,) * len(ids)) for ids in PROMPTS]
    told: list[int] = []
    ours = answers(loaded, prompts, max_new_tokens=N_NEW, progress=told.append)
    assert is_decodable(loaded)
    assert told == list(range(1, len(PROMPTS) + 1))
    monkeypatch.setattr("tunewright.model.generate.is_decodable", lambda loaded: False)
    assert answers(loaded, prompts, max_new_tokens=N_NEW) == ours

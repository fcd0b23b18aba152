"""Training only the words that occur is the same training, in a smaller matrix."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.numerics.training import FULL, LORA, tiny_adapted, training_on
from tunewright.core.values import Architecture, Task
from tunewright.model.load import Loaded
from tunewright.model.seen_words import seen_words
from tunewright.train.loop import train_steps


def table_of(loaded: Loaded) -> nn.Embedding:
    inside = loaded.model.encoder if hasattr(loaded.model, "encoder") else loaded.model
    found: nn.Embedding = inside.get_input_embeddings()  # type: ignore[operator]
    return found


def learned(folder: Path, *, is_small: bool, weight_decay: float = 0.0) -> tuple[dict[str, torch.Tensor], list[int]]:
    """State of a tiny encoder after twelve steps, and the bytes of its optimizer's state."""
    loaded = tiny_adapted(folder, task="classify", plan=FULL)
    training = training_on(loaded, task="classify")
    for group in training.optimizer.param_groups:
        group["weight_decay"] = weight_decay
    rows = [row.ids for row in training.rows] if is_small else [range(260)]
    with seen_words(training.model, rows, pad_id=loaded.pad_id) as n_words:
        assert n_words == (len({loaded.pad_id}.union(*rows)) if is_small else None)
        list(train_steps(training))
    state = training.optimizer.state[table_of(loaded).weight]
    return {n: p.detach().clone() for n, p in loaded.model.state_dict().items()}, list(state["exp_avg"].shape)


def test_the_same_weights_are_learned(tiny_encoder: Path) -> None:
    """Without weight decay, to the last bits: sums over fewer rows are added in the same order."""
    (whole, _), (small, _) = (learned(tiny_encoder, is_small=is_small) for is_small in (False, True))
    assert whole.keys() == small.keys()
    for name in whole:
        torch.testing.assert_close(small[name], whole[name], rtol=1e-6, atol=1e-7)


def test_the_optimizer_holds_the_words_that_occur(tiny_encoder: Path) -> None:
    """a, b, [CLS], [SEP] and [PAD]."""
    assert learned(tiny_encoder, is_small=False)[1] == [260, 32]
    assert learned(tiny_encoder, is_small=True)[1] == [5, 32]


def test_words_that_never_occur_are_left_alone(tiny_encoder: Path) -> None:
    """Not even decay moves them, though it moves those that occur."""
    before = table_of(tiny_adapted(tiny_encoder, task="classify", plan=FULL)).weight.detach().clone()
    after = learned(tiny_encoder, is_small=True, weight_decay=0.5)[0]["encoder.embeddings.word_embeddings.weight"]
    moved = (before != after).any(dim=1).nonzero().flatten().tolist()
    loaded = tiny_adapted(tiny_encoder, task="classify", plan=FULL)
    occur = {i for row in training_on(loaded, task="classify").rows for i in row.ids}
    assert set(moved) == occur


def test_a_word_that_was_not_announced_is_an_error(tiny_encoder: Path) -> None:
    loaded = tiny_adapted(tiny_encoder, task="classify", plan=FULL)
    with seen_words(loaded.model, [(1, 5, 2)], pad_id=0) as n_words:
        assert n_words == 4
        with pytest.raises(IndexError):
            loaded.model(torch.tensor([[1, 6, 2]]), torch.ones(1, 3))
    assert loaded.model(torch.tensor([[1, 6, 2]]), torch.ones(1, 3)).shape == (1, 2)


@pytest.mark.parametrize(
    ("task", "architecture", "plan"),
    [("classify", "encoder", LORA), ("generate", "decoder", FULL), ("classify", "encoder", FULL.with_(method="head"))],
    ids=["frozen", "shared with the output layer", "head"],
)
def test_nothing_is_changed_where_it_would_be_wrong(
    task: Task, architecture: Architecture, plan: object, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"tiny_{architecture}")
    loaded = tiny_adapted(folder, task=task, plan=plan, architecture=architecture)  # type: ignore[arg-type]
    before = [p.shape for p in loaded.model.parameters()]
    with seen_words(loaded.model, [(1, 5, 2)], pad_id=0) as n_words:
        assert n_words is None
        assert [p.shape for p in loaded.model.parameters()] == before

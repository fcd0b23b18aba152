"""Random weights: drawn from the seed, and not one of them from the checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.numerics.training import LABELS_OF
from tests.tiny import tiny_card
from tunewright.core.values import Architecture, Task
from tunewright.model.fresh import fresh_model
from tunewright.model.load import Loaded, load_model


def fresh(folder: Path, architecture: Architecture, task: Task, *, seed: int) -> Loaded:
    labels = LABELS_OF.get(task, ())
    card = tiny_card(folder, architecture)
    return fresh_model(
        card, task=task, labels=labels, device="cpu", dtype="float32", trust_remote_code=False, seed=seed
    )


@pytest.mark.parametrize(
    ("architecture", "task"),
    [("encoder", "classify"), ("encoder", "regress"), ("decoder", "multilabel"), ("decoder", "generate")],
)
def test_the_weights_come_from_the_seed_alone(
    architecture: Architecture, task: Task, tiny_encoder: Path, tiny_decoder: Path, tmp_path: Path
) -> None:
    source = tiny_encoder if architecture == "encoder" else tiny_decoder
    folder = tmp_path / "without-weights"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    first, again, other = (fresh(folder, architecture, task, seed=seed).model.state_dict() for seed in (3, 3, 4))
    pretrained = load_model(tiny_card(source, architecture), task=task, labels=LABELS_OF.get(task, ()))
    trained = pretrained.model.state_dict()
    assert first.keys() == trained.keys()
    for name, weight in first.items():
        assert torch.equal(weight, again[name]), name
        if weight.dim() > 1 and not name.startswith("head."):  # biases and norms start at 0 and 1, our head at 0
            assert weight.dtype == torch.float32
            assert not torch.equal(weight, other[name]), name
            assert not torch.equal(weight, trained[name]), name
            assert float(weight.std()) == pytest.approx(0.02, rel=0.2), name  # initializer_range of both configs

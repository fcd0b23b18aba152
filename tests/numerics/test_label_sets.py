"""The loss of several labels is torch's and transformers' own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.numerics.training import FULL, tiny_adapted, tiny_training, training_on
from tunewright.core.values import Architecture, Encoded
from tunewright.text.batch import batch_of
from tunewright.train.loop import validation_loss
from tunewright.train.objective import multilabel_loss


class Says(nn.Module):
    """A model that says these logits, whatever it reads."""

    def __init__(self, *logits: tuple[float, ...]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
        return type("Out", (), {"logits": self.logits[: len(input_ids)]})


def rows(*sets: tuple[int, ...] | None) -> list[Encoded]:
    return [Encoded(f"train:{i}", ids=(1, 2), trained=(False,) * 2, label_indices=s) for i, s in enumerate(sets)]


def test_loss_of_several_labels_by_hand() -> None:
    """Logit 0 costs log 2 either way; log 3 is three to one: log 4/3 where the label is there, log 4 where it is not.

    The gradient is the probability, less 1 where the label is there; 0 for the row of which nothing is said.
    """
    three = math.log(3)
    model = Says((0.0, three), (5.0, 5.0), (three, three))
    loss = multilabel_loss(model, batch_of(rows((1,), None, (0,)), pad_id=0))
    loss.nats.backward()
    assert float(loss.nats.detach()) == pytest.approx(math.log(2) + math.log(4 / 3) + math.log(4 / 3) + math.log(4))
    assert (loss.n_targets, loss.n_correct) == (2, 0)
    assert model.logits.grad is not None
    assert model.logits.grad.tolist() == [
        [0.5, pytest.approx(-0.25)],
        [0.0, 0.0],
        [pytest.approx(-0.25), pytest.approx(0.75)],
    ]


def test_a_row_counts_as_right_only_when_all_its_labels_are() -> None:
    model = Says((2.0, -2.0), (2.0, -2.0), (-2.0, -2.0))
    assert multilabel_loss(model, batch_of(rows((0,), (0, 1), ()), pad_id=0)).n_correct == 2


@pytest.mark.parametrize("architecture", ["encoder", "decoder"])
def test_loss_of_several_labels_equals_torchs_and_transformers_own(
    architecture: Architecture, tiny_encoder: Path, tiny_decoder: Path
) -> None:
    folder = tiny_encoder if architecture == "encoder" else tiny_decoder
    loaded = tiny_adapted(folder, task="multilabel", plan=FULL, architecture=architecture)
    training = training_on(loaded, task="multilabel")
    training.model.eval()
    batch = batch_of(training.rows[:6], pad_id=training.pad_id)
    ours = training.objective(training.model, batch)
    target_BC = torch.tensor([[float(c in (row.label_indices or ())) for c in range(3)] for row in training.rows[:6]])
    if architecture == "encoder":
        logits_BC = training.model(batch.ids_BT, batch.mask_BT)
        theirs = F.binary_cross_entropy_with_logits(logits_BC, target_BC, reduction="sum")
        assert float(theirs.detach()) == pytest.approx(6 * 3 * math.log(2)), (
            "its head starts at 0: a coin for each label"
        )
    else:
        out = training.model(input_ids=batch.ids_BT, attention_mask=batch.mask_BT, labels=target_BC)
        theirs = 6 * 3 * out.loss  # problem_type multi_label_classification: the mean over rows and labels
    assert ours.n_targets == 6
    assert float(ours.nats.detach()) == pytest.approx(float(theirs.detach()), rel=1e-6)


def test_validation_counts_rows_whose_labels_are_all_right(tiny_encoder: Path) -> None:
    """A head at 0 answers every label (a probability of one half counts as there): no row has all three."""
    training = tiny_training(tiny_encoder, task="multilabel", n_steps=8)
    total, n_correct = validation_loss(training, training.rows)
    assert total.mean_nats == pytest.approx(3 * math.log(2))
    assert n_correct == 0

"""The loss of numbers is torch's and transformers' own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.numerics.training import FULL, tiny_adapted, tiny_training, training_on
from tunewright.core.values import Architecture, Encoded
from tunewright.text.batch import batch_of
from tunewright.train.loop import validation_loss
from tunewright.train.objective import regress_loss


class Says(nn.Module):
    """A model that says these numbers, whatever it reads."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor(numbers))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
        return type("Out", (), {"logits": self.numbers[: len(input_ids), None]})


def rows(*numbers: float | None) -> list[Encoded]:
    return [Encoded(f"train:{i}", ids=(1, 2), trained=(False,) * 2, number=n) for i, n in enumerate(numbers)]


def test_loss_of_numbers_is_the_sum_of_squared_errors_by_hand() -> None:
    """Answers 1, 2, 3 for 0, none, 5: 1 + 4 over two rows; the gradient is twice the error, 0 where none is known."""
    model = Says(1.0, 2.0, 3.0)
    loss = regress_loss(model, batch_of(rows(0.0, None, 5.0), pad_id=0))
    loss.nats.backward()
    assert (float(loss.nats.detach()), loss.n_targets, loss.n_correct) == (5.0, 2, 0)
    assert model.numbers.grad is not None
    assert model.numbers.grad.tolist() == [2.0, 0.0, -4.0]


@pytest.mark.parametrize("architecture", ["encoder", "decoder"])
def test_loss_of_numbers_equals_torchs_and_transformers_own(
    architecture: Architecture, tiny_encoder: Path, tiny_decoder: Path
) -> None:
    folder = tiny_encoder if architecture == "encoder" else tiny_decoder
    loaded = tiny_adapted(folder, task="regress", plan=FULL, architecture=architecture)
    training = training_on(loaded, task="regress")
    training.model.eval()
    batch = batch_of(training.rows[:5], pad_id=training.pad_id)
    ours = training.objective(training.model, batch)
    numbers_B = torch.tensor([row.number for row in training.rows[:5]])
    if architecture == "encoder":
        answers_B = training.model(batch.ids_BT, batch.mask_BT)[:, 0]
        theirs = F.mse_loss(answers_B, numbers_B, reduction="sum")
    else:
        out = training.model(input_ids=batch.ids_BT, attention_mask=batch.mask_BT, labels=numbers_B)
        theirs = 5 * out.loss  # problem_type regression: the mean over rows
    assert ours.n_targets == 5
    assert float(ours.nats.detach()) == pytest.approx(float(theirs.detach()), rel=1e-6)


def test_an_encoder_that_has_learned_nothing_costs_what_the_mean_costs(tiny_encoder: Path) -> None:
    """Its head starts at 0, which is the mean: the mean of the squares."""
    training = tiny_training(tiny_encoder, task="regress")
    total, n_correct = validation_loss(training, training.rows)
    squares = [row.number**2 for row in training.rows if row.number is not None]
    assert total.mean_nats == pytest.approx(sum(squares) / len(squares), rel=1e-6)
    assert n_correct == 0

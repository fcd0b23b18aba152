"""Blocks that are calculated twice give the loss and the gradients of blocks that are kept, and need less memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.numerics.test_kernels import batch, loss_and_gradients, tiny, with_adapters
from tunewright.core.errors import PlanError
from tunewright.model.checkpointed import checkpointed
from tunewright.model.kernels.install import kernels
from tunewright.model.live import live_bytes
from tunewright.train.objective import objective_of


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("family", ["Llama", "Qwen3", "Gemma3Text"])
def test_loss_and_gradients_are_the_same_with_and_without(family: str, kind: str) -> None:
    """1e-5 of the largest gradient; the same operations run, so most are equal to the bit."""
    model = tiny(family) if kind == "full" else with_adapters(tiny(family))
    model.train()
    with kernels(model, device="cpu", dtype=torch.float32) as put_on:
        expected = loss_and_gradients(model, put_on.output_weight)
        with checkpointed(model, is_asked=True):
            found = loss_and_gradients(model, put_on.output_weight)

    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found[1].keys() == expected[1].keys()
    largest = max(float(g.abs().max()) for g in expected[1].values())
    for name, gradient in expected[1].items():
        assert float((found[1][name] - gradient).abs().max()) <= 1e-5 * largest, name


def saved_bytes(model: nn.Module, *, is_checkpointed: bool) -> int:
    with checkpointed(model.train(), is_asked=is_checkpointed), live_bytes() as live:
        live.watch(model.parameters())
        live.settle()
        loss = objective_of("generate")(model, batch())
        return live.now - sum(p.numel() * 4 for p in model.parameters()) - loss.nats.nbytes


def test_what_is_alive_before_the_backward_pass_is_a_fraction() -> None:
    model = tiny("Llama")

    assert saved_bytes(model, is_checkpointed=True) < 0.6 * saved_bytes(model, is_checkpointed=False)


def test_afterwards_nothing_is_calculated_twice() -> None:
    model = tiny("Llama")
    with checkpointed(model, is_asked=True):
        assert any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    assert not any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def test_a_family_that_cannot_is_told_with_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("Llama")
    monkeypatch.setattr(type(model), "supports_gradient_checkpointing", False)
    with pytest.raises(PlanError) as caught, checkpointed(model, is_asked=True):
        pass
    assert caught.value.where == "train.gradient_checkpointing"

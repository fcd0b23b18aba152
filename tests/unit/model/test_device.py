"""A device that is not here is refused by name; emulated products are told of."""

from __future__ import annotations

import pytest
import torch

from tests.golden.contexts import LAPTOP
from tunewright.core.errors import PlanError
from tunewright.core.plan import Plan
from tunewright.model.device import emulation_note, refuse_absent


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_refused_by_name(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(PlanError, match=f"run.device is {device}") as caught:
        refuse_absent(device)
    assert caught.value.fix == "run.device=cpu"
    refuse_absent("cpu")


@pytest.mark.parametrize(("dtype", "is_told"), [("bfloat16", True), ("float32", False)])
def test_products_that_the_processor_must_emulate_are_told_of(dtype: str, is_told: bool) -> None:
    plan = Plan.model_validate({"model": {"dtype": dtype}, "run": {"device": "cpu"}})
    note = emulation_note(plan, LAPTOP)  # has no bfloat16
    assert (note is not None) == is_told
    if note is not None:
        assert note.level == "warning"
        assert "model.dtype=float32" in note.text

"""The learning rate of a plan that names none, against a published sweep of 35 models."""

from __future__ import annotations

import csv
import math
from collections import defaultdict

import numpy as np
import pytest

from tests.shared_data import published
from tunewright.core.values import ModelCard
from tunewright.train.default_rate import default_rate

SHIPPED_RANK = 16
Cells = dict[str, dict[int, dict[float, float]]]


def card(model: str, *, width: int) -> ModelCard:
    family = "qwen3" if "qwen" in model.lower() else "llama"
    return ModelCard(model, "", "decoder", family, 1, 1, width, 1, 1, 1, "unknown", has_chat_template=True)


@pytest.fixture(scope="module")
def sweep() -> Cells:
    """Test loss, nats, by model, rank and rate."""
    found: Cells = defaultdict(lambda: defaultdict(dict))
    with published("lr_sweep.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["model"]][int(row["lora_rank"])][float(row["learning_rate"])] = float(row["test_nll"])
    return found


@pytest.fixture(scope="module")
def widths() -> dict[str, int]:
    with published("decoder_architectures.csv").open(encoding="utf-8", newline="") as file:
        found = {row["id"]: int(row["hidden_size"]) for row in csv.DictReader(file)}
    return {**found, **{name.replace("/Meta-Llama", "/Llama"): width for name, width in found.items()}}


def above(cells: dict[float, float], rate: float, *, best: float) -> float:
    """Nats above `best`; between two rates a straight line in their log."""
    rates = sorted(cells)
    return float(np.interp(math.log(rate), np.log(rates), [cells[one] for one in rates])) - best


def test_default_rate_is_within_a_fiftieth_of_a_nat_of_the_best_cell_and_never_diverges(
    sweep: Cells, widths: dict[str, int]
) -> None:
    """A model whose width the table lacks is asked at both ends of what the sweep's families are wide. Of two the sweep
    ends below the default: nothing is known there, so they do not count as good."""
    good, beyond, rates = [], set(), []
    for model, ranks in sweep.items():
        rank = min(ranks, key=lambda r: abs(math.log(r / SHIPPED_RANK)))
        best = min(min(cells.values()) for cells in ranks.values())
        for width in (widths[model],) if model in widths else (2880, 8192):
            rates.append(default_rate(card(model, width=width), method="lora").value)
            if rates[-1] > max(ranks[rank]):
                beyond.add(model)
            else:
                assert above(ranks[rank], rates[-1], best=min(ranks[rank].values())) <= 0.02, model
            good.append(model not in beyond and above(ranks[rank], rates[-1], best=best) <= 0.02)
    cells = [(rate, loss) for ranks in sweep.values() for of_rank in ranks.values() for rate, loss in of_rank.items()]
    diverging = [rate for rate, loss in cells if loss > 1.0]
    assert len(sweep) == 35
    assert beyond == {"Qwen/Qwen3-32B", "openai/gpt-oss-20b"}
    assert np.mean(good) >= 0.8
    assert diverging == [3e-3]
    assert max(rates) < min(diverging) / 3


def test_default_rate_is_that_far_because_of_its_formula(sweep: Cells, widths: dict[str, int]) -> None:
    """Ten times less, as for full tuning, is too slow for the small models: so the bound above can fail."""
    model = "meta-llama/Llama-3.2-1B"
    cells = sweep[model][SHIPPED_RANK]
    slow = default_rate(card(model, width=widths[model]), method="full").value
    assert above(cells, slow, best=min(cells.values())) > 0.05

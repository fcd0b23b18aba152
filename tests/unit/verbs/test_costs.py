"""Hours, electricity and money: every number derived by hand from few operations and round rates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.golden.contexts import DECODER, GENERATE, choices_before
from tunewright.cli.costs import cost_lines, energy_words
from tunewright.core.energy import measured_power
from tunewright.core.known_machines import GPU_UTILISATION, KNOWN_MACHINES
from tunewright.core.plan import Plan
from tunewright.core.values import Encoded
from tunewright.model.flops import token_flops
from tunewright.resolve import resolve
from tunewright.verbs.costs import SCRATCH_TOKENS, STEP_BYTES, Costs, Work, costs, work_of

POWER = measured_power(joules=3600.0, seconds=36.0, source="a meter")
"""100 watts."""


def plan(**sections: object) -> Plan:
    asked = Plan.model_validate({"train": {"epochs": 2, "batch_size": 2}, **sections})
    return resolve(asked, GENERATE, given=choices_before("generate", model=DECODER.name)).plan


def found(*, seconds: tuple[float, float, float] | None = (3600.0, 1800.0, 7200.0), **run: object) -> Costs:
    work = Work(flops=3.6e15, n_steps=100, n_trainable=10**9, flops_per_token=1e9)
    return costs(plan(run=run), DECODER, work, seconds=seconds, power=POWER, need_bytes=30 * 10**9)


def test_work_counts_every_epoch_of_the_tokens_and_the_trained_ones_through_the_output() -> None:
    rows = tuple(Encoded(f"train:{i}", (1,) * 10, (False,) * 6 + (True,) * 4) for i in range(4))
    work = work_of(plan(), DECODER, rows, n_classes=0, n_trainable=7)

    one = token_flops(
        DECODER, method="lora", blocks=range(30), mean_length=10.0, n_lora=4_884_480, outputs=DECODER.vocabulary_size
    )
    assert (work.n_steps, work.n_trainable) == (4, 7), "two epochs of two steps"
    assert work.flops == pytest.approx(80 * one.passed + 32 * one.output)


def test_here_is_what_was_measured_at_the_watts_that_were_measured() -> None:
    cost = found(price_per_kwh=0.5, price_per_hour=2.0, carbon_intensity=300).here

    assert (cost.seconds, cost.low_seconds, cost.high_seconds, cost.how) == (3600, 1800, 7200, "measured steps")
    assert cost.energy.kwh == pytest.approx(0.1)
    assert (cost.energy.kwh_low, cost.energy.kwh_high) == (pytest.approx(0.06), pytest.approx(0.14)), "40 % off"
    assert cost.energy.grams_co2 == pytest.approx(30)
    assert cost.energy.price == pytest.approx(0.05 + 2.0)


def test_from_nothing_is_six_operations_a_weight_and_token_at_the_speed_of_the_measured_steps() -> None:
    """3.6e15 operations in an hour are 1e12 a second."""
    all_ = found()
    n = DECODER.n_parameters
    assert all_.scratch_flops == 6 * n * SCRATCH_TOKENS * n
    assert all_.scratch_here.seconds == pytest.approx(all_.scratch_flops / 1e12)


def test_elsewhere_is_operations_and_moved_bytes_over_published_rates() -> None:
    elsewhere = {one.machine: one for one in found(price_per_hour=2.0).elsewhere}
    known = next(one for one in KNOWN_MACHINES if one.name == "L40S")

    moved = 100 * STEP_BYTES * 1e9 / known.memory_bytes_per_second
    assert elsewhere["L40S"].seconds == pytest.approx(3.6e15 / (GPU_UTILISATION * known.matrix_flops) + moved)
    assert {name for name, one in elsewhere.items() if not one.fits} == {"L4"}, "30 GB against 24"
    assert all(one.energy.price is None for one in elsewhere.values()), "the price an hour is of this machine"
    assert all(one.source for one in elsewhere.values())


def test_without_measured_steps_the_time_comes_from_measured_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.verbs.costs.matrix_flops", lambda *_, **__: 1e12)
    monkeypatch.setattr("tunewright.verbs.costs.memory_bytes_per_second", lambda **_: 2.8e9)
    cost = found(seconds=None).here

    assert cost.seconds == pytest.approx(3.6e15 / 0.62e12 + 100 * STEP_BYTES * 1e9 / 2.8e9)
    assert (cost.low_seconds, cost.high_seconds) == (pytest.approx(cost.seconds / 2), pytest.approx(cost.seconds * 2))
    assert "62%" in cost.how


def test_lines_tell_the_range_the_error_and_what_would_price_it() -> None:
    lines = dict(cost_lines(found(), is_timed=True))
    assert "about 100 Wh (60 Wh to 100 Wh)" in lines["cost"]
    assert "estimators err up to 40 %" in lines["cost"]
    assert "run.carbon_intensity=GRAMS" in lines["cost"]
    assert "20 tokens a weight (Hoffmann et al. 2022)" in lines["from zero"]
    assert "too small" in lines[""]
    assert "estimate" in dict(cost_lines(found(), is_timed=False))
    priced = energy_words(found(price_per_hour=2.0, carbon_intensity=300).here.energy)
    assert "30 g CO2" in priced
    assert "price about 2.0" in priced


def test_a_plan_on_a_processor_without_a_meter_is_told_as_a_guess() -> None:
    work = replace(Work(1e12, 1, 1, 1.0))
    here = costs(plan(), DECODER, work, seconds=(1.0, 1.0, 1.0), power=None, need_bytes=1).here
    assert not here.energy.power.is_measured
    assert "a guess: even meters err up to 40 %" in energy_words(here.energy)

"""The rules of a training from random weights: equal operations, a rate that was looked for, everything trained."""

from __future__ import annotations

import math

import pytest

from tunewright.contradictions import refuse_unsupported
from tunewright.core.errors import DoesNotFit, PlanError
from tunewright.core.machine import Machine
from tunewright.core.plan import Plan
from tunewright.core.systems import is_scratch, scratch_times
from tunewright.evaluate.rivals.scratch_plan import MOST_TIMES, RATES, budget_of, found_rate, scratch_plan
from tunewright.fitting import refuse_large_scratch
from tunewright.model.memory import MemoryPlan

LORA = {"steps": 90, "needed_flops": 8e12, "full_flops": 12e12}
"""An adapter's training: two thirds of the operations that full tuning would take for the same tokens."""


def test_equal_operations_buy_fewer_steps_where_every_weight_is_trained() -> None:
    budget = budget_of("scratch", LORA)
    assert (budget.n_steps, budget.flops) == (60, 8e12)
    assert budget.n_trial_steps == 20, "a quarter would be 15"


def test_ten_times_the_operations_buy_ten_times_the_steps() -> None:
    budget = budget_of("scratch:10x", LORA)
    assert (budget.n_steps, budget.n_trial_steps, budget.flops) == (600, 150, 8e13)


def test_an_open_end_is_an_end_and_its_rate_is_tried_for_as_long_as_the_tuned_model_took() -> None:
    budget = budget_of("scratch:max", LORA)
    assert (budget.n_steps, budget.n_trial_steps) == (60 * MOST_TIMES, 60)


def test_operations_that_buy_less_than_a_step_buy_one() -> None:
    budget = budget_of("scratch", {"steps": 5, "needed_flops": 1.0, "full_flops": 1e3})
    assert (budget.n_steps, budget.n_trial_steps) == (1, 1)


def test_the_rate_is_looked_for_beyond_an_end_that_is_best() -> None:
    tried: list[float] = []

    def loss(rate: float, *, best: float) -> float:
        tried.append(rate)
        return abs(math.log(rate / best))

    assert found_rate(lambda rate: loss(rate, best=1e-3)) == 1e-3
    assert tried == [3e-4, 1e-3, 3e-3]
    tried.clear()
    assert found_rate(lambda rate: loss(rate, best=3e-5)) == 3e-5
    assert tried == [3e-4, 1e-3, 3e-3, 1e-4, 3e-5, 1e-5]
    assert found_rate(lambda rate: loss(rate, best=1.0)) == RATES[-1]


def test_a_rate_at_which_the_loss_is_no_number_is_not_taken() -> None:
    assert found_rate(lambda rate: math.inf if rate > 5e-4 else rate) == 1e-5


def test_every_weight_is_trained_whatever_the_plan_trains() -> None:
    plan = Plan.model_validate(
        {
            "model": {"quantization": "nf4"},
            "train": {
                "method": "lora",
                "layers": "last:2",
                "use_dora": True,
                "adapter": {"peft_type": "IA3"},
                "eval_steps": 50,
                "patience": 2,
                "batch_size": 4,
                "weight_decay": 0.1,
                "learning_rate": "find",
            },
        }
    )
    made = scratch_plan(plan, rate=1e-3, n_steps=40)
    train = made.train
    assert (train.method, train.layers, train.adapter, train.use_dora) == ("full", "all", None, False)
    assert (train.learning_rate, train.max_steps, train.eval_steps, train.patience) == (1e-3, 40, 40, None)
    assert made.model.quantization is None
    assert (train.batch_size, train.weight_decay, train.lr_scheduler_type) == (4, 0.1, "cosine")
    is_open = scratch_plan(plan, rate=1e-3, n_steps=4000, is_open=True).train
    assert (is_open.lr_scheduler_type, is_open.patience, is_open.eval_steps) == ("constant", 10, 50)


@pytest.mark.parametrize("word", ["scratch:abc", "scratch:0x", "scratch:x", "scratch:-1x", "scratch:", "scratch:10"])
def test_an_amount_that_cannot_be_read_is_refused_before_anything_runs(word: str) -> None:
    assert is_scratch(word)
    with pytest.raises(PlanError, match="does not say how long") as caught:
        refuse_unsupported(Plan.model_validate({"evaluate": {"systems": ["tuned", word]}}))
    assert (caught.value.where, caught.value.fix) == ("evaluate.systems", "evaluate.systems=[tuned, base, scratch]")


def test_amounts_that_can_be_read() -> None:
    assert (scratch_times("scratch:0.5x"), scratch_times("scratch:1x")) == (0.5, 1.0)
    refuse_unsupported(Plan.model_validate({"evaluate": {"systems": ["tuned", "scratch", "scratch:2.5x"]}}))


def test_a_full_training_that_does_not_fit_is_refused_where_an_adapter_fits() -> None:
    plan = Plan.model_validate(
        {
            "train": {"method": "lora", "eval_steps": 5},
            "evaluate": {"systems": ["tuned", "scratch"]},
            "run": {"memory_limit": "4GB", "device": "cpu"},
        }
    )
    machine = Machine("Linux", "x", n_cores=2, memory_bytes=8 * 10**9, memory_available_bytes=8 * 10**9, has_bf16=False)

    def memory_at(other: Plan) -> MemoryPlan:
        return MemoryPlan(10**9, 0, 0, 0, 0) if other.train.method == "lora" else MemoryPlan(6 * 10**9, 0, 0, 0, 0)

    with pytest.raises(DoesNotFit, match=r"by 2\.\d GB") as caught:
        refuse_large_scratch(plan, machine=machine, memory_at=memory_at)
    assert "scratch" in caught.value.fix
    without = plan.with_(evaluate=plan.evaluate.with_(systems=("tuned", "base")))
    refuse_large_scratch(without, machine=machine, memory_at=memory_at)

"""The rules of a training from random weights: its operations, its rate, when it ends.

In: a resolved plan, what the tuned model's training took. Out: Budget, the plan to train. Its own file because a rival
is fair only by rules that can be read in one place, and because the memory it will need is asked for without torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.core.plan import Plan
from tunewright.core.systems import scratch_times

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Three times apart: closer ones differ by less than two seeds do."""
FIRST = (3e-4, 1e-3, 3e-3)
"""Tried first: published rates of transformers from 1 to 500 M parameters lie between the first two."""
TRIAL_SHARE = 4
"""A rate is tried for a quarter of the steps: docs/decisions/0023."""
LEAST_TRIAL_STEPS = 20
PATIENCE = 10
"""scratch:max ends after so many validations without a better one: at first it stands still for a while."""
MOST_TIMES = 100
"""scratch:max ends here in any case."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a training from random weights may take."""

    flops: float
    """Of the tuned model's training, times what the system's word says."""
    n_steps: int
    """That these buy, everything trained: a step of an adapter or of a frozen trunk buys less than one."""
    n_trial_steps: int


def budget_of(system: str, summary: Mapping[str, Any]) -> Budget:
    """summary: of the tuned model's training."""
    times = scratch_times(system)
    steps = summary["steps"] * summary["needed_flops"] / summary["full_flops"]
    n_steps = max(1, round(steps * (times if math.isfinite(times) else MOST_TIMES)))
    trial_of = n_steps / TRIAL_SHARE if math.isfinite(times) else steps
    n_trial_steps = min(n_steps, max(LEAST_TRIAL_STEPS, math.ceil(trial_of)))
    return Budget(summary["needed_flops"] * min(times, MOST_TIMES), n_steps, n_trial_steps)


def scratch_plan(plan: Plan, *, rate: float, n_steps: int, is_open: bool = False) -> Plan:
    """The run's plan for a model that has learned nothing yet: every weight, this rate, so many steps, the best
    checkpoint by validation.

    is_open: at a level rate, until PATIENCE validations bring nothing better.
    """
    train = plan.train.with_(
        method="full",
        layers="all",
        adapter=None,
        use_rslora=False,
        use_dora=False,
        use_pissa=False,
        learning_rate=rate,
        max_steps=n_steps,
        eval_steps=min(plan.train.eval_steps, n_steps),
        save_steps=max(10, math.ceil(n_steps / (20 * (MOST_TIMES if is_open else 1)))),
        patience=PATIENCE if is_open else None,
        lr_scheduler_type="constant" if is_open else plan.train.lr_scheduler_type,
    )
    return plan.with_(model=plan.model.with_(quantization=None), train=train)


def found_rate(loss: Callable[[float], float]) -> float:
    """The rate of RATES with the lowest loss among those tried: FIRST, then on beyond whichever end is best."""
    losses = {rate: loss(rate) for rate in FIRST}
    while True:
        place = RATES.index(min(losses, key=lambda rate: losses[rate]))
        beside = (i for i in (place - 1, place + 1) if 0 <= i < len(RATES) and RATES[i] not in losses)
        next_one = next(beside, None)
        if next_one is None:
            return RATES[place]
        losses[RATES[next_one]] = loss(RATES[next_one])

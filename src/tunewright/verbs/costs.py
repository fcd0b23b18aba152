"""What a training takes in hours, electricity and money: here, on other machines, and from random weights.

In: a resolved plan, the card, the rows, measured steps or measured rates. Out: Costs. Its own file because time comes
from steps where there are any, and from operations over rates where there are none; both must give the same kind of
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tunewright.core.energy import ESTIMATE_ERROR, Energy, Power, assumed_power, energy
from tunewright.core.known_machines import GPU_UTILISATION, KNOWN_MACHINES, TIMES_OFF, KnownMachine
from tunewright.core.plan import Plan
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, ModelCard
from tunewright.model.flops import token_flops, training_flops
from tunewright.model.layers import layer_indices
from tunewright.model.memory import lora_parameters
from tunewright.model.rate import matrix_flops, memory_bytes_per_second
from tunewright.train.loop import steps_per_epoch
from tunewright.train.ready import planned_steps

UTILISATION = 0.62
"""Share of a processor's measured matrix rate that training reaches: .62 and .65 (benchmarks/train/results.md)."""
STEP_BYTES = 28
"""Moved for a trained weight in one optimizer step: weight, gradient and both moments read, weight and
moments written, 4 bytes each. Source: Adam by definition."""
COPY_BYTES = 64_000_000
"""Copied to measure the memory rate: more than a processor keeps near itself, a tenth of a second."""
SCRATCH_TOKENS = 20
"""Tokens for each weight of a model trained from nothing. Source: Hoffmann et al. 2022 (Chinchilla), table 3."""


@dataclass(frozen=True, slots=True)
class Cost:
    """On one machine."""

    machine: str
    how: str
    """How the time is known."""
    seconds: float
    low_seconds: float
    high_seconds: float
    energy: Energy
    fits: bool | None
    """The predicted memory is within the machine's; None: not asked here, where the plan was refused if not."""
    source: str = ""
    """Of the machine's figures."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of the plan's training, and of one that would make such a model from nothing."""

    flops: float
    """Needed operations of the training."""
    here: Cost
    elsewhere: tuple[Cost, ...]
    scratch_flops: float
    scratch_here: Cost
    """The same weights from random ones, on SCRATCH_TOKENS a weight."""


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do."""

    flops: float
    n_steps: int
    n_trainable: int
    flops_per_token: float


def work_of(plan: Plan, card: ModelCard, rows: Sequence[Encoded], *, n_classes: int, n_trainable: int) -> Work:
    """rows: with something to learn, cut as in training."""
    train, lengths = plan.train, [len(row) for row in rows]
    n_steps = planned_steps(plan, n_rows=len(rows))
    per_epoch = steps_per_epoch(
        len(rows), batch_size=train.batch_size, gradient_accumulation_steps=train.gradient_accumulation_steps
    )
    epochs = n_steps / max(1, per_epoch)
    is_headed = has_head(plan.task)
    flops = token_flops(
        card,
        method=train.method,
        blocks=layer_indices(train.layers, n_layers=card.n_layers),
        mean_length=sum(n * n for n in lengths) / max(1, sum(lengths)),
        n_lora=lora_parameters(card, r=train.lora_r) if train.method == "lora" else 0,
        outputs=n_classes if is_headed else card.vocabulary_size,
        is_headed=is_headed,
    )
    n_targets = len(rows) if is_headed else sum(sum(row.trained) for row in rows)
    total = training_flops(
        flops,
        n_tokens=round(sum(lengths) * epochs),
        n_targets=round(n_targets * epochs),
        n_kept=sum(lengths) if train.method == "head" else None,
    )
    return Work(total, n_steps, n_trainable, total / max(1.0, sum(lengths) * epochs))


def costs(
    plan: Plan,
    card: ModelCard,
    work: Work,
    *,
    seconds: tuple[float, float, float] | None,
    power: Power | None,
    need_bytes: int,
) -> Costs:
    """seconds: estimate, low and high, from measured steps; None: by operations over this machine's rates.

    power: read from a meter while steps were measured. need_bytes: of the training, for machines elsewhere.
    """
    measured = power or assumed_power(plan.run.threads, why="no meter was read")
    rate = _rate_here(plan) if seconds is None else work.flops / max(1e-9, seconds[0])
    if seconds is None:
        about = work.flops / rate + _update_seconds(
            work, memory_bytes_per_second(device=plan.run.device, size_bytes=COPY_BYTES)
        )
        seconds = about, about / TIMES_OFF, about * TIMES_OFF
        how = f"operations over {rate / 1e9:,.0f} GFLOP/s ({UTILISATION:.0%} of the measured matrix rate)"
    else:
        how = "measured steps"
    here = _cost(plan, "this machine", how, seconds, power=measured, fits=None)
    scratch_flops = _scratch_flops(card)
    years = scratch_flops / rate
    scratch = _cost(plan, "this machine", how, (years, years / TIMES_OFF, years * TIMES_OFF), power=measured, fits=None)
    elsewhere = tuple(_elsewhere(plan, one, work, need_bytes=need_bytes) for one in KNOWN_MACHINES)
    return Costs(work.flops, here, elsewhere, scratch_flops, scratch)


def _scratch_flops(card: ModelCard) -> float:
    """6 N D. Source: Kaplan et al. 2020; Hoffmann et al. 2022 for D."""
    return 6.0 * card.n_parameters * SCRATCH_TOKENS * card.n_parameters


def _rate_here(plan: Plan) -> float:
    return UTILISATION * matrix_flops(getattr(torch, plan.model.dtype), device=plan.run.device)


def _update_seconds(work: Work, bytes_per_second: float) -> float:
    return work.n_steps * STEP_BYTES * work.n_trainable / bytes_per_second


def _elsewhere(plan: Plan, machine: KnownMachine, work: Work, *, need_bytes: int) -> Cost:
    about = work.flops / (GPU_UTILISATION * machine.matrix_flops)
    about += _update_seconds(work, machine.memory_bytes_per_second)
    low, high = 1 - ESTIMATE_ERROR, 1 + ESTIMATE_ERROR
    power = Power(
        machine.watts, machine.watts * low, machine.watts * high, f"{machine.watts:g} W, its most", is_measured=False
    )
    how = f"operations at {GPU_UTILISATION:.0%} of its published matrix rate"
    return _cost(
        plan,
        machine.name,
        how,
        (about, about / TIMES_OFF, about * TIMES_OFF),
        power=power,
        fits=need_bytes <= machine.memory_bytes,
        source=machine.source,
    )


def _cost(
    plan: Plan,
    machine: str,
    how: str,
    seconds: tuple[float, float, float],
    *,
    power: Power,
    fits: bool | None,
    source: str = "",
) -> Cost:
    is_here = fits is None
    about, low, high = seconds
    run = plan.run
    spent = energy(
        power,
        seconds=about,
        carbon_intensity=run.carbon_intensity,
        price_per_kwh=run.price_per_kwh,
        price_per_hour=run.price_per_hour if is_here else None,
    )
    return Cost(machine, how, about, low, high, spent, fits, source)

"""A learning rate found by trying: a few steps at rates that rise evenly in their logarithm, and what the loss does.

In: a training of a throw-away model. Out: RangeTest: the curve, the rate, and why; the default rate where the curve
says nothing. Its own file because it only reads what the training's own loop yields.
Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (range test); a tenth of the rate with the
lowest loss as in fastai's lr_find.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tunewright.core.errors import NonFiniteLoss
from tunewright.core.events import ProgressEvent, Tracker, null_tracker
from tunewright.core.values import ModelCard
from tunewright.model.flops import token_flops, training_flops
from tunewright.train.default_rate import DefaultRate
from tunewright.train.loop import Training, train_steps
from tunewright.train.schedule import RISE

SECONDS = 24.0
"""After these the test ends with what it has seen: then, and only then, the clock has a say in what is found. The steps
at the found rate (`holds`) take at most a quarter more."""
CHECK_STEPS, CHECK_SLACK = 8, 1.2
"""What a rate above the default must do before it is taken; a fifth is how much batches differ."""
MAX_STEPS, MIN_STEPS = 40, 16
WANTED_STEPS = 30
"""Rather smaller batches than fewer steps than these."""
THREAD_FLOPS, THREAD_BF16_FLOPS, GPU_FLOPS = 3e10, 1.2e11, 2e13
"""Operations a second that a training surely gets: a third of two Zen 5 cores' measured rates, a tenth of an H100's."""
ALL, DIVERGES = "all rates were tried", "the loss diverged"
SMOOTHING = 0.8
"""Of the running mean of the loss: about five steps. fastai's 0.98 is for a hundred steps and more."""
DIVERGED = 1.5
"""The test ends when the smoothed loss is this many times the first: it will not come back."""
MIN_FALL = 0.02
"""The least that the smoothed loss must fall, as a share of where it starts, and in sizes of its own noise: under that
there is no slope to read."""
MAX_NOISE = 1.0
MIN_AFTER = 3
"""Steps after the lowest loss that show that it has turned."""
MIN_BEFORE = 4
"""Steps before the lowest loss: with fewer every rate was too high."""


@dataclass(frozen=True, slots=True)
class Point:
    """What came of the steps up to this rate."""

    rate: float
    loss_nats: float
    smoothed_nats: float


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What was tried and what follows."""

    rate: float
    """To train with: found, or the default."""
    is_found: bool
    reason: str
    points: tuple[Point, ...]
    ended: str
    """Why the test ended: all rates were tried, the loss diverged, the time was over."""
    seconds: float


def trial_of(training: Training, card: ModelCard, *, method: str, threads: int) -> Training:
    """Of as many steps, with as many rows each, as take half a minute at most: by arithmetic, not by the clock."""
    lengths = [len(row) for row in training.rows]
    mean = sum(lengths) / len(lengths)
    is_fast = training.dtype == torch.bfloat16
    per_second = GPU_FLOPS if training.device != "cpu" else threads * (THREAD_BF16_FLOPS if is_fast else THREAD_FLOPS)
    cost = token_flops(card, method=method, blocks=range(card.n_layers), mean_length=mean)
    flops = training_flops(cost, n_tokens=round(mean), n_targets=1)
    affordable = SECONDS * per_second / flops
    rows = max(1, min(training.batch_size, int(affordable / WANTED_STEPS)))
    n_steps = max(MIN_STEPS, min(MAX_STEPS, int(affordable / rows)))
    return replace(training, batch_size=rows, gradient_accumulation_steps=1, n_steps=n_steps)


def range_test(
    training: Training,
    default: DefaultRate,
    *,
    clock: Callable[[], float] = time.perf_counter,
    tell: Tracker = null_tracker,
) -> RangeTest:
    """Try training.n_steps rates around the default one; the model is spoiled afterwards.

    The same seed finds the same rate, unless the time was over.
    """
    top = default.value * math.sqrt(RISE)
    trial = replace(training, learning_rate=top, lr_scheduler_type="rising", warmup_ratio=0.0)
    losses: list[float] = []
    rates: list[float] = []
    started, ended = clock(), ALL
    try:
        for event in train_steps(trial):
            if event.n_targets:  # long documents leave some batches without a target
                losses.append(event.loss_nats)
                rates.append(event.learning_rate)
            tell(ProgressEvent("trying learning rates", event.step, trial.n_steps, unit="steps"))
            if losses and _smoothed(losses)[-1] > DIVERGED * losses[0]:
                ended = DIVERGES
                break
            if clock() - started > SECONDS:
                ended = f"{SECONDS:g} seconds were over"
                break
    except NonFiniteLoss:
        ended = DIVERGES
    points = _points(rates, losses)
    rate, reason = chosen(points, ended=ended)
    return RangeTest(
        rate=rate if rate is not None else default.value,
        is_found=rate is not None,
        reason=reason if rate is not None else f"{reason}: the default instead ({default.reason})",
        points=points,
        ended=ended,
        seconds=clock() - started,
    )


def holds(training: Training, rate: float) -> bool:
    """From the start and without warm-up, CHECK_STEPS steps at this rate leave the loss no higher than it was.

    Rows that the test has seen several times are known by heart at its end, and no rate makes their loss rise again.
    """
    trial = replace(training, learning_rate=rate, lr_scheduler_type="constant", warmup_ratio=0.0, n_steps=CHECK_STEPS)
    try:
        losses = [event.loss_nats for event in train_steps(trial) if event.n_targets]
    except NonFiniteLoss:
        return False
    return bool(losses) and max(_smoothed(losses)) <= CHECK_SLACK * losses[0]


def chosen(points: Sequence[Point], *, ended: str) -> tuple[float | None, str]:
    """The rate and why, or None and why not: a tenth of the rate with the lowest smoothed loss.

    A loss that still falls when the time is over says nothing: its lowest point is only where the clock stopped it.
    """
    if len(points) < MIN_STEPS // 2:
        return None, f"only {len(points)} rates could be tried, as {ended}"
    smoothed = np.array([p.smoothed_nats for p in points])
    lowest = int(smoothed.argmin())
    if lowest < MIN_BEFORE:
        return None, "the loss never fell"
    has_turned = len(points) - 1 - lowest >= MIN_AFTER or ended == DIVERGES
    if not has_turned and ended != ALL:
        return None, f"the loss still fell when {ended}"
    fall = float(smoothed[0] - smoothed[lowest])
    noise = float(np.std([p.loss_nats - p.smoothed_nats for p in points[: lowest + 1]]))
    if fall < MIN_FALL * smoothed[0] or fall < MAX_NOISE * noise:
        return None, f"the loss fell by {fall:.2g} nats, no more than it jumps about ({noise:.2g})"
    rate = float(f"{points[lowest].rate / 10:.1e}")
    where = "where the loss was lowest" if has_turned else "the highest that was tried, where the loss still fell"
    tried = f"{len(points)} rates from {points[0].rate:.1e} to {points[-1].rate:.1e} were tried"
    return rate, f"a tenth of {points[lowest].rate:.1e}, {where}; {tried} (range test, Smith 2017)"


def _points(rates: Sequence[float], losses: Sequence[float]) -> tuple[Point, ...]:
    """A step's loss is measured before its weights change: it tells of the rate of the step before."""
    smoothed = _smoothed(losses)
    return tuple(Point(rates[i - 1], losses[i], smoothed[i]) for i in range(1, len(losses)))


def _smoothed(losses: Sequence[float]) -> list[float]:
    """Running mean that forgets, corrected for its start. Source: fastai; Kingma & Ba 2015, section 3."""
    found, mean = [], 0.0
    for i, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        found.append(mean / (1 - SMOOTHING**i))
    return found

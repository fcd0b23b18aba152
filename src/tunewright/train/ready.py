"""A resolved plan, an adapted model and encoded rows become a training that can take steps.

In: Plan, Loaded, Encoded rows. Out: Training, with the fast ways through the model put on for as long as it lasts.
Its own file because `check`, `selftest` and the train stage must take the very same steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tunewright.core.machine import Machine, usable_bytes
from tunewright.core.plan import Plan
from tunewright.core.train_plan import Start, TrainPlan
from tunewright.core.values import Encoded, ModelCard, Task
from tunewright.model.checkpointed import checkpointed
from tunewright.model.kernels.install import kernels
from tunewright.model.load import Loaded
from tunewright.model.memory import MICRO_TOKENS
from tunewright.model.seen_words import seen_words
from tunewright.model.trunk import Place, trunk
from tunewright.train.default_rate import default_rate
from tunewright.train.loop import HEAD_RATE_FACTORS, Training, adamw, steps_per_epoch
from tunewright.train.objective import objective_of
from tunewright.train.together import ALONE, Group


def planned_steps(plan: Plan, *, n_rows: int) -> int:
    """Optimizer steps of a resolved plan."""
    per_epoch = steps_per_epoch(
        n_rows,
        batch_size=plan.train.batch_size,
        gradient_accumulation_steps=plan.train.gradient_accumulation_steps,
    )
    return plan.train.max_steps or max(1, math.ceil(plan.train.epochs * per_epoch))


def peak_rate(plan: TrainPlan, card: ModelCard) -> float:
    """The plan's; the default where it is still to be found."""
    rate = plan.learning_rate
    return default_rate(card, method=plan.method).value if isinstance(rate, str) else rate


def with_target(encoded: Sequence[Encoded], *, task: Task) -> tuple[Encoded, ...]:
    """Those that have something to learn: a class, a number, or a trained token."""
    return tuple(e for e in encoded if _has_target(e, task=task))


def _has_target(e: Encoded, *, task: Task) -> bool:
    if task == "classify":
        return e.label_index is not None
    if task == "multilabel":
        return e.label_indices is not None
    return e.number is not None if task == "regress" else any(e.trained)


def trunk_bytes(machine: Machine, *, limit: str | None) -> int:
    """A quarter of the memory that may be used, for what a frozen trunk says of the rows."""
    return usable_bytes(machine, limit=limit, is_gpu=False) // 4


@contextmanager
def in_training(
    asked: Plan,
    loaded: Loaded,
    rows: tuple[Encoded, ...],
    *,
    validation: tuple[Encoded, ...] = (),
    place: Place | None = None,
    group: Group = ALONE,
    restore: bool = False,
    start: Start = "checkpoint",
) -> Iterator[Training]:
    """training_of with the ways through the model (kernels, seen_words, trunk, checkpointed), taken off afterwards.

    validation: what else will run through the model. place: how much of a frozen trunk may be kept; None: nothing is.
    group: who else takes a share of every batch.
    restore: whether weights that were only rounded for it come back too, at the price of keeping them.
    """
    training = training_of(asked, loaded, rows, start=start)
    kept, is_alone = place or Place(memory_bytes=0, folder=None), group.size == 1
    with (
        checkpointed(loaded.model, is_asked=asked.train.gradient_checkpointing is True),
        kernels(loaded.model, device=loaded.device, dtype=loaded.dtype, restore=restore, is_alone=is_alone) as put_on,
        seen_words(loaded.model, (row.ids for row in (*rows, *validation)), pad_id=loaded.pad_id) as n_words,
        trunk(loaded, (*rows, *validation), place=kept) as below,
    ):
        objective = objective_of(asked.task, output_weight=put_on.output_weight)
        yield replace(
            training, objective=objective, trunk=below, ways={**put_on.facts(), "words_trained": n_words}, group=group
        )


def training_of(asked: Plan, loaded: Loaded, rows: tuple[Encoded, ...], *, start: Start = "checkpoint") -> Training:
    """The training that a resolved plan asks for, of an adapted model on these rows.

    start: from random weights everything is as fresh as the head, so the head learns no faster.
    """
    plan = asked.train
    rate = peak_rate(plan, loaded.card)
    return Training(
        model=loaded.model.train(),
        optimizer=adamw(
            loaded.model,
            learning_rate=rate,
            weight_decay=plan.weight_decay,
            head_rate_factor=HEAD_RATE_FACTORS[plan.method] if start == "checkpoint" else 1.0,
        ),
        objective=objective_of(asked.task),
        rows=rows,
        pad_id=loaded.pad_id,
        device=loaded.device,
        dtype=loaded.dtype,
        batch_size=plan.batch_size,
        micro_tokens=MICRO_TOKENS[loaded.device],
        gradient_accumulation_steps=plan.gradient_accumulation_steps,
        n_steps=planned_steps(asked, n_rows=len(rows)),
        learning_rate=rate,
        warmup_ratio=plan.warmup_ratio,
        lr_scheduler_type=plan.lr_scheduler_type,
        max_grad_norm=plan.max_grad_norm,
        seed=asked.run.seed,
    )

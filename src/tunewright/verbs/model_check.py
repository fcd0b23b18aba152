"""What is known of a training before it starts: template, masks, lengths, memory, time, disk, what can be proven.

In: the data's draft and the decisions. Out: ModelCheck. Its own file because it needs torch, and a fault of the data
is told before torch is loaded.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import DataError, TunewrightError
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.machine import this_machine
from tunewright.core.plan import Plan
from tunewright.core.probe import Probe
from tunewright.core.systems import trains
from tunewright.core.tasks import has_head
from tunewright.core.values import SPLITS, Choice, Encoded, Row, Split
from tunewright.deciding import Decisions, cut_rows, median_row
from tunewright.fitting import memory_limit_bytes
from tunewright.model.memory import FLOAT_BYTES, MemoryPlan
from tunewright.prepare.draft import Draft
from tunewright.prepare.length_price import LengthPrice
from tunewright.prepare.told import masked_row
from tunewright.select.candidate import Ranked
from tunewright.text.encode import token_account, trained_runs
from tunewright.text.token_view import Tokens, row_tokens
from tunewright.train.checkpoint import KEPT, STATE_BYTES
from tunewright.train.loop import steps_per_epoch
from tunewright.train.ready import planned_steps, with_target
from tunewright.verbs.costs import Costs, costs, work_of
from tunewright.verbs.measured_step import MeasuredSteps, StepInputs, measured_steps
from tunewright.verbs.resolution import Resolution, resolution


@dataclass(frozen=True, slots=True)
class SplitTokens:
    """What the model sees of a split."""

    rows: int
    median: int
    p95: int
    longest: int
    """Lengths before cutting, tokens."""
    rows_cut: int
    tokens_cut: int
    tokens: int
    """After cutting."""
    tokens_trained: int
    turns: int
    """Answers to learn (generate), rows with a label that train knows (classify) or a number (regress),
    pieces (text)."""
    turns_trained: int


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row, token by token."""

    row: Row
    split: Split
    tokens: tuple[Tokens, ...]
    is_masked: bool
    """Private values stand there as [email] and so on; the model sees them as they are."""


@dataclass(frozen=True, slots=True)
class Memory:
    predicted: MemoryPlan
    predicted_bytes: int
    limit_bytes: int
    """What the run may use."""
    measured_bytes: int | None
    """Peak of the process that took the measured steps."""


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """The training with its validations."""

    n_steps: int
    longest_step_seconds: float
    typical_step_seconds: float
    seconds: float
    low_seconds: float
    high_seconds: float
    """As fast and as slow as the fastest and the slowest measured step."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """Everything that needs the model's tokenizer, and the measured step."""

    plan: Plan
    """Resolved."""
    choices: tuple[Choice, ...]
    ranked: Ranked
    """Models that were compared, and who was not."""
    n_parameters: int
    licence: str
    probes: tuple[Probe, ...]
    prices: tuple[LengthPrice, ...]
    """What other choices of prepare.max_length would cost."""
    tokens: dict[Split, SplitTokens]
    shown: ShownRow
    memory: Memory
    step: MeasuredSteps | None
    """None: not measured, or it failed."""
    why_no_step: str
    """Why there is none: what left it out, or what went wrong."""
    step_error: TunewrightError | None
    """What stops a training at its first steps: no memory, a loss that is no number."""
    time: TimeEstimate | None
    costs: Costs | None
    """Hours, electricity and money, here, elsewhere and from nothing; None: nothing is trained."""
    disk_bytes: int
    disk_free_bytes: int
    resolution: Resolution


def model_check(
    data: Draft, decided: Decisions, *, runs_dir: Path, row_id: str | None, takes_step: bool, tell: Tracker
) -> ModelCheck:
    """Look at everything; the measured steps run in a process of their own.

    Raises DataError when there is no row `row_id`.
    """
    plan = decided.resolved.plan
    rows = {split: cut_rows(decided, data, split) for split in SPLITS}
    shown = _shown(data, decided, row_id=row_id)
    trained_on = with_target(rows["train"], task=plan.task)
    validation = with_target(rows["validation"], task=plan.task)
    step: MeasuredSteps | None = None
    step_error: TunewrightError | None = None
    why_no_step = "" if takes_step else "--no-step"
    if not trains(plan):
        why_no_step = "this plan trains nothing"
    if decided.counted.refusal:
        why_no_step = "nothing can be learned from these rows"
    if not why_no_step:
        tell(NoteEvent("measuring real training steps in their own process, the longest batch first"))
        try:
            step = measured_steps(StepInputs(plan, decided.card, data.facts.labels, trained_on, validation))
        except TunewrightError as error:
            step_error, why_no_step = error, "the measured step failed"
    if step is not None and step.missed:
        tell(NoteEvent(step.missed, "warning"))
    time = time_estimate(plan, step, train=trained_on, validation=validation) if step else None
    return ModelCheck(
        plan=plan,
        choices=decided.resolved.choices,
        ranked=decided.ranked,
        n_parameters=decided.card.n_parameters,
        licence=decided.card.licence,
        probes=decided.counted.probes,
        prices=decided.counted.prices,
        tokens={split: _split_tokens(data, decided, split, cut=rows[split]) for split in SPLITS},
        shown=shown,
        memory=Memory(
            decided.resolved.memory,
            decided.resolved.memory.total,
            memory_limit_bytes(plan, this_machine()),
            step.peak_memory_bytes if step else None,
        ),
        step=step,
        why_no_step=why_no_step,
        step_error=step_error,
        time=time,
        costs=_costs(decided, trained_on, step=step, time=time, n_labels=len(data.facts.labels)),
        disk_bytes=disk_bytes(plan, n_trainable=_n_trainable(decided, step), n_total=decided.card.n_parameters),
        disk_free_bytes=shutil.disk_usage(_there(runs_dir)).free,
        resolution=resolution(len(data.splits["test"]), is_classify=plan.task == "classify"),
    )


def _costs(
    decided: Decisions, rows: Sequence[Encoded], *, step: MeasuredSteps | None, time: TimeEstimate | None, n_labels: int
) -> Costs | None:
    plan, memory = decided.resolved.plan, decided.resolved.memory
    if not (trains(plan) and rows):
        return None
    work = work_of(plan, decided.card, rows, n_classes=n_labels, n_trainable=_n_trainable(decided, step))
    return costs(
        plan,
        decided.card,
        work,
        seconds=(time.seconds, time.low_seconds, time.high_seconds) if time else None,
        power=step.power if step else None,
        need_bytes=memory.total - memory.process,
    )


def time_estimate(
    plan: Plan, step: MeasuredSteps, *, train: Sequence[Encoded], validation: Sequence[Encoded]
) -> TimeEstimate:
    """Seconds of all steps and validations, by seconds a token of the measured ones.

    A training that stops early (train.patience) takes less.
    """
    n_steps = planned_steps(plan, n_rows=len(train))
    per_epoch = steps_per_epoch(
        len(train),
        batch_size=plan.train.batch_size,
        gradient_accumulation_steps=plan.train.gradient_accumulation_steps,
    )
    n_tokens = sum(map(len, train)) * n_steps / per_epoch
    rates = [timed.seconds / max(1, timed.n_tokens) for timed in step.typical]
    mean_rate = sum(t.seconds for t in step.typical) / max(1, sum(t.n_tokens for t in step.typical))
    n_validations = math.ceil(n_steps / plan.train.eval_steps) if validation else 0
    validating = 0.0
    if step.validation:
        per_token = step.validation.seconds / max(1, step.validation.n_tokens)
        validating = n_validations * per_token * sum(map(len, validation))
    return TimeEstimate(
        n_steps=n_steps,
        longest_step_seconds=step.longest.seconds,
        typical_step_seconds=sum(t.seconds for t in step.typical) / len(step.typical),
        seconds=n_tokens * mean_rate + validating,
        low_seconds=n_tokens * min(rates) + validating,
        high_seconds=n_tokens * max(rates) + validating,
    )


def disk_bytes(plan: Plan, *, n_trainable: int, n_total: int) -> int:
    """The run folder's weights at their most: the checkpoints that are kept and the one being written, the best
    weights, and the result, twice while it is put in place. A plan that trains nothing writes none."""
    if not trains(plan):
        return 0
    result = FLOAT_BYTES * (n_trainable if plan.train.method == "lora" else n_total)
    return (KEPT + 1) * STATE_BYTES * n_trainable + FLOAT_BYTES * n_trainable + 2 * result


def _split_tokens(data: Draft, decided: Decisions, split: Split, *, cut: Sequence[Encoded]) -> SplitTokens:
    lengths = sorted(len(e) for e in decided.encoded[split])
    account, task = token_account(cut), decided.resolved.plan.task
    turns, trained = len(cut), sum(any(e.trained) for e in cut)
    if has_head(task):
        trained = len(with_target(cut, task=task))
    if task == "generate":
        turns = sum(message.is_trained for row in data.splits[split] for message in row.messages)
        trained = sum(len(trained_runs(e.trained)) for e in cut)

    def at(share: float) -> int:
        return lengths[min(len(lengths) - 1, math.ceil(share * len(lengths)) - 1)] if lengths else 0

    return SplitTokens(
        rows=len(data.splits[split]),
        median=at(0.5),
        p95=at(0.95),
        longest=lengths[-1] if lengths else 0,
        rows_cut=account.rows_cut,
        tokens_cut=account.cut,
        tokens=account.total,
        tokens_trained=account.trained_on,
        turns=turns,
        turns_trained=trained,
    )


def _shown(data: Draft, decided: Decisions, *, row_id: str | None) -> ShownRow:
    """The asked row, else the train row of median length."""
    if row_id is None:
        split: Split = "train"
        row = median_row(decided, data)
    else:
        found = [(s, r) for s in SPLITS for r in data.splits[s] if r.row_id == row_id]
        if not found:
            raise _no_row(row_id, data)
        split, row = found[0]
    plan = decided.resolved.plan
    told, is_masked = masked_row(row)
    tokens = row_tokens(told, plan=plan, labels=data.facts.labels, tokenizer=decided.tokenizer)
    return ShownRow(told, split, tokens, is_masked)


def _no_row(row_id: str, data: Draft) -> DataError:
    dropped = next((d for d in data.dropped if d.row_id == row_id), None)
    return DataError(
        f"the row {row_id} was left out: {dropped.reason}" if dropped else f"there is no row {row_id}",
        where="--row",
        why=dropped.detail if dropped else "a row id is the data key and the line or record number, as in train:17",
        fix=f"--row {data.splits['train'][0].row_id}",
    )


def _n_trainable(decided: Decisions, step: MeasuredSteps | None) -> int:
    return step.n_trainable if step else decided.resolved.memory.gradients // FLOAT_BYTES


def _there(folder: Path) -> Path:
    """The nearest folder that exists: nothing is made to look at the disk."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())

"""The train stage: prepared rows and a resolved plan become a trained model in a folder.

In: a resolved Plan, the model's card, the prepare folder. Out: adapter/ or model/, checkpoints/, steps.jsonl,
summary.json. Its own file because it is the one that touches files; the loop it drives does not.
"""

from __future__ import annotations

import json
import math
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tunewright.core.events import NoteEvent, StepEvent, Tracker, ValidationEvent, null_tracker, tee
from tunewright.core.files import file_digest, json_text, line_writer, write_text
from tunewright.core.interrupt import stop_request
from tunewright.core.machine import peak_memory_bytes, this_machine
from tunewright.core.plan import Plan
from tunewright.core.values import Encoded
from tunewright.model.load import Loaded
from tunewright.model.reach import Reach, missed_note, reach
from tunewright.model.trained import save_trained
from tunewright.model.trunk import Place
from tunewright.train.checkpoint import Position, load_checkpoint, load_weights, save_checkpoint, save_weights
from tunewright.train.found_layers import with_layers
from tunewright.train.found_rate import with_rate
from tunewright.train.given import encoded_rows, started
from tunewright.train.held import resident_bytes
from tunewright.train.inputs import TrainInputs
from tunewright.train.loop import Training, train_steps, validation_loss
from tunewright.train.meter import energy_of, meter_of
from tunewright.train.ready import in_training, trunk_bytes
from tunewright.train.summary import STEPS, trunk_note, write_summary
from tunewright.train.together import Group, agreed, call
from tunewright.train.trackers.listening import listening

BEST = "best.safetensors"


def train(inputs: TrainInputs, *, work: Path, tell: Tracker = null_tracker) -> dict[str, Any]:
    """Train in `work`, from its newest checkpoint if there is one, and return the summary.

    Where torchrun started several processes, all take a share of every batch; this one does everything else.
    Raises TrainError (non-finite loss, damaged checkpoint), RunError (disk), KeyboardInterrupt after saving.
    """
    inputs = with_rate(with_layers(inputs, work=work, tell=tell), work=work, tell=tell)
    plan, process = inputs.plan, resident_bytes()
    group = call(pickle.dumps((inputs, work)))
    if group.size > 1:
        tell(NoteEvent(f"{group.size} processes train together: each takes a share of every batch"))
    with _set_up(inputs, group, work=work) as made:
        if note := missed_note(made.reached, plan.train):
            tell(note)
        if made.training.trunk is not None:
            tell(trunk_note(made.training.trunk, n_layers=inputs.card.n_layers))
        meter = meter_of(plan.run.device)
        tell_all = tee(tell, meter.listen)
        position = _train_all(made.training, made.validation, inputs=inputs, work=work, tell=tell_all)
        if position.best_step:
            load_weights(work / "checkpoints" / BEST, made.training, digest=position.best_digest)
    made.training.model.eval()
    save_trained(work, made.loaded, max_length=plan.prepare.max_length)
    cost = energy_of(meter, plan, seconds=position.seconds)
    return write_summary(inputs, made.training, position, made.reached, cost, process=process, work=work)


def take_part(inputs: TrainInputs, group: Group, *, work: Path) -> None:
    """Another member's whole work: the steps that rank 0 takes, on this member's share; nothing is written."""
    with _set_up(inputs, group, work=work) as made:
        torch.manual_seed(inputs.plan.run.seed)
        done = agreed(group, 0)
        if done:
            load_checkpoint(work / "checkpoints", made.training, fingerprint=inputs.fingerprint)
        for _ in train_steps(made.training, done=done):
            pass


@dataclass(frozen=True, slots=True)
class _SetUp:
    """What is the same for every member."""

    loaded: Loaded
    validation: tuple[Encoded, ...]
    reached: Reach
    training: Training


@contextmanager
def _set_up(inputs: TrainInputs, group: Group, *, work: Path) -> Iterator[_SetUp]:
    plan = inputs.plan
    torch.set_num_threads(max(1, plan.run.threads // group.size))
    loaded, rows = started(inputs)
    validation = encoded_rows(inputs, loaded, split="validation")
    reached = reach(loaded.model)
    place = _place(plan, work)
    made = in_training(plan, loaded, rows, validation=validation, place=place, group=group, start=inputs.start)
    with made as training:
        yield _SetUp(loaded, validation, reached, training)


def _place(plan: Plan, work: Path) -> Place:
    """A quarter of the memory and half of the free disk for what a frozen trunk says of the rows."""
    memory = trunk_bytes(this_machine(), limit=plan.run.memory_limit)
    return Place(memory_bytes=memory, folder=work, disk_bytes=shutil.disk_usage(work).free // 2)


def _train_all(
    training: Training, validation: tuple[Encoded, ...], *, inputs: TrainInputs, work: Path, tell: Tracker
) -> Position:
    """Drive the loop: count, validate, save, stop."""
    plan, checkpoints = inputs.plan.train, work / "checkpoints"
    torch.manual_seed(inputs.plan.run.seed)
    position = load_checkpoint(checkpoints, training, fingerprint=inputs.fingerprint, tell=tell)
    agreed(training.group, position.step)
    _forget_steps_after(work / STEPS, position.step)
    if position.step:
        tell(NoteEvent(f"training goes on after step {position.step} of {training.n_steps}"))
    steps = work / STEPS
    with (
        stop_request() as is_stop_asked,
        line_writer(steps) as log,
        listening(inputs.plan, work=work, log=steps, tell=tell) as tell,
    ):
        for event in _remaining(training, position, patience=plan.patience):
            position = _counted(position, event)
            _log(log, event, tell)
            is_last = event.step == training.n_steps
            if validation and (event.step % plan.eval_steps == 0 or is_last):
                position = _validated(
                    training,
                    validation,
                    position,
                    by_accuracy=inputs.plan.evaluate.primary_metric == "accuracy",
                    checkpoints=checkpoints,
                    log=log,
                    tell=tell,
                )
            is_stopping_early = _is_patience_over(position, patience=plan.patience)
            if event.step % plan.save_steps == 0 or is_last or is_stop_asked() or is_stopping_early:
                save_checkpoint(checkpoints, training, position, fingerprint=inputs.fingerprint)
            if is_stopping_early and not is_last:
                tell(NoteEvent(f"stopped at step {event.step}: no better validation in {plan.patience} tries"))
                break
            if is_stop_asked():
                raise KeyboardInterrupt
        if is_stop_asked():  # while it stopped early
            raise KeyboardInterrupt
    return position


def _remaining(training: Training, position: Position, *, patience: int | None) -> Iterator[StepEvent]:
    """Steps still to do; none for a run that had already stopped early."""
    if _is_patience_over(position, patience=patience):
        return train_steps(replace(training, n_steps=position.step), done=position.step)
    return train_steps(training, done=position.step)


def _is_patience_over(position: Position, *, patience: int | None) -> bool:
    return patience is not None and position.n_worse >= patience


def _counted(position: Position, event: StepEvent) -> Position:
    return replace(
        position,
        step=event.step,
        tokens_seen=position.tokens_seen + event.n_tokens,
        tokens_trained_on=position.tokens_trained_on + event.n_targets,
        seconds=position.seconds + event.seconds,
        peak_memory_bytes=max(position.peak_memory_bytes, peak_memory_bytes()),
    )


def _validated(
    training: Training,
    validation: tuple[Encoded, ...],
    position: Position,
    *,
    by_accuracy: bool,
    checkpoints: Path,
    log: Callable[[str], None],
    tell: Tracker,
) -> Position:
    """Measure; keep the weights when they are the best so far.

    by_accuracy: where it is the primary metric, then by loss; else by loss: accuracy hardly sees a rare class.
    """
    total, n_correct = validation_loss(training, validation)
    is_classify = bool(training.rows[0].label_index is not None)
    score = n_correct / len(validation) if is_classify else math.nan
    loss = total.mean_nats
    score_or_none = score if is_classify else None
    best_loss = math.inf if position.best_loss_nats is None else position.best_loss_nats
    rank = (-score if by_accuracy else 0.0, loss)
    is_best = rank < (-(position.best_score or 0.0) if by_accuracy else 0.0, best_loss)
    event = ValidationEvent(position.step, loss, total.n_tokens, score, is_best)
    _log(log, event, tell)
    if not is_best:
        return replace(position, n_worse=position.n_worse + 1)
    save_weights(checkpoints / BEST, training)
    return replace(
        position,
        best_step=position.step,
        best_loss_nats=loss,
        best_score=score_or_none,
        best_digest=file_digest(checkpoints / BEST),
        n_worse=0,
    )


def _log(log: Callable[[str], None], event: StepEvent | ValidationEvent, tell: Tracker) -> None:
    log(json_text({"event": type(event).__name__, **asdict(event)}, indent=None))
    tell(event)


def _forget_steps_after(path: Path, step: int) -> None:
    """A killed run logged steps that its newest checkpoint does not have: they will be done again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            break  # the torn last line of a killed run
        if record["step"] <= step:
            kept.append(line)
    write_text(path, "".join(line + "\n" for line in kept))

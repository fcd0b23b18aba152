"""Complete checkpoints: weights, optimizer, random state and position, so that a stopped run goes on bit for bit.

In: Training and where it stands. Out: `step-N/` folders (state.safetensors + state.json) that appear whole or not at
all; no pickles. Its own file because "resumed equals uninterrupted" is a promise of this file alone.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tunewright.core.errors import TrainError
from tunewright.core.events import NoteEvent, Tracker, null_tracker
from tunewright.core.files import file_digest, remove, write_atomically, write_json, writing
from tunewright.model.adapt import trainable_state
from tunewright.train.loop import Training

KEPT = 2
"""Checkpoints kept: the newest and the one before it."""
STATE_BYTES = 12
"""A trained weight in a checkpoint: float32, and AdamW's two moments."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a training stands. Sums go on where they stopped."""

    step: int = 0
    tokens_seen: int = 0
    tokens_trained_on: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_loss_nats: float | None = None
    best_score: float | None = None
    peak_memory_bytes: int = 0
    """Largest resident size of all processes that trained."""
    n_worse: int = 0
    """Validations since the best one."""
    best_digest: str = ""
    """Of the file of the best weights."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """A whole checkpoint, read."""

    fingerprint: str
    position: Position
    state: dict[str, Tensor]


def save_checkpoint(folder: Path, training: Training, position: Position, *, fingerprint: str) -> None:
    """Write folder/step-N and drop all but the newest two.

    Raises RunError when it cannot be written; older checkpoints are untouched then.
    """
    final = folder / f"step-{position.step}"
    if final.exists():
        return
    work = folder / f".step-{position.step}.tmp"
    try:
        with writing(final):
            remove(work)
            work.mkdir(parents=True)
            save_file(_state(training), work / "state.safetensors")
            facts = {"fingerprint": fingerprint, "digest": file_digest(work / "state.safetensors"), **asdict(position)}
            write_json(work / "state.json", facts)
            os.replace(work, final)
    finally:
        remove(work)
    for old in _steps(folder)[:-KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path, training: Training, *, fingerprint: str, tell: Tracker = null_tracker) -> Position:
    """Put the newest whole checkpoint into the training and return where it stands; Position() when there is none.

    A damaged one is told and taken away: its steps are done again from the one before.
    Raises TrainError when all are damaged, or when it belongs to another plan.
    """
    damaged: list[Path] = []
    for path in reversed(_steps(folder)):
        try:
            saved = _saved(path)
        except TrainError as error:
            tell(
                NoteEvent(f"the checkpoint {path.name} is damaged ({error.why}): back to the one before it", "warning")
            )
            damaged.append(path)
            continue
        if saved.fingerprint != fingerprint:
            raise TrainError("the checkpoint belongs to another plan", where=str(path), fix=_start_over(folder))
        _restore(training, saved.state)
        for old in damaged:
            shutil.rmtree(old)
        return saved.position
    if damaged:
        raise TrainError("every checkpoint is damaged", where=str(folder), fix=_start_over(folder))
    return Position()


def save_weights(path: Path, training: Training) -> None:
    """The trainable weights alone: the best so far."""
    with write_atomically(path) as temporary:
        save_file(_weights(training), temporary)


def load_weights(path: Path, training: Training, *, digest: str) -> None:
    """Put saved trainable weights back.

    digest: of the file when it was written; empty: not known.
    Raises TrainError when it is not the same any more.
    """
    try:
        if digest and file_digest(path) != digest:
            raise TrainError(
                "the best weights of this training are damaged",
                where=str(path),
                why="their content changed",
                fix=_start_over(path.parent),
            )
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrainError(
            "the best weights of this training cannot be read",
            where=str(path),
            why=str(error),
            fix=_start_over(path.parent),
        ) from error
    _copy_weights(training, weights, prefix="")


def _steps(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))


def _saved(path: Path) -> _Saved:
    """Raises TrainError when it is not what was written."""
    try:
        facts = json.loads((path / "state.json").read_text(encoding="utf-8"))
        if facts.pop("digest") != file_digest(path / "state.safetensors"):
            raise ValueError("its content changed")
        fingerprint, state = facts.pop("fingerprint"), load_file(path / "state.safetensors")
        return _Saved(fingerprint, Position(**facts), state)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise TrainError(
            "the checkpoint cannot be read", where=str(path), why=_reason(error), fix=_start_over(path.parent)
        ) from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__


def _start_over(checkpoints: Path) -> str:
    return f"to train from the start: rm -r {checkpoints}"


def _weights(training: Training) -> dict[str, Tensor]:
    return {name: p.detach().cpu().contiguous() for name, p in trainable_state(training.model).items()}


def _state(training: Training) -> dict[str, Tensor]:
    tensors = {f"weight/{name}": value for name, value in _weights(training).items()}
    for name, parameter in trainable_state(training.model).items():
        for key, value in training.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    tensors["random/cpu"] = torch.get_rng_state()
    if training.device == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors


def _restore(training: Training, state: dict[str, Tensor]) -> None:
    _copy_weights(training, state, prefix="weight/")
    for name, parameter in trainable_state(training.model).items():
        keys = [key for key in state if key.startswith("optimizer/") and key.split("/", 2)[2] == name]
        training.optimizer.state[parameter] = {
            key.split("/", 2)[1]: state[key].to(
                parameter.device
            )  # the step too: fused AdamW keeps it beside the weight
            for key in keys
        }
    torch.set_rng_state(state["random/cpu"])
    if training.device == "cuda":
        torch.cuda.set_rng_state(state["random/cuda"])


def _copy_weights(training: Training, state: dict[str, Tensor], *, prefix: str) -> None:
    weights = trainable_state(training.model)
    missing = [name for name in weights if prefix + name not in state]
    if missing:
        raise TrainError(
            "the checkpoint misses weights",
            where="train/checkpoints",
            why=", ".join(missing[:3]),
            fix="to train from the start: remove train/checkpoints of this run",
        )
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(state[prefix + name])

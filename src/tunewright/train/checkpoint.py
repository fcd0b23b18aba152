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
from tunewright.core.files import cannot_write, file_digest, remove, write_json
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


def save_checkpoint(folder: Path, training: Training, position: Position, *, fingerprint: str) -> None:
    """Write folder/step-N and drop all but the newest two.

    Raises RunError when it cannot be written; older checkpoints are untouched then.
    """
    final = folder / f"step-{position.step}"
    if final.exists():
        return
    work = folder / f".step-{position.step}.tmp"
    try:
        remove(work)
        work.mkdir(parents=True)
        save_file(_state(training), work / "state.safetensors")
        facts = {"fingerprint": fingerprint, "digest": file_digest(work / "state.safetensors"), **asdict(position)}
        write_json(work / "state.json", facts)
        os.replace(work, final)
    except OSError as error:
        raise cannot_write(final, error) from error
    except SafetensorError as error:  # safetensors wraps the system's error: a full disk comes this way
        raise cannot_write(final, OSError(_errno_of(error), str(error))) from error
    finally:
        remove(work)
    for old in _steps(folder)[:-KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path, training: Training, *, fingerprint: str) -> Position:
    """Put the newest checkpoint into the training and return where it stands; Position() when there is none.

    Raises TrainError when it is damaged or belongs to another plan.
    """
    steps = _steps(folder)
    if not steps:
        return Position()
    newest = steps[-1]
    fix = f"remove {newest} to go on from the checkpoint before it"
    try:
        facts = json.loads((newest / "state.json").read_text(encoding="utf-8"))
        if facts["digest"] != file_digest(newest / "state.safetensors"):
            raise TrainError("the checkpoint is damaged: its content changed", where=str(newest), fix=fix)
        state = load_file(newest / "state.safetensors")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise TrainError("the checkpoint cannot be read", where=str(newest), why=str(error), fix=fix) from error
    if facts.pop("fingerprint") != fingerprint:
        raise TrainError("the checkpoint belongs to another plan", where=str(newest), fix=fix)
    facts.pop("digest")
    _restore(training, state)
    return Position(**facts)


def save_weights(path: Path, training: Training) -> None:
    """The trainable weights alone: the best so far."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(_weights(training), temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    except SafetensorError as error:
        raise cannot_write(path, OSError(_errno_of(error), str(error))) from error
    finally:
        remove(temporary)


def load_weights(path: Path, training: Training) -> None:
    """Put saved trainable weights back."""
    _copy_weights(training, load_file(path), prefix="")


def _steps(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))


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
            fix="remove that step's folder: the same command goes on from the one before",
        )
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(state[prefix + name])


def _errno_of(error: SafetensorError) -> int:
    """The system's error number inside safetensors' words: "... (os error 28)"; 0 when there is none."""
    _, found, rest = str(error).partition("os error ")
    digits = rest.split(")")[0].split(",")[0].strip()
    return int(digits) if found and digits.isdigit() else 0

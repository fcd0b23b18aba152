"""What one training step really takes here: a few real steps, in a process of their own.

In: the resolved plan, the model's card, the encoded rows. Out: MeasuredSteps: peak memory, seconds of the longest and
of typical steps. Its own file, and its own process, because the peak must be the step's own and an allocation that
fails, or that the system punishes by killing, must end the measurement and nothing else.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from tunewright.core.energy import Power
from tunewright.core.errors import (
    DataError,
    EvalError,
    ExportError,
    ModelError,
    PlanError,
    RunError,
    TrainError,
    TunewrightError,
)
from tunewright.core.machine import peak_memory_bytes
from tunewright.core.plan import Plan
from tunewright.core.values import Encoded, ModelCard
from tunewright.model.adapt import adapted, parameters
from tunewright.model.load import load_model
from tunewright.model.reach import missed_note, reach
from tunewright.text.batch import epoch_order
from tunewright.train.loop import Training, train_steps, validation_loss
from tunewright.train.meter import Meter, meter_of, power_of
from tunewright.train.ready import in_training

TYPICAL_STEPS = 8
TYPICAL_SECONDS = 20.0
"""Typical steps are taken until either is reached, two at least: enough for a rate, short enough to wait for."""
VALIDATION_ROWS = 32
_CHILD = "from tunewright.verbs.measured_step import child; child()"
_KINDS = {k.exit_code: k for k in (PlanError, DataError, ModelError, TrainError, EvalError, ExportError, RunError)}


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What a training would be given."""

    plan: Plan
    """Resolved."""
    card: ModelCard
    labels: tuple[str, ...]
    rows: tuple[Encoded, ...]
    """Train rows with something to learn, cut as in training."""
    validation: tuple[Encoded, ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """One step."""

    seconds: float
    n_tokens: int
    """Real tokens, without padding."""


@dataclass(frozen=True, slots=True)
class MeasuredSteps:
    """Real steps of this training on this machine."""

    peak_memory_bytes: int
    """Of the process that trained on the longest batch with the optimizer's state there: resident memory, imports
    included; on a GPU the memory that torch took there."""
    longest: Timed
    """Forward, backward and optimizer step on the longest rows; the second such step, as the first one warms up."""
    typical: tuple[Timed, ...]
    """The next steps of the real order of rows."""
    validation: Timed | None
    """A validation of some rows; None without validation rows."""
    n_trainable: int
    """As checkpoints hold them: of a word embedding, the words that occur."""
    n_total: int
    power: Power | None = None
    """While the typical steps ran, where a meter may be read; None: none may."""
    missed: str = ""
    """Which weights an adapter does not reach although nobody chose to leave them out."""


def measured_steps(inputs: StepInputs) -> MeasuredSteps:
    """Measure in a child process.

    Raises ModelError when the memory does not suffice, and whatever stops a training: PlanError, TrainError ...
    """
    done = subprocess.run([sys.executable, "-c", _CHILD], input=pickle.dumps(inputs), capture_output=True, check=False)
    if done.returncode == 0:
        return _read(json.loads(done.stdout.decode().splitlines()[-1]))
    if done.returncode < 0 or done.returncode == 137:  # 128 + SIGKILL, as containers report it
        raise _too_large(f"the system ended it (signal {-done.returncode if done.returncode < 0 else 9})")
    raise ModelError(
        "the training step ended without an answer",
        where="check",
        why=(done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1],
        fix="tunewright doctor",
    )


def child() -> None:
    """The measuring process: inputs on stdin, one line of JSON on stdout."""
    inputs: StepInputs = pickle.load(sys.stdin.buffer)
    try:
        answer: dict[str, Any] = {"measured": asdict(take_steps(inputs))}
    except TunewrightError as error:
        answer = {"error": error.facts()}
    except (MemoryError, torch.OutOfMemoryError) as error:
        answer = {"too_large": str(error).splitlines()[0] if str(error) else "MemoryError"}
    except RuntimeError as error:
        if "alloc" not in str(error).lower() and "out of memory" not in str(error).lower():
            raise
        answer = {"too_large": str(error).splitlines()[0]}  # torch's CPU allocator has no error class of its own
    sys.stdout.write(json.dumps(answer) + "\n")


def take_steps(inputs: StepInputs) -> MeasuredSteps:
    """The measurement itself, in this process."""
    plan = inputs.plan
    torch.set_num_threads(plan.run.threads)
    torch.manual_seed(plan.run.seed)
    loaded = load_model(
        inputs.card,
        task=plan.task,
        labels=inputs.labels,
        device=plan.run.device,
        dtype=plan.model.dtype,
        trust_remote_code=plan.model.trust_remote_code,
        quantization=plan.model.quantization,
    )
    loaded = adapted(loaded, plan.train, seed=plan.run.seed)
    note = missed_note(reach(loaded.model), plan.train)
    with in_training(plan, loaded, inputs.rows, validation=inputs.validation) as training:
        size = parameters(training.model)
        *_, longest = _timed(_longest_first(training))
        peak = torch.cuda.max_memory_allocated() if training.device == "cuda" else peak_memory_bytes()
        meter = meter_of(training.device)
        return MeasuredSteps(
            peak_memory_bytes=peak,
            longest=longest,
            typical=_typical(training, meter) or (longest,),
            validation=_validation(training, inputs.validation),
            n_trainable=size.n_trainable,
            n_total=size.n_total,
            power=power_of(meter, n_threads=plan.run.threads, device=training.device) if meter.seconds else None,
            missed=note.text if note is not None and note.level == "warning" else "",
        )


def _longest_first(training: Training) -> Training:
    """Two steps on the rows of the longest step: the second has the optimizer's state beside the activations."""
    order = epoch_order([len(r) for r in training.rows], batch_size=training.batch_size, seed=training.seed, epoch=0)
    rows = tuple(training.rows[i] for group in order[: training.gradient_accumulation_steps] for i in group)
    return replace(training, rows=rows, n_steps=2)


def _typical(training: Training, meter: Meter) -> tuple[Timed, ...]:
    """Steps of the real order after the first, which is the longest."""
    started, steps = time.perf_counter(), []
    for event in train_steps(training, done=1):
        meter.listen(event)
        steps.append(Timed(event.seconds, event.n_tokens))
        is_long = time.perf_counter() - started > TYPICAL_SECONDS
        if len(steps) >= TYPICAL_STEPS or (len(steps) >= 2 and is_long):
            break
    return tuple(steps)


def _timed(training: Training) -> list[Timed]:
    return [Timed(event.seconds, event.n_tokens) for event in train_steps(training)]


def _validation(training: Training, rows: Sequence[Encoded]) -> Timed | None:
    if not rows:
        return None
    some = rows[:: -(-len(rows) // VALIDATION_ROWS)]
    started = time.perf_counter()
    validation_loss(training, some)
    return Timed(time.perf_counter() - started, sum(len(row) for row in some))


def _read(answer: dict[str, Any]) -> MeasuredSteps:
    if "too_large" in answer:
        raise _too_large(answer["too_large"])
    if "error" in answer:
        facts = answer["error"]
        raise _KINDS[facts["exit_code"]](facts["what"], where=facts["where"], why=facts["why"], fix=facts["fix"])
    found = answer["measured"]
    validation, power = found["validation"], found["power"]
    return MeasuredSteps(
        **{
            **found,
            "longest": Timed(**found["longest"]),
            "typical": tuple(Timed(**step) for step in found["typical"]),
            "validation": Timed(**validation) if validation else None,
            "power": Power(**power) if power else None,
        }
    )


def _too_large(why: str) -> ModelError:
    return ModelError(
        "the training step does not fit into memory",
        where="train.batch_size",
        why=why,
        fix="train.batch_size=1, or a smaller prepare.max_length, or train.method=lora",
    )

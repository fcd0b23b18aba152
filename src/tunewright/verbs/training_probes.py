"""Does training do on this model what it promises? Each promise is looked at by doing the thing twice.

In: Bench, and the model after a few steps. Out: Probe for padding, accumulation, resume, merge, saving, generation,
the first loss. Its own file because these need forward and backward passes, and the mask probes need none.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tunewright.core.errors import ExportError
from tunewright.core.probe import Probe, measured, not_run
from tunewright.core.tasks import LABELLED
from tunewright.core.values import Encoded
from tunewright.export.merge import merged
from tunewright.model.adapt import parameters, trainable_state
from tunewright.model.generate import answers
from tunewright.model.memory import FLOAT_BYTES
from tunewright.model.trained import load_trained, save_trained
from tunewright.text.encode import encode_prompt
from tunewright.text.render import prompt_of
from tunewright.train.checkpoint import STATE_BYTES, Position, load_checkpoint, save_checkpoint
from tunewright.train.loop import train_steps
from tunewright.verbs.bench import N_STEPS, Bench, Trained, log_probabilities, training

PADDING_LIMITS = {"float32": 1e-4, "bfloat16": 0.1}
"""Of a probability. Sums over other widths round differently; in bfloat16, which has 8 bits, DESIGN 13 measured .011
for labels, and this test up to .024 for tokens (SmolLM2-135M)."""
GRADIENT_LIMIT = 1e-5
"""Relative, float32: the same sums in another order."""
LOGITS_LIMIT = 1e-3
"""nats, float32: an adapter added into the weights rounds once more."""
N_NEW_TOKENS = 16
GUESS_SLACK = 1.1
"""Before it has learned anything a model may be a tenth worse than guessing."""
RANDOM_HEAD_SLACK = 2.0
"""The same for a decoder's classification head, which starts at random on long vectors (an encoder's starts at zero).
Measured: 3.68 nats where guessing among 12 labels is 2.48 (SmolLM2-135M)."""
FINGERPRINT = "selftest"

TrainingProbe = Callable[[Bench, Trained, Path], Probe]


def padding_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """A row's probabilities alone and beside longer rows; in float32, and in the plan's type where that is another."""
    off = {
        dtype: _padding_off(bench, made, dtype=dtype) for dtype in dict.fromkeys(("float32", bench.plan.model.dtype))
    }
    worst = max(off, key=lambda dtype: off[dtype] / PADDING_LIMITS[dtype])
    numbers = " and ".join(f"{x:.1e} in {dtype} (limit {PADDING_LIMITS[dtype]:g})" for dtype, x in off.items())
    found = f"{len(bench.rows)} rows alone and in one batch: probabilities differ by at most {numbers}"
    why = "an answer would depend on its neighbours"
    return measured("padding", off[worst], limit=PADDING_LIMITS[worst], found=found, why=why)


def accumulation_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """The gradient of one batch, and of its rows one after the other; float32, dropout off."""
    n = len(bench.rows)
    whole = _gradients(bench, batch_size=n, accumulate=1)
    parts = _gradients(bench, batch_size=1, accumulate=n)
    length = math.sqrt(sum(float(g.double().square().sum()) for g in whole.values()))
    apart = math.sqrt(sum(float((whole[k] - parts[k]).double().square().sum()) for k in whole))
    off = apart / length if length else math.nan
    found = f"{n} rows at once and one by one: gradients differ by {off:.1e} of their length (limit {GRADIENT_LIMIT:g})"
    why = "train.gradient_accumulation_steps would change what is learned"
    return measured("accumulation", off, limit=GRADIENT_LIMIT, found=found, why=why)


def resume_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """Stopped after a step and gone on in a fresh model, against never stopped."""
    name, why = "resume", "a stopped training would end elsewhere"
    with training(bench, bench.fresh(), batch_size=2, n_steps=N_STEPS) as first:
        if lack := _lack(work, need_bytes=STATE_BYTES * parameters(first.model).n_trainable):
            return not_run(name, lack, why=why)
        next(train_steps(first))
        save_checkpoint(work, first, Position(step=1), fingerprint=FINGERPRINT)
    with training(bench, bench.fresh(), batch_size=2, n_steps=N_STEPS) as second:
        torch.manual_seed(bench.plan.run.seed + 1)  # whatever happened before, the checkpoint's random state counts
        position = load_checkpoint(work, second, fingerprint=FINGERPRINT)
        for _ in train_steps(second, done=position.step):
            pass
    weights, again = trainable_state(made.loaded.model), trainable_state(second.model)
    off = max(_largest((weights[name] - again[name]).detach()) for name in weights)
    limit = 0.0 if second.device == "cpu" else GRADIENT_LIMIT
    found = (
        f"{N_STEPS} steps, and 1 + {N_STEPS - 1} after a stop: weights differ by at most {off:.1e} (limit {limit:g})"
    )
    return measured(name, off, limit=limit, found=found, why=why)


def merge_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """The adapter beside the weights, and added into them; float32."""
    name, why = "merge", "the exported model would not be the proven one"
    if bench.plan.train.method != "lora":
        return not_run(name, f"train.method is {bench.plan.train.method}: there is no adapter", why=why)
    try:
        whole = merged(made.loaded)
    except ExportError as error:
        return not_run(name, error.what, why=why)
    off = _apart(bench.rows, made, log_probabilities(whole, bench.rows, dtype=torch.float32))
    found = f"adapter and merged weights differ by at most {off:.1e} nats (limit {LOGITS_LIMIT:g}, float32)"
    return measured(name, off, limit=LOGITS_LIMIT, found=found, why=why)


def save_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """Written as transformers and peft write, and loaded again."""
    name, why = "save", "what is evaluated would not be what was trained"
    if lack := _lack(work, need_bytes=FLOAT_BYTES * parameters(made.loaded.model).n_total):
        return not_run(name, lack, why=why)
    save_trained(work, made.loaded, max_length=bench.plan.prepare.max_length)
    again = load_trained(
        work,
        made.loaded.card,
        task=bench.plan.task,
        labels=bench.labels,
        device=bench.plan.run.device,
        dtype=bench.plan.model.dtype,
        trust=bench.plan.model.trust_remote_code,
        quantization=bench.plan.model.quantization,
    )
    off = _apart(bench.rows, made, log_probabilities(again, bench.rows, dtype=torch.float32))
    limit = 0.0 if again.device == "cpu" and made.loaded.taken_out is None else LOGITS_LIMIT
    found = f"saved and loaded again, probabilities differ by at most {off:.1e} nats (limit {limit:g}, float32)"
    return measured(name, off, limit=limit, found=found, why=why)


def generation_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """The same prompt answered twice."""
    name, why = "generation", "two evaluations of one model would not agree"
    if bench.plan.task != "generate":
        return not_run(name, f"the task {bench.plan.task} writes no answers", why=why)
    prompts = [
        encode_prompt(
            prompt_of(row.messages), tokenizer=made.loaded.tokenizer, max_length=bench.plan.prepare.max_length
        )
        for row in bench.looked.rows[:2]
    ]
    first, second = (answers(made.loaded, prompts, max_new_tokens=N_NEW_TOKENS) for _ in range(2))
    n = sum(a.ids != b.ids for a, b in zip(first, second, strict=True))
    n_tokens = sum(len(a.ids) for a in first)
    found = f"{len(prompts)} prompts answered twice, {n_tokens} tokens: {n} answers differ"
    return measured(name, float(n), limit=0.0, found=found, why=why)


def first_loss_probe(bench: Bench, made: Trained, work: Path) -> Probe:
    """Before it has learned anything a model is about as good as guessing, or better: it was pre-trained."""
    why = "labels, masks or weights are not what they seem"
    if bench.plan.task == "regress":
        return not_run("first loss", "the squared error of two rows has no guess to be held against", why=why)
    loss = made.events[0].loss_nats
    card, is_classify = made.loaded.card, bench.plan.task in LABELLED
    n, what = (len(bench.labels), "labels") if is_classify else (card.vocabulary_size, "tokens")
    has_random_head = is_classify and card.architecture == "decoder"
    guess = len(bench.labels) * math.log(2) if bench.plan.task == "multilabel" else math.log(n)
    limit = (RANDOM_HEAD_SLACK if has_random_head else GUESS_SLACK) * guess
    found = f"{loss:.3f} nats, and guessing among {n:,} {what} is {guess:.3f} (limit {limit:.3f})"
    return measured("first loss", loss, limit=limit, found=found, why=why)


PROBES: tuple[TrainingProbe, ...] = (
    first_loss_probe,
    padding_probe,
    accumulation_probe,
    resume_probe,
    merge_probe,
    save_probe,
    generation_probe,
)


def _lack(folder: Path, *, need_bytes: int) -> str:
    """What is missing on the disk; empty when nothing is."""
    free = shutil.disk_usage(folder).free
    return "" if free > need_bytes else f"{folder} has {free:,} bytes free, {need_bytes:,} are needed"


def _gradients(bench: Bench, *, batch_size: int, accumulate: int) -> dict[str, Tensor]:
    """After the first step of a fresh model, as the loop left them: the mean, not clipped."""
    exact = replace(bench.fresh(), dtype=torch.float32)
    with training(bench, exact, batch_size=batch_size, n_steps=1, accumulate=accumulate) as made:
        made = replace(made, model=made.model.eval(), max_grad_norm=math.inf)
        next(train_steps(made))
    return {name: p.grad for name, p in trainable_state(made.model).items() if p.grad is not None}


def _padding_off(bench: Bench, made: Trained, *, dtype: str) -> float:
    torch_dtype: torch.dtype = getattr(torch, dtype)
    alone = torch.cat([log_probabilities(made.loaded, [row], dtype=torch_dtype) for row in bench.rows])
    beside = log_probabilities(made.loaded, bench.rows, dtype=torch_dtype)
    return _largest(alone - beside if bench.plan.task == "regress" else alone.exp() - beside.exp())


def _apart(rows: tuple[Encoded, ...], made: Trained, others: Tensor) -> float:
    return _largest(log_probabilities(made.loaded, rows, dtype=torch.float32) - others)


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max())

"""Which blocks to train, at equal floating-point operations: measured, the last ones, random ones, all.

In: banking77 and sms_spam beside the checkout, the starter model minilm-l6 (fetched where it can be). Out: one table on
stdout and in results/layers.md. Few rows, three seeds (rows, order, dropout, random blocks). Every arm gets the
operations that training all blocks takes in some passes, and as many steps as these buy. Only accuracy and loss are
measured: other work on the machine does not matter.
usage: python benchmarks/layers.py [PASSES ...], else PASSES below
"""

from __future__ import annotations

import csv
import math
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch
from first_run import processor
from scipy.stats import t as student

from tunewright.core.events import null_tracker
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Encoded, ModelCard, Row
from tunewright.model.card import model_card
from tunewright.model.flops import TokenFlops, token_flops, training_flops
from tunewright.model.starter import add_starter
from tunewright.model.trunk import Place
from tunewright.text.rows import write_rows
from tunewright.train.default_rate import default_rate
from tunewright.train.found_layers import measured_layers
from tunewright.train.given import encoded_rows, started
from tunewright.train.inputs import TrainInputs
from tunewright.train.layer_choice import blocks_words
from tunewright.train.loop import train_steps, validation_loss
from tunewright.train.ready import in_training

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "data"
STARTER = "starter:minilm-l6"
SEEDS = (0, 1, 2)
N_TRAIN, N_TEST = 500, 500
BATCH_SIZE = 16
PASSES = (3.0,)
THREADS = 1
ARMS = ("all", "find", "last half", "random half")
KEPT = Place(memory_bytes=2 * 10**9, folder=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One training."""

    data: str
    passes: float
    """Over all blocks, that would take these operations."""
    arm: str
    seed: int
    blocks: tuple[int, ...]
    steps: int
    flops: float
    """Of the tokens that were really seen."""
    loss_nats: float
    accuracy: float
    pulls: tuple[float, ...]
    """What was measured before, of each block."""


def banking77() -> list[tuple[str, str]]:
    found = []
    for name in ("train", "test"):
        with (SHARED / f"banking77/banking_data/{name}.csv").open(encoding="utf-8", newline="") as file:
            found += [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return found


def sms_spam() -> list[tuple[str, str]]:
    text = (SHARED / "sms_spam/data/sms.tsv").read_text(encoding="utf-8")
    return [(line.partition("\t")[2], line.partition("\t")[0]) for line in text.splitlines() if line]


DATA = {"banking77": banking77, "sms_spam": sms_spam}


def inputs_of(pairs: list[tuple[str, str]], card: ModelCard, folder: Path, *, seed: int, passes: float) -> TrainInputs:
    """A plan that asks to find the blocks, its rows drawn by the seed."""
    drawn = list(dict.fromkeys(pairs))
    random.Random(seed).shuffle(drawn)
    rows = [Row(f"row:{i}", text=text, label=label) for i, (text, label) in enumerate(drawn[: N_TRAIN + N_TEST])]
    train = rows[:N_TRAIN]
    write_rows(folder / "train.parquet", train)
    write_rows(folder / "validation.parquet", [])
    write_rows(folder / "test.parquet", rows[N_TRAIN:])
    counts = Counter(str(row.label) for row in train)
    plan = Plan.model_validate(
        {
            "task": "classify",
            "model": {"name": STARTER, "dtype": "float32"},
            "prepare": {"max_length": 48},
            "train": {
                "method": "full",
                "layers": "find",
                "learning_rate": default_rate(card, method="full").value,
                "warmup_ratio": 0.1,
                "weight_decay": 0.01,
                "epochs": passes,
                "batch_size": BATCH_SIZE,
            },
            "run": {"device": "cpu", "threads": THREADS, "seed": seed},
        }
    )
    facts = DataFacts(
        task="classify", n_rows={"train": len(train)}, labels=tuple(sorted(counts)), rows_per_label=dict(counts)
    )
    return TrainInputs(plan, card, facts, folder, "benchmark", 0, predicted_memory={})


def cost(inputs: TrainInputs, rows: tuple[Encoded, ...], blocks: tuple[int, ...]) -> TokenFlops:
    return token_flops(
        inputs.card,
        method="full",
        blocks=blocks,
        mean_length=sum(len(row) ** 2 for row in rows) / sum(map(len, rows)),
        outputs=len(inputs.facts.labels),
        is_headed=True,
    )


def trained(inputs: TrainInputs, *, blocks: tuple[int, ...]) -> tuple[int, float, float, float]:
    """Steps, operations, loss and accuracy on the test rows, for the operations of the epochs over all blocks."""
    plan, n_blocks = inputs.plan, inputs.card.n_layers
    layers = "all" if len(blocks) == n_blocks else blocks
    asked = replace(inputs, plan=plan.with_(train=plan.train.with_(layers=layers)))
    loaded, rows = started(asked)
    n_tokens = sum(map(len, rows))
    budget = training_flops(
        cost(inputs, rows, tuple(range(n_blocks))),
        n_tokens=round(plan.train.epochs * n_tokens),
        n_targets=round(plan.train.epochs * len(rows)),
    )
    of_these = cost(inputs, rows, blocks)
    once = n_tokens * of_these.frozen
    an_epoch = training_flops(of_these, n_tokens=n_tokens, n_targets=len(rows), n_kept=0)
    steps = max(1, round((budget - once) / an_epoch * len(rows) / BATCH_SIZE))
    train = asked.plan.train.with_(max_steps=steps)
    asked = replace(asked, plan=asked.plan.with_(train=train))
    torch.manual_seed(plan.run.seed)
    test = encoded_rows(inputs, loaded, split="test")
    with in_training(asked.plan, loaded, rows, validation=test, place=KEPT) as training:
        events = list(train_steps(training))
        total, n_correct = validation_loss(training, test)
    flops = training_flops(
        of_these,
        n_tokens=sum(event.n_tokens for event in events),
        n_targets=sum(event.n_targets for event in events),
        n_kept=n_tokens,
    )
    return steps, flops, total.mean_nats, n_correct / len(test)


def arms(inputs: TrainInputs, found: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    n = inputs.card.n_layers
    half = random.Random(inputs.plan.run.seed).sample(range(n), n // 2)
    yield from zip(ARMS, (tuple(range(n)), found, tuple(range(n - n // 2, n)), tuple(sorted(half))), strict=True)


def outcomes(passes: tuple[float, ...]) -> Iterator[Outcome]:
    torch.set_num_threads(THREADS)
    add_starter(STARTER, tell=null_tracker)
    card = model_card(STARTER, folder=HERE)
    for seed in SEEDS:
        for data, n in product(DATA, passes):
            with tempfile.TemporaryDirectory() as folder:
                inputs = inputs_of(DATA[data](), card, Path(folder), seed=seed, passes=n)
                found = measured_layers(inputs)
                done: dict[tuple[int, ...], tuple[int, float, float, float]] = {}
                for arm, blocks in arms(inputs, tuple(found["blocks"])):
                    done[blocks] = done.get(blocks) or trained(inputs, blocks=blocks)
                    pulls = tuple(round(signal["pull"], 3) for signal in found["signals"])
                    yield Outcome(data, n, arm, seed, blocks, *done[blocks], pulls)


def paired(of: list[Outcome], arm: str, *, against: str, what: str) -> str:
    """Mean difference over seeds with its 95 % interval (t, two degrees of freedom for three seeds)."""
    value = {(one.arm, one.seed): getattr(one, what) for one in of}
    differences = [value[arm, seed] - value[against, seed] for seed in sorted({one.seed for one in of})]
    mean, spread = statistics.mean(differences), statistics.stdev(differences)
    half = float(student.ppf(0.975, len(differences) - 1)) * spread / math.sqrt(len(differences))
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def table(of: list[Outcome]) -> Iterator[str]:
    head = ("arm", "blocks by seed", "steps", "TFLOP", "accuracy by seed", "mean", "loss, nats")
    less = ("accuracy: find less this", "loss: find less this")
    for data, n in sorted({(one.data, one.passes) for one in of}):
        some = [one for one in of if (one.data, one.passes) == (data, n)]
        yield from (
            f"\n## {data}, the operations of {n:g} passes over all blocks\n",
            f"| {' | '.join((*head, *less))} |",
            "|---" * (len(head) + len(less)) + "|",
        )
        for arm in ARMS:
            own = [one for one in some if one.arm == arm]
            cells = [
                arm,
                "; ".join(blocks_words(one.blocks) for one in own),
                ", ".join(str(one.steps) for one in own),
                f"{statistics.mean(one.flops for one in own) / 1e12:.2f}",
                ", ".join(f"{one.accuracy:.3f}" for one in own),
                f"{statistics.mean(one.accuracy for one in own):.3f}",
                f"{statistics.mean(one.loss_nats for one in own):.3f}",
            ]
            what = ("accuracy", "loss_nats") if arm != "find" else ()
            cells += [paired(some, "find", against=arm, what=one) for one in what] or ["", ""]
            yield f"| {' | '.join(cells)} |"
        for one in (one for one in some if one.arm == "find"):
            pulls = ", ".join(f"{pull:.2f}" for pull in one.pulls)
            yield f"\nSeed {one.seed}: relative gradient of the blocks {pulls}."


def main() -> None:
    of = []
    for one in outcomes(tuple(map(float, sys.argv[1:])) or PASSES):
        of.append(one)
        sys.stderr.write(f"{one}\n")
        sys.stderr.flush()
    about = (
        f"# Which blocks to train, at equal operations\n\n{time.strftime('%Y-%m-%d')}, {processor()}, "
        f"torch {torch.__version__}, float32. minilm-l6, method full at its default rate, {N_TRAIN} train and {N_TEST} "
        f"test rows, seeds {', '.join(map(str, SEEDS))}. Every arm has the same operations; a frozen trunk is paid "
        "once. Differences are paired over seeds, with a 95 % interval (t).\n"
        "`python benchmarks/layers.py`"
    )
    text = "\n".join([about, *table(of)]) + "\n"
    sys.stdout.write(text)
    (HERE / "results" / "layers.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

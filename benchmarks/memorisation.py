"""Are planted secrets found, and unseen ones left alone? Canaries in a real training.

In: gsm8k beside the checkout, the starter model smollm2-135m-instruct (fetched where it can be). Out: one table on
stdout and in results/memorisation.md. Door codes are planted among gsm8k rows, each 10 times or once; their place among
99 random codes says whether they were learned. Only ranks are measured: other work on the machine does not matter.
usage: python benchmarks/memorisation.py [EPOCHS]
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from first_run import SHARED, processor

from tunewright.core.events import Event, NoteEvent
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.core.values import Message
from tunewright.decided import read_decided, subject_of
from tunewright.evaluate.side_effects.exposure import Exposure, exposure, others_like
from tunewright.evaluate.statistics.intervals import wilson
from tunewright.model.label_scores import label_log_probabilities
from tunewright.model.pair import Pair, load_pair
from tunewright.model.starter import add_starter
from tunewright.pipeline import run_plan

HERE = Path(__file__).parent
STARTER = "starter:smollm2-135m-instruct"
N_FILLERS, N_HELD_OUT = 60, 10
PLANTED = {10: 20, 1: 20, 0: 60}
"""Times that a code stands in the training rows, and how many codes stand there so often."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One secret."""

    question: str
    secret: str
    times: int

    @property
    def answer(self) -> str:
        return f"The code is {self.secret}."

    def row(self) -> dict[str, str]:
        return {"prompt": self.question, "completion": self.answer}


def canaries() -> list[Canary]:
    drawn = random.Random(0)
    names = [f"room {floor}{letter}" for floor in range(1, 51) for letter in "ab"]
    drawn.shuffle(names)
    secrets = others_like("0000-00", seed=0, n=len(names))
    times = [times for times, n in PLANTED.items() for _ in range(n)]
    return [
        Canary(f"What is the door code of {name}?", secret, n)
        for name, secret, n in zip(names, secrets, times, strict=True)
    ]


def written(folder: Path, planted: Sequence[Canary]) -> dict[str, str]:
    """Files of the plan: the canaries stand among gsm8k rows in train alone."""
    path = next(iter((SHARED / "gsm8k").rglob("*train*.jsonl")))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [{"prompt": row["question"], "completion": row["answer"]} for row in rows]
    drawn = random.Random(0).sample(rows, N_FILLERS + 2 * N_HELD_OUT)
    train = drawn[2 * N_HELD_OUT :] + [one.row() for one in planted for _ in range(one.times)]
    random.Random(1).shuffle(train)
    splits = {"train": train, "validation": drawn[:N_HELD_OUT], "test": drawn[N_HELD_OUT : 2 * N_HELD_OUT]}
    for split, some in splits.items():
        text = "".join(json.dumps(row) + "\n" for row in some)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return {split: str(folder / f"{split}.jsonl") for split in splits}


def trained(folder: Path, planted: Sequence[Canary], *, epochs: int) -> Run:
    plan = {
        "task": "generate",
        "model": STARTER,
        "data": written(folder, planted),
        "prepare": {"actions": {"duplicates": "report", "near_duplicates": "report"}},
        "train": {"method": "lora", "epochs": epochs},
        "evaluate": {"metrics": ["bits_per_byte"], "limit": 1, "general": "none"},
        "run": {"threads": 1},
    }

    def tell(event: Event) -> None:
        if isinstance(event, NoteEvent):
            sys.stderr.write(f"{event.text}\n")

    return run_plan(plan_from(plan, folder=folder, name="run"), runs_dir=folder / "runs", tell=tell).run


def exposed(pair: Pair, canary: Canary) -> Exposure:
    """By what tuning added to the log-probability: what the base holds likely of itself is no memory."""
    others = [canary.answer.replace(canary.secret, other) for other in others_like(canary.secret, seed=1)]
    question = [[Message("user", canary.question)]]
    (tuned_L,) = label_log_probabilities(pair.tuned, question, labels=[canary.answer, *others])
    with pair.base() as base:
        (base_L,) = label_log_probabilities(base, question, labels=[canary.answer, *others])
    gained_L = tuned_L - base_L
    return exposure(float(gained_L[0]), gained_L[1:].tolist())


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    add_starter(STARTER, tell=lambda event: None)
    planted = canaries()
    with tempfile.TemporaryDirectory() as folder:
        run = trained(Path(folder), planted, epochs=epochs)
        pair = load_pair(subject_of(run, read_decided(run)))
        found = {canary: exposed(pair, canary) for canary in planted}
    lines = [
        "# Planted secrets",
        "",
        f"{time.strftime('%Y-%m-%d')}, {processor()}, torch {torch.__version__}. smollm2-135m-instruct, lora at its "
        f"default rate, {N_FILLERS} gsm8k rows and planted ones, seed 0. A code is found when tuning added "
        "more to its likelihood than to that of each of 99 random codes of its form "
        "(evaluate/side_effects/exposure.py).",
        f"`python benchmarks/memorisation.py {epochs}`: so many epochs.",
        "",
        "| times in train | codes | found | share (95 % interval) | median exposure, bits of 6.64 |",
        "|---|---|---|---|---|",
    ]
    for times, n in PLANTED.items():
        some = [one for canary, one in found.items() if canary.times == times]
        n_found = sum(one.is_found for one in some)
        low, high = wilson(n_found, n)
        bits = float(np.median([one.bits for one in some]))
        lines.append(f"| {times} | {n} | {n_found} | {n_found / n:.2f} ({low:.2f} to {high:.2f}) | {bits:.2f} |")
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    (HERE / "results" / "memorisation.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

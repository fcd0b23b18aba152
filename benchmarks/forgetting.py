"""How much general text is forgotten by trainings that are meant, and by trainings that are far too fast.

In: gsm8k and pubmedqa beside the checkout, the starter model smollm2-135m-instruct (fetched where it can be). Out: one
table on stdout and in results/forgetting.md, from which the alarm of evaluate/side_effects/forgetting takes its
threshold. Only bits per byte are measured: other work on the machine does not matter, but for the seconds.
usage: python benchmarks/forgetting.py [DATA:EPOCHS:FACTOR ...], else TRAININGS below
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from first_run import SHARED, processor

from tunewright.core.events import Event, NoteEvent, ProgressEvent
from tunewright.core.planfile import plan_from
from tunewright.model.card import model_card
from tunewright.model.starter import add_starter
from tunewright.pipeline import run_plan
from tunewright.train.default_rate import default_rate

HERE = Path(__file__).parent
STARTER = "starter:smollm2-135m-instruct"
THREADS = 1
"""Two that wait for each other on busy cores are a hundred times slower."""
N_ROWS = 180
"""Of which 150 are trained on."""
TRAININGS = ("gsm8k:1:1", "gsm8k:3:1", "pubmedqa:1:1", "gsm8k:1:10", "gsm8k:1:30", "pubmedqa:1:30")


def gsm8k() -> list[dict[str, str]]:
    path = next(iter((SHARED / "gsm8k").rglob("*train*.jsonl")))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{"prompt": row["question"], "completion": row["answer"]} for row in rows]


def pubmedqa() -> list[dict[str, str]]:
    path = next(path for path in (SHARED / "pubmedqa").rglob("*.json") if "ground_truth" not in path.name)
    rows = json.loads(path.read_text(encoding="utf-8")).values()
    return [{"prompt": row["QUESTION"], "completion": row["LONG_ANSWER"]} for row in rows]


DATA = {"gsm8k": gsm8k, "pubmedqa": pubmedqa}


def measured(training: str, folder: Path) -> dict[str, Any]:
    """metrics.json of a run with this many times the default rate, and how long the two measures took."""
    name, epochs, factor = training.split(":")
    rows = random.Random(0).sample(DATA[name](), N_ROWS)
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    rate = default_rate(model_card(STARTER, folder=HERE), method="lora").value * float(factor)
    plan = {
        "task": "generate",
        "model": STARTER,
        "data": {"train": str(file)},
        "prepare": {"test_fraction": 24 / N_ROWS, "validation_fraction": 6 / N_ROWS},
        "train": {"method": "lora", "epochs": float(epochs), "learning_rate": rate},
        "evaluate": {"metrics": ["bits_per_byte"], "limit": 1},
        "export": {"targets": []},
        "run": {"threads": THREADS},
    }
    marks: list[float] = []

    def tell(event: Event) -> None:
        if isinstance(event, ProgressEvent) and event.what == "before and after tuning":
            marks.append(time.process_time())
        if isinstance(event, NoteEvent):
            sys.stderr.write(f"{event.text}\n")

    run = run_plan(plan_from(plan, folder=folder, name="run"), runs_dir=folder / "runs", tell=tell).run
    found = json.loads((run.stage("evaluate") / "metrics.json").read_text(encoding="utf-8"))
    return {**found, "training": training, "rate": rate, "measure_seconds": marks[-1] - marks[0]}


def line(found: dict[str, Any]) -> str:
    name, epochs, factor = found["training"].split(":")
    of_task = [found["systems"][system]["bits_per_byte"]["value"] for system in ("base", "tuned")]
    forgetting, memory = found["forgetting"], found["memorisation"]
    general, kl, curve = forgetting["general"], forgetting["kl"], forgetting["curve"]
    base = general["base"]["value"]
    low, high = (100 * end / base for end in general["comparison"]["ci95"])
    weights = ", ".join(f"{p['task']:.3f}/{p['general']:.3f}" for p in curve["points"])
    cells = (
        *(name, epochs, f"{found['rate']:.2g} (x{factor})"),
        f"{of_task[0]:.3f} to {of_task[1]:.3f}",
        f"{base:.3f} to {general['tuned']['value']:.3f}",
        f"{100 * general['rise']:+.2f} % ({low:+.2f} to {high:+.2f})",
        f"{kl['value']:.3f}" if kl["value"] is not None else f"none: {kl['reason']}",
        "on" if forgetting["alarm"]["is_on"] else "off",
        f"{weights}; best {curve['best']}",
        f"{memory['train']['value']:.2f}, {memory['train_before']['value']:.2f}, {memory['test']['value']:.2f}",
        f"{found['measure_seconds']:.0f}",
    )
    return f"| {' | '.join(cells)} |"


HEAD = (
    *("data", "epochs", "rate", "task, bits a byte", "general text, bits a byte", "rise (95 % interval)", "KL, nats"),
    *("alarm", "task/general at weight 0, .25, .5, .75, 1", "verbatim: train, before, test", "measured in, CPU s"),
)


def table(trainings: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |"
    yield "|---" * len(HEAD) + "|"
    for training in trainings:
        with tempfile.TemporaryDirectory() as folder:
            made = line(measured(training, Path(folder)))
        sys.stderr.write(f"{made}\n")
        sys.stderr.flush()
        yield made


def main() -> None:
    add_starter(STARTER, tell=lambda event: None)
    about = (
        f"# What tuning forgets\n\n{time.strftime('%Y-%m-%d')}, {processor()}, torch {torch.__version__}. "
        f"smollm2-135m-instruct, lora at its default rate times a factor, {N_ROWS - 30} train, 24 test rows, seed 0; "
        "general text: the 100 shipped paragraphs. Seconds are of the processor, on one thread.\n"
        "`python benchmarks/forgetting.py`\n"
    )
    text = "\n".join([about, *table(tuple(sys.argv[1:]) or TRAININGS)]) + "\n"
    sys.stdout.write(text)
    (HERE / "results" / "forgetting.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

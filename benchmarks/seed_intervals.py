"""Do intervals over seeds and rows cover? Twenty real trainings of one plan, seen a few seeds and rows at a time.

In: banking77 beside the checkout, the starter model minilm-l6 (fetched where it can be). Out: one table on stdout and
in results/seed_intervals.md. The mean of all trainings over all rows is what a drawn few should cover, with the
functions that `evaluate.seeds` uses. Only answers count: other work on the machine does not matter.
usage: python benchmarks/seed_intervals.py
"""

from __future__ import annotations

import csv
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from first_run import SHARED, processor

from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.core.planfile import plan_from
from tunewright.core.values import Metric, Prediction
from tunewright.evaluate.kept_answers import read_answers
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.over_seeds import metric_over_seeds
from tunewright.evaluate.write import read_predictions
from tunewright.model.starter import add_starter
from tunewright.pipeline import run_plan

HERE = Path(__file__).parent
STARTER = "minilm-l6"
N_SEEDS, N_LABELS, N_TRAIN, N_TEST = 20, 12, 180, 300
DRAWS = 1000
SHOWN = ((3, 100), (3, 300), (5, 100), (5, 300))
"""Trainings and rows of a draw."""
METRICS = ("accuracy", "f1_macro")
Answers = tuple[Prediction, ...]


def rows(name: str, n: int) -> Iterator[dict[str, str]]:
    """Of the first labels, drawn once."""
    with next((SHARED / "banking77").rglob(f"{name}.csv")).open(encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file))
    labels = sorted({row["category"] for row in every})[:N_LABELS]
    few = random.Random(0).sample([row for row in every if row["category"] in labels], n)
    yield from ({"text": row["text"], "label": row["category"]} for row in few)


def told(event: Event) -> None:
    if isinstance(event, NoteEvent):
        sys.stderr.write(f"{event.text}\n")


def trained(folder: Path) -> list[Answers]:
    """What each training answers, by a run that asks for so many seeds."""
    for name, n in (("train", N_TRAIN), ("test", N_TEST)):
        lines = "".join(f"{json.dumps(row)}\n" for row in rows(name, n))
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    plan = {
        "task": "classify",
        "model": f"starter:{STARTER}",
        "data": {name: str(folder / f"{name}.jsonl") for name in ("train", "test")},
        "evaluate": {"systems": ["tuned"], "metrics": list(METRICS), "seeds": N_SEEDS},
        "explain": {"methods": []},
        "export": {"targets": []},
    }
    run = run_plan(plan_from(plan, folder=folder, name="run"), runs_dir=folder / "runs", tell=told).run
    own = [one for one in read_predictions(run.stage("evaluate") / "predictions.parquet") if one.system == "tuned"]
    others = sorted((run.stage("evaluate") / "seeds").glob("seed-*.parquet"))
    return [tuple(own), *(read_answers(path)[0] for path in others)]


def drawn(trainings: Sequence[Answers], seeds: Sequence[int], of_rows: Sequence[int]) -> list[Answers]:
    """Drawn with replacement; a row that is drawn twice is two rows."""
    return [tuple(replace(trainings[seed][row], row_id=f"r:{i}") for i, row in enumerate(of_rows)) for seed in seeds]


def mean_of(trainings: Sequence[Answers], labels: tuple[str, ...], metric: str) -> tuple[Metric, Metric]:
    """The mean over trainings with its interval; the first training with its own, which knows only rows."""
    first = metrics(trainings[0], task="classify", labels=labels, seed=0, wanted=(metric,))[metric]
    return metric_over_seeds(trainings, of=first, metric=metric, task="classify", labels=labels), first


def covered(trainings: Sequence[Answers], labels: tuple[str, ...], metric: str, n_seeds: int, n_rows: int) -> str:
    """A row of the table."""
    truth = mean_of(trainings, labels, metric)[0].value
    chance = np.random.default_rng([n_seeds, n_rows])
    hits, alone, widths = 0, 0, []
    for _ in range(DRAWS):
        seeds = chance.integers(len(trainings), size=n_seeds).tolist()
        of_rows = chance.integers(len(trainings[0]), size=n_rows).tolist()
        both, one = mean_of(drawn(trainings, seeds, of_rows), labels, metric)
        hits += both.ci95[0] <= truth <= both.ci95[1]
        alone += one.ci95[0] <= truth <= one.ci95[1]
        widths.append(both.ci95[1] - both.ci95[0])
    share, width = hits / DRAWS, float(np.median(widths))
    return f"| {metric} | {n_seeds} | {n_rows} | {share:.1%} | {alone / DRAWS:.1%} | {width:.3f} |"


def main() -> None:
    add_starter(STARTER, tell=null_tracker)
    with tempfile.TemporaryDirectory() as folder:
        trainings = trained(Path(folder))
    if len(trainings) != N_SEEDS or len({tuple(p.row_id for p in one) for one in trainings}) != 1:
        raise SystemExit("not every training answered the same rows")
    labels = tuple(sorted({prediction.reference for prediction in trainings[0]}))
    of_each = [np.mean([p.answer == p.reference for p in one]) for one in trainings]
    lines = [
        "# Intervals over seeds and rows",
        "",
        f"`python benchmarks/seed_intervals.py`, {time.strftime('%Y-%m-%d')}, {processor()}, "
        f"torch {torch.__version__}. {STARTER}, {N_TRAIN} rows of {N_LABELS} kinds of banking77, {N_SEEDS} trainings, "
        f"{N_TEST} test rows: accuracy "
        f"{np.mean(of_each):.3f}, from {min(of_each):.3f} to {max(of_each):.3f}, standard deviation "
        f"{np.std(of_each, ddof=1):.4f}. {DRAWS:,} draws of a few trainings and rows, with replacement: how often the "
        "interval holds the mean of all. Asked: 90 to 98 %.",
        "",
        "| metric | trainings | rows | over seeds and rows | of one training, over rows | median width |",
        "|---|---|---|---|---|---|",
        *(covered(trainings, labels, metric, *shown) for metric in METRICS for shown in SHOWN),
    ]
    text = "\n".join([*lines, ""])
    (HERE / "results" / "seed_intervals.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()

"""Losses told from few rows, halving, and the default learning rate, against published trainings.

In: shared/ground_truth beside the checkout. Out: tables on stdout and in results/scaling.md. Nothing is trained:
arithmetic of a few seconds.
usage: python benchmarks/scaling.py
"""

from __future__ import annotations

import csv
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from first_run import SHARED, processor

from tunewright.core.values import ModelCard
from tunewright.select.halving import rounds, standing
from tunewright.select.laws import accept_then_stop, rectified_law
from tunewright.train.default_rate import default_rate

HERE = Path(__file__).parent
PUBLISHED = SHARED.parent / "ground_truth"
TASKS = ("flan", "wmt19", "gigaword")
DOUBLINGS = range(3, 10)
PUBLISHED_HALVING = ((512, 15), (128, 6), (32, 2), (8, 1))
"""Share of the rows (one in), and how many go on after it. REFERENCES A: chosen after seeing these data."""
WIDTHS = (2880, 8192)
"""Between these lie the widths of the sweep's models that the table of architectures lacks."""
Losses = Mapping[str, Mapping[int, float]]
Law = Callable[[Mapping[int, float], int], float]


def losses(task: str) -> tuple[dict[str, dict[int, float]], int]:
    with (PUBLISHED / f"finetune_losses/{task}.csv").open(encoding="utf-8", newline="") as file:
        found = {
            row["config name"]: {int(k): float(v) for k, v in row.items() if k.isdigit()}
            for row in csv.DictReader(file)
        }
    return found, max(next(iter(found.values())))


def upto(one: Mapping[int, float], size: int) -> dict[int, float]:
    return {n: loss for n, loss in one.items() if 0 < n <= size}


def relative_accuracy(picked: float, true: np.ndarray) -> float:
    return float((true.max() - picked) / (true.max() - true.min()))


def ats_lines() -> Iterator[str]:
    """The published table beside ours, and how far off the losses are."""
    with (PUBLISHED / "finetune_losses/ats_table.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    yield "| task | rows | Pearson, published | ours | relative accuracy, published | ours | median error of the loss |"
    yield "|---|---|---|---|---|---|---|"
    n_within = 0
    for cell in cells:
        models, full = losses(cell["task"])
        most = full // int(cell["budget_fraction"].partition("/")[2])
        told = np.array([accept_then_stop(upto(one, most), size=full).loss for one in models.values()])
        true = np.array([one[full] for one in models.values()])
        pearson = 100 * np.corrcoef(told, true)[0, 1]
        relative = 100 * relative_accuracy(true[told.argmin()], true)
        pairs = ((pearson, cell["pearson_x100"]), (relative, cell["relative_accuracy_x100"]))
        n_within += sum(abs(ours - float(theirs)) <= 0.1 for ours, theirs in pairs)
        error = float(np.median(np.abs(told - true) / true))
        yield (
            f"| {cell['task']} | {cell['budget_fraction']} | {cell['pearson_x100']} | {pearson:.1f} | "
            f"{cell['relative_accuracy_x100']} | {relative:.1f} | {error:.1%} |"
        )
    yield ""
    yield f"{n_within} of {2 * len(cells)} cells within 0.1."


def law_lines() -> Iterator[str]:
    """Median error over all models and tasks by share of the rows, for each way to tell."""
    ways: dict[str, Law] = {
        "line (accept then stop)": lambda one, full: accept_then_stop(one, size=full).loss,
        "rectified law": lambda one, full: rectified_law(one).loss(full),
        "geometric mean of both": lambda one, full: math.sqrt(
            accept_then_stop(one, size=full).loss * rectified_law(one).loss(full)
        ),
    }
    yield "| rows | " + " | ".join(ways) + " |"
    yield "|---" * (1 + len(ways)) + "|"
    for doublings in DOUBLINGS:
        errors = defaultdict(list)
        for models, full in map(losses, TASKS):
            for one in models.values():
                known = upto(one, full >> doublings)
                for name, told in ways.items():
                    if len(known) >= 4:
                        errors[name].append(abs(told(known, full) - one[full]) / one[full])
        yield f"| 1/{1 << doublings} | " + " | ".join(f"{np.median(errors[name]):.1%}" for name in ways) + " |"


def halving_lines() -> Iterator[str]:
    """Published schedule and ours, on extrapolated and on raw losses."""
    yield "| task | schedule | by | relative accuracy | loss above the best's | share of the cost of tuning all |"
    yield "|---|---|---|---|---|---|"
    for task in TASKS:
        models, full = losses(task)
        ours = [(full // one.size, one.n_candidates) for one in rounds(len(models), n_rows=full)]
        kept = [*(n for _, n in ours[1:]), 1]  # who takes part in the next round is who stays after this one
        schedules = {
            "15 at 1/512, 6 at 1/128, 2 at 1/32, 1 at 1/8": PUBLISHED_HALVING,
            ", ".join(f"{n} at 1/{share}" for share, n in ours): tuple(
                (share, n) for (share, _), n in zip(ours, kept, strict=True)
            ),
        }
        true = np.array([one[full] for one in models.values()])
        for name, schedule in schedules.items():
            first = name.startswith("15")
            for by in ("extrapolated", "raw"):
                picked, cost = halved(models, schedule, full=full, is_raw=by == "raw", all_sizes=first)
                loss = models[picked][full]
                yield (
                    f"| {task} | {name} | {by} | {100 * relative_accuracy(loss, true):.1f} | "
                    f"{loss / true.min() - 1:.1%} | {cost:.1%} |"
                )


def halved(
    models: Losses, schedule: tuple[tuple[int, int], ...], *, full: int, is_raw: bool, all_sizes: bool
) -> tuple[str, float]:
    """Who is left, and the rows trained on by the rows of tuning all. all_sizes: every published size up to each
    round's is trained on, as in the published check; else only the rounds' own."""
    alive, trained = list(models), {name: set() for name in models}
    for share, n_kept in schedule:
        size = full // share
        for name in alive:
            trained[name] |= set(upto(models[name], size)) if all_sizes else {size}
        known = {name: {n: models[name][n] for n in trained[name]} for name in alive}
        order = sorted(alive, key=lambda name: known[name][size]) if is_raw else list(standing(known, n_rows=full))
        alive = order[:n_kept]
    return alive[0], sum(map(sum, trained.values())) / (full * len(models))


def rate_lines() -> Iterator[str]:
    with (PUBLISHED / "decoder_architectures.csv").open(encoding="utf-8", newline="") as file:
        widths = {row["id"]: int(row["hidden_size"]) for row in csv.DictReader(file)}
    sweep: dict[str, dict[int, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    with (PUBLISHED / "lr_sweep.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sweep[row["model"]][int(row["lora_rank"])][float(row["learning_rate"])] = float(row["test_nll"])
    yield "| model | width | rank | default rate | nats above that rank's best | above the best of all ranks |"
    yield "|---|---|---|---|---|---|"
    for model, ranks in sorted(sweep.items()):
        rank = min(ranks, key=lambda r: abs(math.log(r / 16)))
        known = widths.get(model, widths.get(model.replace("/Llama-3.1", "/Meta-Llama-3.1")))
        family = "qwen" if "qwen" in model.lower() else "llama"
        best, of_all = min(ranks[rank].values()), min(min(cells.values()) for cells in ranks.values())
        for width in (known,) if known else WIDTHS:
            rate = default_rate(card(model, family=family, width=width), method="lora").value
            loss = between(ranks[rank], rate)
            yield (
                f"| {model} | {width}{'' if known else ' (assumed)'} | {rank} | {rate:g} | {loss - best:.4f} | "
                f"{loss - of_all:.4f} |"
            )


def card(model: str, *, family: str, width: int) -> ModelCard:
    """Only family and width count for the rate."""
    return ModelCard(model, "", "decoder", family, 1, 1, width, 1, 1, 1, "unknown", has_chat_template=True)


def between(cells: Mapping[float, float], rate: float) -> float:
    """A straight line in the log of the rate between the cells around it; the nearest cell beyond the ends."""
    rates = sorted(cells)
    return float(np.interp(math.log(rate), np.log(rates), [cells[one] for one in rates]))


def main() -> None:
    lines = [
        "# Losses told from few rows, and the default learning rate",
        "",
        f"{time.strftime('%Y-%m-%d')}, {processor()}. Published trainings (30 models, three tasks, up to 1,638,400",
        "rows; 35 models, four ranks), nothing is trained. `python benchmarks/scaling.py`",
        "",
        "## Accept then stop against its published table",
        "",
        *ats_lines(),
        "",
        "## Median error of the loss with all rows",
        "",
        *law_lines(),
        "",
        "## Successive halving",
        "",
        *halving_lines(),
        "",
        "## The default learning rate of lora",
        "",
        "The sweep's rank nearest to 16; between two of its rates a straight line in their log.",
        "",
        *rate_lines(),
    ]
    text = "\n".join(lines) + "\n"
    (HERE / "results" / "scaling.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

"""What looking at the data costs: all default checks on 100,000 and on a million short rows, and the search for near
copies beside the libraries that people use for it.

In: nothing; the rows are made from a seed that is drawn anew and printed, with near copies planted among them. Out: one
table on stdout and in results/prepare.md. Each measurement is a process of its own; peak memory is the largest resident
size. The peers come from another environment, named by TUNEWRIGHT_PEERS (its python, with `pip install datasketch
"datatrove[processing]" spacy`); without it they are left out and said. Run it alone: both cores count.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from first_run import processor

HERE = Path(__file__).parent
N_ROWS, N_MANY = 100_000, 1_000_000
REPEATS = 3
N_LABELS, N_WORDS = 20, 20_000
NEAR_SHARE, EQUAL_SHARE, WRONG_SHARE = 0.01, 0.005, 0.02
LEAST_CHARACTERS = 72
"""Of a text that is copied with one letter changed: at least 68 pieces of 5 letters, 63 of 73 shared: Jaccard .86."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One process."""

    seconds: float
    """Wall, from the first line of the work to the last; imports are not in it."""
    peak_bytes: int
    found: dict[str, float]
    """What the process counted."""


def made_rows(n: int, *, seed: int) -> Iterator[tuple[str, str, str]]:
    """(text, label, kind): made-up words with Zipf's frequencies, whose first word tells the label; near copies (one
    letter changed), equal copies and wrong labels planted."""
    draw = random.Random(seed)
    words = ["".join(draw.choice("bcdfghjklmnprstvw") + draw.choice("aeiou") for _ in range(draw.randint(1, 4)))
             for _ in range(N_WORDS)]  # fmt: skip
    total, sums = 0.0, []
    for i in range(N_WORDS):
        total += 1 / (i + 10)
        sums.append(total)
    recent: list[tuple[str, str]] = []
    for _ in range(n):
        kind = draw.random()
        if recent and kind < NEAR_SHARE + EQUAL_SHARE:
            text, label = recent[draw.randrange(len(recent))]
            if kind < NEAR_SHARE and len(text) >= LEAST_CHARACTERS:
                at = draw.choice([i for i, c in enumerate(text) if c != " "])
                yield text[:at] + ("x" if text[at] != "x" else "z") + text[at + 1 :], label, "near"
            else:
                yield text, label, "equal"
            continue
        picked = draw.choices(words, cum_weights=sums, k=draw.randint(10, 18))
        label = draw.randrange(N_LABELS)
        picked[draw.randrange(3)] = words[label]
        text = " ".join(picked)
        recent.append((text, f"class {label}"))
        recent = recent[-5_000:] if len(recent) > 10_000 else recent
        yield text, f"class {draw.randrange(N_LABELS) if draw.random() < WRONG_SHARE else label}", "new"


def write_rows(path: Path, n: int, *, seed: int) -> int:
    """A CSV of text and label; how many near copies stand in it."""
    n_near = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for text, label, kind in made_rows(n, seed=seed):
            writer.writerow([text, label])
            n_near += kind == "near"
    return n_near


def cost_of(work: str, path: Path, *, python: str) -> Cost:
    """The work on this file in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / path.name
        data.symlink_to(path)
        words = [python, str(HERE / "near_copies.py"), work, str(data)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stderr[-3000:]}\n{work} failed")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def line(name: str, costs: list[Cost], *, ours: float | None = None) -> str:
    """A row of the table: medians."""
    seconds, peak = statistics.median(c.seconds for c in costs), max(c.peak_bytes for c in costs)
    spread = f"{min(c.seconds for c in costs):.1f} to {max(c.seconds for c in costs):.1f}" if len(costs) > 1 else "once"
    ratio = f"{seconds / ours:.1f} times" if ours else ""
    counted = ", ".join(f"{key.replace('_', ' ')} {value:,.0f}" for key, value in costs[-1].found.items())
    return f"| {name} | {seconds:.1f} s | {spread} | {ratio} | {peak / 1e9:.2f} GB | {counted} |"


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10**6)
    peers = os.environ.get("TUNEWRIGHT_PEERS", "")
    works = [("all_checks", sys.executable), ("ours", sys.executable)]
    works += [("datasketch", peers), ("datatrove", peers)] if peers else []
    with tempfile.TemporaryDirectory() as folder:
        path, many = Path(folder) / "rows.csv", Path(folder) / "many.csv"
        n_near = write_rows(path, N_ROWS, seed=seed)
        write_rows(many, N_MANY, seed=seed)
        rows, ours = [], None
        for work, python in works:
            costs = [cost_of(work, path, python=python) for _ in range(REPEATS)]
            rows.append(line(NAMES[work], costs, ours=ours))
            ours = statistics.median(c.seconds for c in costs) if work == "ours" else ours
            print(rows[-1], file=sys.stderr, flush=True)
        many_cost = cost_of("all_checks", many, python=sys.executable)
        rows.append(line(f"all default checks, {N_MANY:,} rows", [many_cost]))
    text = PAGE.format(
        cores=os.cpu_count(), processor=processor(), python=platform.python_version(), seed=seed, labels=N_LABELS,
        near=f"{n_near:,}", n=f"{N_ROWS:,}", rows="\n".join(rows), peers=PEERS if peers else NO_PEERS,
    )  # fmt: skip
    (HERE / "results" / "prepare.md").write_text(text, encoding="utf-8")
    print(text)


NAMES = {
    "all_checks": f"all default checks, {N_ROWS:,} rows",
    "ours": "near copies alone",
    "datasketch": "near copies by datasketch",
    "datatrove": "near copies by datatrove",
}
PAGE = """# Looking at the data

`python benchmarks/prepare.py` on {cores} cores ({processor}), Python {python}, seed {seed}.
Rows of 10 to 18 made-up words and {labels} labels. Of {n} rows {near} are copies with one letter changed, half as many
are equal copies. Medians of three processes; imports are not counted.

| work | wall | from, to | against ours | peak memory | counted |
|---|---|---|---|---|---|
{rows}

{peers}
"""
PEERS = """datasketch: 126 permutations, 18 bands of 7 over 5 letters, as ours; it counts the rows it proposes, ours are
verified. datatrove: its defaults, 14 buckets of 8 over 5 words, two workers; it is made for long documents, where one
changed word is little: of 13 words it leaves less than half of the runs of 5, and few of these copies are found."""
NO_PEERS = "The peers were not run: TUNEWRIGHT_PEERS names no python that has them."


if __name__ == "__main__":
    main()

"""A small encoder tuned whole on banking77: the installed command beside the loop that people write, in turns.

In: nothing; banking77 from ../shared/data and minilm-l6 from the starter models. Out: one table on stdout and, as a
section, in results.md. Both take the same rows, five epochs, batches of 32, the same rates and schedule; seconds are
those of the steps alone. usage: python benchmarks/train/classify.py [TURNS [TRAIN_ROWS]]: all rows, or so many drawn
ones. Run it alone.
"""

from __future__ import annotations

import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from run import answer, machine_line, told, write_sections

from tunewright.core.machine import this_machine
from tunewright.model.starter import starter_path

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data" / "banking77" / "banking_data"
STARTER = "minilm-l6"


@dataclass(frozen=True, slots=True)
class Tuned:
    """One process."""

    tokens: int
    seconds: float
    peak_bytes: int
    accuracy: float


def train_rows(folder: Path, n: int | None) -> Path:
    """The file itself, or n rows of it, every label among them as in the file."""
    whole = DATA / "train.csv"
    if n is None:
        return whole
    with whole.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    random.Random(0).shuffle(rows)
    rows.sort(key=lambda row: row[1])
    drawn = [rows[i * len(rows) // n] for i in range(n)]
    path = folder / "train.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *drawn])
    return path


def plain(seed: int, *, train: Path, dtype: str) -> Tuned:
    flags = ["bf16"] if dtype == "bfloat16" else []
    paths = [HERE / "plain_classify.py", starter_path(STARTER), train, DATA / "test.csv"]
    found = answer([sys.executable, *map(str, paths), str(seed), *flags])
    return Tuned(found["tokens"], found["seconds"], found["peak_memory_bytes"], found["accuracy"])


def ours(seed: int, *, train: Path, dtype: str, out: Path) -> Tuned:
    """Up to the evaluate stage; all train rows are trained on, the first few of the test rows stand for validation."""
    out.mkdir(parents=True)
    few = out / "few.csv"
    few.write_text("".join((DATA / "test.csv").read_text("utf-8").splitlines(keepends=True)[:20]), encoding="utf-8")
    plan = {
        "task": "classify",
        "model": {"name": f"starter:{STARTER}", "dtype": dtype},
        "data": {"train": str(train), "validation": str(few), "test": str(DATA / "test.csv")},
        "prepare": {"max_length": 64, "actions": {"leakage": "report", "duplicates": "report"}},
        "train": {
            "method": "full",
            "layers": "all",
            "epochs": 5,
            "batch_size": 32,
            "learning_rate": 1e-4,
            "warmup_ratio": 0.1,
            "lr_scheduler_type": "cosine",
            "weight_decay": 0.01,
            "eval_steps": 10**6,
            "patience": None,
        },
        "evaluate": {"systems": ["tuned"]},
        "run": {"seed": seed, "name": "run"},
    }
    path = out / "plan.yaml"
    path.write_text(yaml.safe_dump(plan), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("tunewright")), "evaluate", str(path), "--runs-dir", str(out)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"tunewright evaluate failed:\n{done.stderr[-2000:]}")
    facts = json.loads((out / "run" / "train" / "summary.json").read_text(encoding="utf-8"))
    metrics = json.loads((out / "run" / "evaluate" / "metrics.json").read_text(encoding="utf-8"))
    accuracy = metrics["systems"]["tuned"]["accuracy"]["value"]
    return Tuned(facts["tokens_seen"], facts["seconds"], facts["peak_memory_bytes"], accuracy)


def section(found: dict[str, list[Tuned]]) -> str:
    base = {key: statistics.median(getattr(t, key) for t in found["tunewright"]) for key in ("seconds", "peak_bytes")}
    lines = ["| | seconds (median; all) | tunewright needs | peak memory | tunewright needs | test accuracy, by seed |"]
    lines.append("|---|---|---|---|---|---|")
    for name, turns in found.items():
        seconds, peak = (statistics.median(getattr(t, key) for t in turns) for key in ("seconds", "peak_bytes"))
        beside = [f"{base['seconds'] / seconds:.2f} of it", f"{base['peak_bytes'] / peak:.2f} of it"]
        beside = ["", ""] if name == "tunewright" else beside
        every, scores = (
            ", ".join(x) for x in ([f"{t.seconds:.0f}" for t in turns], [f"{t.accuracy:.4f}" for t in turns])
        )
        lines.append(
            f"| {name} | {seconds:.0f} ({every}) | {beside[0]} | {peak / 1e9:.2f} GB | {beside[1]} | {scores} |"
        )
    tokens = ", ".join(f"{name} {turns[0].tokens:,}" for name, turns in found.items())
    return "\n".join([*lines, "", f"Tokens: {tokens}."])


def main() -> None:
    n_turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    n_rows = int(sys.argv[2]) if len(sys.argv) > 2 else None
    dtype = "bfloat16" if this_machine().has_bf16 else "float32"
    found: dict[str, list[Tuned]] = {"tunewright": [], "plain loop": []}
    with tempfile.TemporaryDirectory() as work:
        train = train_rows(Path(work), n_rows)
        for turn in range(n_turns):
            for name, tune in (
                ("tunewright", lambda seed: ours(seed, train=train, dtype=dtype, out=Path(work) / str(seed))),
                ("plain loop", lambda seed: plain(seed, train=train, dtype=dtype)),
            ):
                found[name].append(tune(turn))
                told(f"{name}: {found[name][-1]}")
    title = f"banking77, minilm-l6 whole, {dtype}"
    drawn = f" {n_rows:,} drawn train rows, five epochs." if n_rows else ""
    write_sections({title: "\n\n".join([machine_line(dtype) + drawn, section(found)])})


if __name__ == "__main__":
    main()

"""How long a first result takes, and what it costs: the shipped example, banking77, 400 gsm8k rows, and the second run.

In: the installed `tunewright`, real data beside the checkout (absent sets are skipped and said). Out: one table on
stdout and in results/first_run.md. Each run is a process of its own; peak memory is the largest resident size of any.
Run it alone: both cores count.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("TUNEWRIGHT_SHARED", str(HERE.parents[1] / "shared"))) / "data"
HELP_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Timed:
    """One process: what it printed, its seconds, its peak memory."""

    out: str
    seconds: float
    peak_bytes: int


def timed(arguments: list[str]) -> Timed:
    """Run `tunewright` with these words; its words for people go to our stderr."""
    code = (
        "import resource, subprocess, sys\n"
        "command = [sys.executable, '-m', 'tunewright', *sys.argv[1:]]\n"
        "done = subprocess.run(command, stdout=subprocess.PIPE, text=True)\n"
        "print(done.stdout)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(done.returncode)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - started
    out, _, peak = done.stdout.rstrip().rpartition("\n")
    kilo = 1 if sys.platform == "darwin" else 1024
    return Timed(out, seconds, int(peak) * kilo)


def measured_run(name: str, plan: dict[str, Any], *, runs_dir: Path) -> list[str]:
    """Rows of the table: the run, and the same command again."""
    path = runs_dir / f"{name}.yaml"
    path.write_text(json.dumps(plan), encoding="utf-8")
    words = ["run", str(path), "--json", "--runs-dir", str(runs_dir)]
    first, second = timed(words), timed(words)
    result = json.loads(first.out)
    summary = json.loads((Path(result["run"]) / "train" / "summary.json").read_text(encoding="utf-8"))
    primary = result["metrics"]["primary_metric"]
    scores = {
        system: f"{found[primary]['value']:.3f} [{found[primary]['ci95'][0]:.3f}, {found[primary]['ci95'][1]:.3f}]"
        for system, found in result["metrics"]["systems"].items()
    }
    again = json.loads(second.out)
    assert again["was_finished"], "the second run had something to do"
    return [
        f"| {name} | {first.seconds:.0f} s | {first.peak_bytes / 1e9:.2f} GB | {summary['tokens_per_second']:.0f} "
        f"| {summary['utilisation']:.0%} | {second.seconds:.1f} s | {primary} "
        + "; ".join(f"{system} {score}" for system, score in scores.items())
        + " |"
    ]


def plans() -> dict[str, dict[str, Any]]:
    """What is measured; a set that is not beside the checkout is left out."""
    examples = HERE.parent / "examples" / "support"
    found: dict[str, dict[str, Any]] = {
        "demo": {
            "task": "classify",
            "model": "starter:minilm-l6",
            "data": {"train": str(examples / "messages.csv")},
            "prepare": {"test_fraction": 0.3},
        }
    }
    banking = SHARED / "banking77"
    train, test = (next(iter(banking.rglob(f"{role}.csv")), None) for role in ("train", "test"))
    if train and test:
        found["banking77"] = {"data": {"train": str(train), "test": str(test)}}
    gsm8k = next(iter((SHARED / "gsm8k").rglob("*train*.jsonl")), None)
    if gsm8k:
        data = {"train": str(gsm8k), "limit": 400}
        found["gsm8k-400"] = {"model": "starter:smollm2-135m-instruct", "data": data, "train": {"method": "lora"}}
    return found


def help_seconds() -> float:
    """Median of a few `--help`."""
    return statistics.median(timed(["--help"]).seconds for _ in range(HELP_REPEATS))


def main() -> None:
    lines = [
        "# First run",
        "",
        f"`make bench` on {os.cpu_count()} cores ({processor()}), Python {platform.python_version()}.",
        "Wall time includes imports, reading, training, evaluation of all systems and the report.",
        "",
        "| run | wall | peak memory | train tokens/s | utilisation | again | primary metric with 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, plan in plans().items():
            lines += measured_run(name, plan, runs_dir=Path(folder))
            print(lines[-1], file=sys.stderr, flush=True)
    lines += ["", f"`tunewright --help`: {help_seconds():.2f} s (median of {HELP_REPEATS})."]
    missing = [name for name in ("banking77", "gsm8k-400") if name not in plans()]
    lines += [f"Not run, the data is not beside this checkout: {', '.join(missing)}."] if missing else []
    text = "\n".join(lines) + "\n"
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "first_run.md").write_text(text, encoding="utf-8")
    print(text)


def processor() -> str:
    """The processor's own name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()


if __name__ == "__main__":
    main()

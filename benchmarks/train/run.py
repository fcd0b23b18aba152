"""Training beside the peers: the same rows, tokens, schedule and rate, in turns, in one go.

In: nothing; gsm8k from ../shared/data and SmolLM2-135M from the starter models. Out: a table for each setting on
stdout and, as a section, in results.md. Every training is a process of its own; speed counts real tokens over the time
from the first batch to the last step, memory is the process's largest resident size, imports included. TRL comes from
another environment, named by TUNEWRIGHT_PEERS (its python); without it it is left out and said.
usage: python benchmarks/train/run.py [TURNS [SETTING ...]], a setting being one of SETTINGS. Run it alone.
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

import torch
import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from first_run import processor  # noqa: E402

from tunewright.core.machine import this_machine  # noqa: E402
from tunewright.model.rate import matrix_flops  # noqa: E402
from tunewright.model.starter import starter_path  # noqa: E402

DATA = HERE.parents[2] / "shared" / "data" / "gsm8k" / "grade_school_math" / "data"
STARTER = "smollm2-135m-instruct"
N_HELD_OUT = 200
HEAD = """# Training beside the peers

`make bench-train`. SmolLM2-135M: the first rows of gsm8k, batch 8, one epoch, linear schedule from 2e-4 (full: 2e-5),
in turns. A section stays as it was measured until its setting is measured again; settings in bfloat16 need a processor
that multiplies it.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is trained."""

    words: str
    flags: tuple[str, ...]
    n_rows: int
    is_scored: bool = False
    """The adapters of all turns are scored on held-out rows."""

    @property
    def dtype(self) -> str:
        return "bfloat16" if "bf16" in self.flags else "float32"


SETTINGS = {
    "lora-bf16": Setting("LoRA r=16", ("bf16",), 160, is_scored=True),
    "lora-float32": Setting("LoRA r=16", (), 80, is_scored=True),
    "full-bf16": Setting("full", ("bf16", "full"), 80),
    "full-float32": Setting("full", ("full",), 40),
}


@dataclass(frozen=True, slots=True)
class Trained:
    """One process."""

    tokens: int
    seconds: float
    peak_bytes: int
    saved: Path
    utilisation: float = float("nan")

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds


def lines_of(source: Path, n: int, target: Path) -> Path:
    with source.open(encoding="utf-8") as lines:
        target.write_text("".join(line for _, line in zip(range(n), lines, strict=False)), encoding="utf-8")
    return target


def answer(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def peer(python: str, script: str, setting: Setting, data: Path, *, seed: int, out: Path) -> Trained:
    paths = [HERE / script, starter_path(STARTER), data]
    found = answer([python, *map(str, paths), str(seed), str(out), *setting.flags])
    return Trained(found["tokens"], found["seconds"], found["peak_memory_bytes"], out)


def ours(setting: Setting, data: Path, *, seed: int, out: Path) -> Trained:
    """The installed command, up to the train stage."""
    out.mkdir(parents=True)
    few = [lines_of(DATA / "test.jsonl", n, out / f"{n}.jsonl") for n in (16, 17)]
    is_full = "full" in setting.flags
    method = {"method": "full"} if is_full else {"method": "lora", "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0}
    plan = {
        "task": "generate",
        "model": {"name": f"starter:{STARTER}", "dtype": setting.dtype},
        "data": {"train": str(data), "validation": str(few[0]), "test": str(few[1])},
        "prepare": {"max_length": 512, "actions": {"leakage": "report"}},
        "train": {
            **method,
            "layers": "all",
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 2e-5 if is_full else 2e-4,
            "warmup_ratio": 0,
            "lr_scheduler_type": "linear",
            "weight_decay": 0,
            "patience": None,
        },
        "run": {"seed": seed, "name": "run"},
    }
    path = out / "plan.yaml"
    path.write_text(yaml.safe_dump(plan), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("tunewright")), "train", str(path), "--runs-dir", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"tunewright train failed:\n{done.stderr[-2000:]}")
    facts = json.loads((out / "run" / "train" / "summary.json").read_text(encoding="utf-8"))
    saved = out / "run" / "train" / ("model" if is_full else "adapter")
    return Trained(facts["tokens_seen"], facts["seconds"], facts["peak_memory_bytes"], saved, facts["utilisation"])


def told(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def turns(setting: Setting, n_turns: int, work: Path) -> tuple[dict[str, list[Trained]], dict[str, list[float]]]:
    """Every contender once a turn, and the held-out losses of what they saved."""
    data = lines_of(DATA / "train.jsonl", setting.n_rows, work / "train.jsonl")
    held_out = lines_of(DATA / "test.jsonl", N_HELD_OUT, work / "test.jsonl")
    trl = os.environ.get("TUNEWRIGHT_PEERS")
    found: dict[str, list[Trained]] = {}
    losses: dict[str, list[float]] = {}
    for turn in range(n_turns):
        contenders = {
            "tunewright": lambda out, seed: ours(setting, data, seed=seed, out=out),
            "plain loop": lambda out, seed: peer(sys.executable, "plain_loop.py", setting, data, seed=seed, out=out),
        }
        if trl:
            contenders["TRL"] = lambda out, seed: peer(trl, "trl_lora.py", setting, data, seed=seed, out=out)
        for name, train in contenders.items():
            trained = train(work / f"{name.replace(' ', '_')}-{turn}", turn)
            found.setdefault(name, []).append(trained)
            told(f"{name}: {trained.speed:.0f} tokens/s, {trained.peak_bytes / 1e9:.2f} GB")
    for name, all_trained in found.items() if setting.is_scored else ():
        for trained in all_trained:
            paths = [HERE / "held_out.py", starter_path(STARTER), trained.saved, held_out]
            scored = answer([sys.executable, *map(str, paths)])
            losses.setdefault(name, []).append(scored["nats_per_token"])
            told(f"{name}: {scored['nats_per_token']:.4f} nats")
    return found, losses


def table(found: dict[str, list[Trained]], losses: dict[str, list[float]]) -> str:
    ours_speed = statistics.median(t.speed for t in found["tunewright"])
    ours_peak = statistics.median(t.peak_bytes for t in found["tunewright"])
    out = [
        "| | tokens/s (median; all) | tunewright is | peak memory | tunewright needs | held-out nats, by seed |",
        "|---|---|---|---|---|---|",
    ]
    for name, all_trained in found.items():
        speeds = [t.speed for t in all_trained]
        speed, peak = statistics.median(speeds), statistics.median(t.peak_bytes for t in all_trained)
        scores = ", ".join(f"{x:.4f}" for x in losses.get(name, [])) or "not scored"
        beside = [f"{ours_speed / speed:.2f} times as fast", f"{ours_peak / peak:.2f} of it"]
        beside = ["", ""] if name == "tunewright" else beside
        listed = ", ".join(f"{s:.0f}" for s in speeds)
        out.append(f"| {name} | {speed:.0f} ({listed}) | {beside[0]} | {peak / 1e9:.2f} GB | {beside[1]} | {scores} |")
    used = statistics.median(t.utilisation for t in found["tunewright"])
    n_tokens = ", ".join(f"{name} {t[0].tokens:,}" for name, t in found.items())
    return "\n".join([*out, "", f"Utilisation {used:.2f}. Tokens: {n_tokens}."])


def machine_line(dtype: str) -> str:
    rate = matrix_flops(getattr(torch, dtype)) / 1e9
    machine = f"{os.cpu_count()} cores ({processor()}), Python {platform.python_version()}, torch {torch.__version__}"
    return f"{time.strftime('%Y-%m-%d')}, {machine}; matrix rate {rate:.0f} GFLOP/s in {dtype}."


def write_sections(new: dict[str, str]) -> None:
    """Into results.md, by title: what was measured on another machine stays."""
    path = HERE / "results.md"
    old = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.exists() else []
    kept = {title.strip(): text.strip() for title, _, text in (part.partition("\n") for part in old)}
    parts = [f"## {title}\n\n{text}\n" for title, text in {**kept, **new}.items()]
    path.write_text("\n".join([HEAD, *parts]), encoding="utf-8")
    print("\n".join(f"## {title}\n\n{text}\n" for title, text in new.items()))


def main() -> None:
    n_turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name in sys.argv[2:] or list(SETTINGS):
        setting = SETTINGS[name]
        if setting.dtype == "bfloat16" and not this_machine().has_bf16:
            told(f"{name}: not run, this processor has no bfloat16 products")
            continue
        told(name)
        with tempfile.TemporaryDirectory() as work:
            found, losses = turns(setting, n_turns, Path(work))
        n = len(found["tunewright"])
        body = f"{machine_line(setting.dtype)} {setting.n_rows} rows, {n} turns.\n\n{table(found, losses)}"
        write_sections({f"{setting.words}, {setting.dtype}": body})


if __name__ == "__main__":
    main()

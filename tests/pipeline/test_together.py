"""Two processes under torchrun train what one trains alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled, write_pairs

if sys.platform == "win32":
    pytest.skip("gloo's test uses signals that Windows does not have", allow_module_level=True)

TOGETHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def plan(folder: Path, model: Path, task: str, **train: Any) -> Path:
    data = write_labelled(folder / "rows.csv") if task == "classify" else write_pairs(folder / "rows.jsonl")
    content = {
        "task": task,
        "model": {"name": str(model), "dtype": "float32"},
        "data": {"train": str(data)},
        "train": {"epochs": 2, "batch_size": 5, "learning_rate": 0.01, **train},
        "run": {"threads": 1},
    }
    path = folder / "plan.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def command(path: Path, runs: str, *, before: list[str]) -> list[str]:
    words = ["-m", "tunewright", "train", str(path), "--quiet", "--runs-dir", str(path.parent / runs)]
    return [sys.executable, *before, *words]


def steps(folder: Path, runs: str) -> list[dict[str, Any]]:
    lines = (folder / runs / "plan/train/steps.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == "StepEvent"]


@pytest.mark.parametrize(
    ("task", "train"),
    [
        ("classify", {"method": "head"}),
        ("generate", {"method": "lora", "lora_r": 4, "gradient_accumulation_steps": 2}),
    ],
    ids=["head", "lora"],
)
def test_two_processes_train_what_one_trains(
    task: str, train: dict[str, Any], tiny_encoder: Path, tiny_decoder: Path, tmp_path: Path
) -> None:
    """1e-4: sums of two processes in float32. The last batch of an epoch has fewer rows than the others."""
    path = plan(tmp_path, tiny_encoder if task == "classify" else tiny_decoder, task, **train)
    subprocess.run(command(path, "one", before=[]), check=True, capture_output=True)
    done = subprocess.run(command(path, "two", before=TOGETHER), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    alone, together = steps(tmp_path, "one"), steps(tmp_path, "two")
    assert len(alone) == len(together) > 4
    for key in ("n_tokens", "n_targets", "learning_rate"):
        assert [s[key] for s in together] == [s[key] for s in alone]
    for key in ("loss_nats", "grad_norm"):
        assert [s[key] for s in together] == pytest.approx([s[key] for s in alone], rel=1e-4)


def test_two_processes_that_are_stopped_go_on_where_they_stopped(tiny_decoder: Path, tmp_path: Path) -> None:
    path = plan(
        tmp_path, tiny_decoder, "generate", method="lora", lora_r=4, lora_dropout=0.2, epochs=30, save_steps=500
    )
    subprocess.run(command(path, "whole", before=TOGETHER), check=True, capture_output=True)
    process = subprocess.Popen(command(path, "cut", before=TOGETHER), start_new_session=True, stderr=subprocess.PIPE)
    log = tmp_path / "cut/plan/train/steps.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() or log.read_text(encoding="utf-8").count("StepEvent") < 7:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert 7 <= len(steps(tmp_path, "cut")) < len(steps(tmp_path, "whole"))
    subprocess.run(command(path, "cut", before=TOGETHER), check=True, capture_output=True)
    again = subprocess.run(command(path, "cut", before=TOGETHER), check=False, capture_output=True, timeout=100)
    assert again.returncode == 0, again.stderr  # everything is finished: the other process is let go
    whole, cut = steps(tmp_path, "whole"), steps(tmp_path, "cut")
    assert [s["loss_nats"] for s in cut] == [s["loss_nats"] for s in whole]

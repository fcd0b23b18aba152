"""Two processes under torchrun train what one trains alone.

torchrun itself starts those that are stopped and go on; the others are started as it starts them, with its variables
and a store of ours in place of its own, and need not load torch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from torch.distributed import TCPStore

from tests.pipeline.data import write_labelled, write_pairs
from tests.warm import run_warm, started_warm

if sys.platform == "win32":
    pytest.skip("gloo's test uses signals that Windows does not have", allow_module_level=True)

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LIMIT_SECONDS = 250


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


def words(path: Path, runs: str) -> list[str]:
    return ["train", str(path), "--quiet", "--runs-dir", str(path.parent / runs)]


def under_torchrun(path: Path, runs: str) -> list[str]:
    return [sys.executable, *TORCHRUN, "-m", "tunewright", *words(path, runs)]


def run_alone(path: Path, runs: str) -> None:
    done = run_warm(words(path, runs), cwd=path.parent, env=os.environ, limit_seconds=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr


def run_together(path: Path, runs: str) -> None:
    """Both ranks to their end."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    launched = {
        **os.environ,
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": "2",
    }
    with ExitStack() as stack:
        ranks = [
            stack.enter_context(
                started_warm(
                    words(path, runs),
                    cwd=path.parent,
                    env={**launched, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                    limit_seconds=LIMIT_SECONDS,
                )
            )
            for rank in range(2)
        ]
        for rank in ranks:
            done = rank.ended()
            assert done.returncode == 0, done.stderr


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
    run_alone(path, "one")
    run_together(path, "two")
    alone, together = steps(tmp_path, "one"), steps(tmp_path, "two")
    assert len(alone) == len(together) > 4
    for key in ("n_tokens", "n_targets", "learning_rate"):
        assert [s[key] for s in together] == [s[key] for s in alone]
    for key in ("loss_nats", "grad_norm"):
        assert [s[key] for s in together] == pytest.approx([s[key] for s in alone], rel=1e-4)


def test_two_processes_that_are_stopped_go_on_where_they_stopped(tiny_decoder: Path, tmp_path: Path) -> None:
    path = plan(
        tmp_path, tiny_decoder, "generate", method="lora", lora_r=4, lora_dropout=0.2, epochs=20, save_steps=500
    )
    run_together(path, "whole")
    process = subprocess.Popen(under_torchrun(path, "cut"), start_new_session=True, stderr=subprocess.PIPE)
    log = tmp_path / "cut/plan/train/steps.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() or log.read_text(encoding="utf-8").count("StepEvent") < 7:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert 7 <= len(steps(tmp_path, "cut")) < len(steps(tmp_path, "whole"))
    subprocess.run(under_torchrun(path, "cut"), check=True, capture_output=True)
    run_together(path, "cut")  # everything is finished: the other process is let go
    whole, cut = steps(tmp_path, "whole"), steps(tmp_path, "cut")
    assert [s["loss_nats"] for s in cut] == [s["loss_nats"] for s in whole]

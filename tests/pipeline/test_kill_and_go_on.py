"""A run that is killed off the save step and started again ends with the very same weights."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.pipeline.data import write_labelled, write_pairs
from tests.starters import starter_folder
from tests.warm import Warm, started_warm

if sys.platform == "win32":
    pytest.skip("kill -9 does not exist on Windows", allow_module_level=True)

LIMIT_SECONDS = 300


def started(folder: Path, runs: str) -> AbstractContextManager[Warm]:
    """Up to the trained weights, which are what is compared; tests/faults kills every stage."""
    words = ["train", "plan.yaml", "--quiet", "--runs-dir", runs]
    return started_warm(words, cwd=folder, env=os.environ, limit_seconds=LIMIT_SECONDS)


def run_whole(folder: Path, runs: str) -> None:
    with started(folder, runs) as process:
        done = process.ended()
    assert done.returncode == 0, done.stderr


def write_plan(folder: Path, plan: dict[str, Any]) -> None:
    (folder / "plan.yaml").write_text(json.dumps(plan), encoding="utf-8")


def steps_done(log: Path) -> int:
    return sum('"StepEvent"' in line for line in log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def run_killed(folder: Path, runs: str, *, at_step: int) -> None:
    """Start the run and kill -9 it as soon as steps.jsonl holds `at_step` steps."""
    log = folder / runs / "plan/train/steps.jsonl"
    with started(folder, runs) as process:
        while steps_done(log) < at_step:
            assert not process.has_ended(), f"the run ended before step {at_step}"
            time.sleep(0.002)
        process.kill()
        assert process.ended().returncode == -signal.SIGKILL


def weights_of(folder: Path, runs: str) -> dict[str, bytes]:
    """Raw bytes of every trained tensor, the head's too."""
    out = {}
    for path in sorted((folder / runs / "plan/train").glob("[am]*/*.safetensors")):
        with safe_open(str(path), framework="np") as file:
            out |= {f"{path.name}:{name}": file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
    assert out
    return out


def losses_of(folder: Path, runs: str) -> list[float]:
    lines = (folder / runs / "plan/train/steps.jsonl").read_text(encoding="utf-8").splitlines()
    return [record["loss_nats"] for record in map(json.loads, lines) if record["event"] == "StepEvent"]


def assert_survives_kills(folder: Path, *, kills: list[int]) -> None:
    run_whole(folder, "whole")
    for step in kills:
        run_killed(folder, "killed", at_step=step)
    run_whole(folder, "killed")
    assert losses_of(folder, "killed") == losses_of(folder, "whole")
    assert weights_of(folder, "killed") == weights_of(folder, "whole")


@pytest.mark.timeout(600)
def test_killed_run_ends_with_the_same_weights_when_it_goes_on(tmp_path: Path, tiny_encoder: Path) -> None:
    """Dropout 0.1 (BERT's default) and bfloat16 on: the generators' states must come back too."""
    write_labelled(tmp_path / "rows.csv")
    plan = {
        "model": {"name": str(tiny_encoder), "dtype": "bfloat16"},
        "data": str(tmp_path / "rows.csv"),
        "train": {"epochs": 12, "batch_size": 4, "save_steps": 20, "learning_rate": 1e-3, "patience": None},
    }
    write_plan(tmp_path, plan)
    assert_survives_kills(tmp_path, kills=[29, 92, 178])


STARTER_PLANS: dict[str, dict[str, Any]] = {
    "minilm-l6": {"train": {"max_steps": 10, "batch_size": 4, "save_steps": 3, "eval_steps": 5}},
    "smollm2-135m-instruct": {
        "train": {"max_steps": 10, "batch_size": 2, "save_steps": 3, "eval_steps": 5, "lora_dropout": 0.1},
    },
}
"""The encoder is trained whole with its own dropout of 0.1, the chat model with adapters and adapter dropout."""


@pytest.mark.starter
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STARTER_PLANS)
def test_killed_starter_run_ends_with_the_same_weights_when_it_goes_on(tmp_path: Path, name: str) -> None:
    """Killed at three random moments off the save step; in bfloat16 where the processor multiplies it."""
    starter_folder(name)
    is_encoder = name == "minilm-l6"
    data = write_labelled(tmp_path / "rows.csv") if is_encoder else write_pairs(tmp_path / "rows.jsonl")
    write_plan(tmp_path, {"model": f"starter:{name}", "data": str(data), **STARTER_PLANS[name]})
    off_the_save_step = [step for step in range(2, 10) if step % 3]
    assert_survives_kills(tmp_path, kills=sorted(random.Random(time.time_ns()).sample(off_the_save_step, 3)))

"""The run that nothing disturbs, once; and whether a disturbed one ended with the very same results.

In: a Scene. Out: Undisturbed. Its own file because every interrupted, killed or cramped run is compared with it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors import safe_open

from tests.faults.fault import Scene
from tests.faults.happen import read_json
from tests.faults.rows import ROWS

TYPED = "run plan.yaml"
RUN = "runs/plan"
N_STEPS = 240
PLAN = f"""data: rows.csv
model: model
train: {{method: full, max_steps: {N_STEPS}, batch_size: 4, learning_rate: 1.0e-3, patience: null}}
train.save_steps: 50
train.eval_steps: 60
evaluate: {{systems: [tuned, majority]}}
explain: {{methods: [occlusion], rows: 5}}
export: {{targets: [merged]}}
run: {{threads: 1}}
"""
"""Every stage, long enough to be stopped in the middle."""
_DIFFERS = ("cost", "test_set_uses")
"""Of metrics.json: seconds, and how often the test set was scored."""
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that a run computes, without when and how fast."""

    weights: dict[str, bytes]
    predictions: list[dict[str, Any]]
    metrics: dict[str, Any]
    explanations: dict[str, Any]
    losses: list[float]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    folder: Path
    results: Results
    seconds: dict[str, float]
    """Of each stage from its start to the next one's, loading of libraries included."""


def arrange(scene: Scene) -> None:
    scene.write("rows.csv", ROWS)
    scene.write("plan.yaml", PLAN)
    scene.copy_model("encoder")


def undisturbed(scene: Scene) -> Undisturbed:
    """Of this test session."""
    with _one_at_a_time:
        return _undisturbed(scene.folder.parents[1], scene.encoder, scene.decoder)


@cache
def _undisturbed(root: Path, encoder: Path, decoder: Path) -> Undisturbed:
    folder = root / "undisturbed" / "folder"
    folder.mkdir(parents=True)
    scene = Scene(folder, encoder, decoder)
    arrange(scene)
    told = scene.typed_warm(TYPED)
    assert told.exit_code == 0, told.stderr
    return Undisturbed(folder, results(folder / RUN), _stage_seconds(folder / RUN))


def results(run: Path) -> Results:
    metrics = read_json(run / "evaluate/metrics.json")
    verdict = metrics["verdict"]
    details = [text for text in verdict["details"] if not text.startswith("This test set has been scored")]
    steps = [json.loads(line) for line in (run / "train/steps.jsonl").read_text(encoding="utf-8").splitlines()]
    return Results(
        weights={
            f"{path.relative_to(run)}:{name}": tensor
            for path in sorted([*run.glob("train/model/*.safetensors"), *run.glob("export/merged/*.safetensors")])
            for name, tensor in _tensors(path).items()
        },
        predictions=pq.read_table(run / "evaluate/predictions.parquet").to_pylist(),
        metrics={name: value for name, value in metrics.items() if name not in _DIFFERS}
        | {"verdict": {**verdict, "details": details}},
        explanations=read_json(run / "explain/explanations.json"),
        losses=[step["loss_nats"] for step in steps if step["event"] == "StepEvent"],
    )


def assert_as_undisturbed(scene: Scene, run: Path) -> None:
    """Digit for digit."""
    expected, found = undisturbed(scene).results, results(run)
    assert len(found.losses) == N_STEPS
    for name in Results.__slots__:
        assert getattr(found, name) == getattr(expected, name), f"{name} differ from the undisturbed run's"


def stages(run: Path) -> dict[str, str]:
    """Status of each stage as run.json has it; empty when there is none yet."""
    path = run / "run.json"
    return {name: stage["status"] for name, stage in read_json(path).get("stages", {}).items()} if path.exists() else {}


def steps_done(run: Path) -> int:
    log = run / "train/steps.jsonl"
    return log.read_text(encoding="utf-8").count('"StepEvent"') if log.exists() else 0


def n_started(run: Path, stage: str) -> int:
    """How often a stage has started, over all commands."""
    log = run / "events.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return sum(f'"stage": "{stage}", "status": "started"' in line for line in lines)


def _stage_seconds(run: Path) -> dict[str, float]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    starts = [(e["stage"], e["time"]) for e in events if e["event"] == "StageEvent" and e["status"] == "started"]
    ends = [time for _, time in starts[1:]] + [events[-1]["time"]]
    return {stage: end - start for (stage, start), end in zip(starts, ends, strict=True)}


def _tensors(path: Path) -> dict[str, bytes]:
    with safe_open(str(path), framework="np") as file:
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118

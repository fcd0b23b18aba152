"""evaluate.scorer in a whole run: measured for every system, judged by, required, made anew when its file changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.pipeline.data import write_labelled, write_pairs
from tunewright.core.errors import PlanError
from tunewright.core.events import Event, StageEvent
from tunewright.core.planfile import LoadedPlan, plan_from
from tunewright.pipeline import run_plan


def plan_of(folder: Path, model: Path, **evaluate: Any) -> LoadedPlan:
    plan = {
        "model": str(model),
        "data": "pairs.jsonl",
        "train": {"max_steps": 1},
        "evaluate": {"systems": ["tuned", "base"], "max_new_tokens": 4, "limit": 3, **evaluate},
        "explain": {"methods": []},
    }
    return plan_from(plan, folder=folder, name="try")


def test_own_metric_is_measured_judged_by_and_made_anew(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    scorer = tmp_path / "mine.py"
    scorer.write_text("def length(answer, reference):\n    return len(answer) - len(reference)\n", encoding="utf-8")
    asked = {"scorer": "mine.py:length", "primary_metric": "scorer", "require": {"scorer": "> -1000"}}

    outcome = run_plan(plan_of(tmp_path, tiny_decoder, **asked), runs_dir=tmp_path / "runs")

    run = tmp_path / "runs/try"
    found = json.loads((run / "evaluate/metrics.json").read_text(encoding="utf-8"))
    records = pq.read_table(run / "evaluate/predictions.parquet").to_pylist()
    for system in ("tuned", "base"):
        scores = [
            len(record["answer"]) - len(record["reference"])
            for record in records
            if record["system"] == system and record["is_stopped"] is not None
        ]
        assert len(scores) == 3
        assert found["systems"][system]["scorer"]["value"] == pytest.approx(sum(scores) / 3)
    assert "your own metric" in found["verdict"]["sentence"]
    assert all(requirement.is_met for requirement in outcome.requirements)

    told: list[Event] = []
    scorer.write_text("def length(answer, reference):\n    return 7\n", encoding="utf-8")
    run_plan(plan_of(tmp_path, tiny_decoder, **asked), runs_dir=tmp_path / "runs", tell=told.append)
    done = {event.stage: event.status for event in told if isinstance(event, StageEvent)}
    assert (done["train"], done["evaluate"]) == ("skipped", "done")
    found = json.loads((run / "evaluate/metrics.json").read_text(encoding="utf-8"))
    assert found["systems"]["tuned"]["scorer"]["value"] == 7


def test_own_metric_that_cannot_be_is_refused_before_training(
    tmp_path: Path, tiny_decoder: Path, tiny_encoder: Path
) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    write_labelled(tmp_path / "rows.csv")
    (tmp_path / "mine.py").write_text("def score(answer, reference): return 1\n", encoding="utf-8")
    labels = plan_from(
        {"model": str(tiny_encoder), "data": "rows.csv", "evaluate": {"scorer": "mine.py"}}, folder=tmp_path, name="try"
    )
    refused = {
        "there is no file his.py": plan_of(tmp_path, tiny_decoder, scorer="his.py"),
        "the plan names none": plan_of(tmp_path, tiny_decoder, primary_metric="scorer"),
        "scorer is not measured": plan_of(tmp_path, tiny_decoder, require={"scorer": "> 1"}),
        "a metric of written answers": labels,
    }
    for words, plan in refused.items():
        with pytest.raises(PlanError, match=words):
            run_plan(plan, runs_dir=tmp_path / "runs")
        assert not (tmp_path / "runs/try/train").exists()


def test_every_training_of_several_seeds_is_measured_by_it(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    (tmp_path / "mine.py").write_text("def score(answer, reference):\n    return 7\n", encoding="utf-8")

    run_plan(plan_of(tmp_path, tiny_decoder, scorer="mine.py", seeds=2), runs_dir=tmp_path / "runs", until="evaluate")

    found = json.loads((tmp_path / "runs/try/evaluate/metrics.json").read_text(encoding="utf-8"))
    assert found["seeds"]["values"]["scorer"] == [7, 7]

"""The whole way on tiny models: every stage, its files, and the second run that has nothing to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.pipeline.data import write_documents, write_labelled, write_pairs
from tunewright.core.errors import DataError
from tunewright.core.events import StageEvent
from tunewright.core.planfile import plan_from
from tunewright.pipeline import Outcome, run_plan

QUICK = {"epochs": 2, "batch_size": 8}


def outcome_of(folder: Path, plan: dict[str, Any]) -> Outcome:
    return run_plan(plan_from(plan, folder=folder, name="try"), runs_dir=folder / "runs")


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("classify")
    write_labelled(folder / "rows.csv")
    plan = {"model": str(tiny_encoder), "data": "rows.csv", "train": {**QUICK, "learning_rate": 3e-3}}
    return folder, outcome_of(folder, plan)


def test_run_leaves_the_whole_folder_when_it_classifies(classified: tuple[Path, Outcome]) -> None:
    folder = classified[1].run.folder
    for name in (
        *("plan.yaml", "resolved.yaml", "run.json", "events.jsonl", "report.html", "README.md"),
        *("select/candidates.json", "prepare/train.parquet", "prepare/validation.parquet", "prepare/test.parquet"),
        *("prepare/dropped.parquet", "prepare/ledger.json", "prepare/findings.json", "train/steps.jsonl"),
        *("train/summary.json", "train/model/config.json", "train/model/model.safetensors", "train/model/predict.py"),
        *("evaluate/predictions.parquet", "evaluate/metrics.json"),
    ):
        assert (folder / name).is_file(), name
    assert not [p.name for p in folder.iterdir() if p.name.endswith((".tmp", ".partial"))]


def test_summary_says_which_fast_ways_were_put_on(classified: tuple[Path, Outcome]) -> None:
    summary = json.loads((classified[1].run.folder / "train/summary.json").read_text())
    assert summary["kernels"]["attention"] is True
    assert summary["kernels"]["why_not"] == []


def test_ledger_accounts_for_every_row_when_the_run_is_done(classified: tuple[Path, Outcome]) -> None:
    folder = classified[1].run.folder
    ledger = json.loads((folder / "prepare/ledger.json").read_text())
    kept = ledger["rows_kept"]
    assert ledger["rows_read"] == 120 == sum(kept.values()) + sum(ledger["dropped"].values())
    assert kept == {name: pq.read_metadata(folder / f"prepare/{name}.parquet").num_rows for name in kept}
    assert ledger["tokens"]["train"]["total"] > 0


def test_metrics_hold_every_rival_with_intervals_when_it_classifies(classified: tuple[Path, Outcome]) -> None:
    metrics = classified[1].metrics
    assert set(metrics["systems"]) == {"tuned", "base", "majority", "tfidf", "linear_probe"}
    for name, found in metrics["systems"].items():
        accuracy = found["accuracy"]
        assert accuracy["n"] == metrics["rows"], name
        assert accuracy["ci95"][0] <= accuracy["value"] <= accuracy["ci95"][1], name
    assert {c["b"] for c in metrics["comparisons"]} == {"base", "majority", "tfidf", "linear_probe"}
    assert metrics["test_set_uses"] == 1
    assert metrics["verdict"]["sentence"]


def test_every_open_field_has_a_reason_when_the_plan_is_resolved(classified: tuple[Path, Outcome]) -> None:
    resolved = yaml.safe_load((classified[1].run.folder / "resolved.yaml").read_text())
    assert "auto" not in json.dumps(resolved["plan"]).replace("automatic", "")
    fields = {choice["field"] for choice in resolved["choices"]}
    assert {"task", "data.text_column", "train.method", "evaluate.systems", "prepare.max_length"} <= fields
    assert all(len(choice["reason"]) > 10 for choice in resolved["choices"])


def test_second_run_has_nothing_to_do_and_imports_no_torch(
    classified: tuple[Path, Outcome], tiny_encoder: Path
) -> None:
    folder, first = classified
    before = {p: p.stat().st_mtime_ns for p in first.run.folder.rglob("*.parquet")}
    code = (
        "import sys, json; from pathlib import Path; from tunewright.core.planfile import plan_from\n"
        "from tunewright.pipeline import run_plan\n"
        f"plan = {{'model': {str(tiny_encoder)!r}, 'data': 'rows.csv', 'train': {QUICK | {'learning_rate': 3e-3}!r}}}\n"
        f"folder = Path({str(folder)!r})\n"
        "out = run_plan(plan_from(plan, folder=folder, name='try'), runs_dir=folder / 'runs')\n"
        "heavy = [name for name in ('torch', 'transformers', 'peft') if name in sys.modules]\n"
        "print(json.dumps([out.was_finished, heavy]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, []]
    assert before == {p: p.stat().st_mtime_ns for p in first.run.folder.rglob("*.parquet")}


def test_only_later_stages_run_again_when_evaluate_changes(tmp_path: Path, tiny_encoder: Path) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=6)
    plan: dict[str, Any] = {"model": str(tiny_encoder), "data": "rows.csv", "train": QUICK}
    outcome_of(tmp_path, plan)
    heard: list[tuple[str, str]] = []
    changed = plan_from({**plan, "evaluate": {"systems": ["tuned", "majority"]}}, folder=tmp_path, name="try")
    outcome = run_plan(
        changed,
        runs_dir=tmp_path / "runs",
        tell=lambda e: heard.append((e.stage, e.status)) if isinstance(e, StageEvent) else None,
    )
    assert ("train", "skipped") in heard
    assert ("evaluate", "done") in heard
    assert set(outcome.metrics["systems"]) == {"tuned", "majority"}
    assert outcome.metrics["test_set_uses"] == 2
    assert list(outcome.run.folder.glob("evaluate.*")), "the old result is kept"


def test_run_learns_answers_and_says_what_stops_when_it_generates(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    plan = {
        "model": str(tiny_decoder),
        "data": "pairs.jsonl",
        "train": {**QUICK, "learning_rate": 1e-2, "lora_r": 4},
        "evaluate": {"max_new_tokens": 16},
    }
    outcome = outcome_of(tmp_path, plan)
    systems = outcome.metrics["systems"]
    assert set(systems) == {"tuned", "base"}
    assert systems["tuned"]["bits_per_byte"]["value"] < systems["base"]["bits_per_byte"]["value"]
    for name in ("exact_match", "token_f1", "rouge1", "rouge2", "rougeL", "chrf", "stops", "end_argmax"):
        assert systems["tuned"][name]["n"] > 0, name
    assert (outcome.run.folder / "train/adapter/adapter_model.safetensors").is_file()


def test_run_lowers_bits_per_byte_when_it_reads_raw_text(tmp_path: Path, tiny_decoder: Path) -> None:
    write_documents(tmp_path / "notes.txt")
    plan = {"task": "text", "model": str(tiny_decoder), "data": "notes.txt", "train": {**QUICK, "learning_rate": 1e-2}}
    systems = outcome_of(tmp_path, plan).metrics["systems"]
    assert systems["tuned"]["bits_per_byte"]["value"] < systems["base"]["bits_per_byte"]["value"]


def test_refused_run_publishes_its_evidence_when_test_rows_stand_in_train(tmp_path: Path, tiny_encoder: Path) -> None:
    write_labelled(tmp_path / "train.csv")
    shutil.copy(tmp_path / "train.csv", tmp_path / "test.csv")
    plan = {"model": str(tiny_encoder), "data": {"train": "train.csv", "test": "test.csv"}}
    with pytest.raises(DataError, match="leak") as caught:
        outcome_of(tmp_path, plan)
    assert caught.value.exit_code == 3
    run = tmp_path / "runs/try"
    findings = json.loads((run / "prepare/findings.json").read_text())
    assert any(f["check"] == "leakage" for f in findings["findings"])
    assert json.loads((run / "run.json").read_text())["stages"]["prepare"]["status"] == "refused"

"""From a run to folders that other software loads, by the verb; a folder that differs is never published."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipeline.data import write_labelled, write_pairs
from tests.pipeline.test_outside import train_with_peft
from tunewright.cli.main import main
from tunewright.core.planfile import plan_from
from tunewright.pipeline import run_plan

LORA = {"method": "lora", "epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "lora_r": 4}
NO_PRICE = {"explain": {"methods": []}}


def in_plain_python(code: str, *words: str) -> str:
    """What the code prints where tunewright cannot be imported."""
    program = f"import sys; sys.modules['tunewright'] = None; sys.argv[1:] = {list(words)!r}\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def encoder_run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    write_labelled(folder / "rows.csv")
    plan = {"model": str(tiny_encoder), "data": "rows.csv", "train": LORA, **NO_PRICE}
    return run_plan(plan_from(plan, folder=folder, name="rows"), runs_dir=folder / "runs").run.folder


@pytest.fixture(scope="module")
def exported(encoder_run: Path) -> Path:
    assert main(["export", str(encoder_run), "--quiet"]) == 0
    return encoder_run / "export"


def test_each_target_knows_how_near_it_is_and_how_that_was_made(exported: Path) -> None:
    found = json.loads((exported / "export.json").read_text())
    assert list(found["targets"]) == ["adapter", "merged"]
    for target in found["targets"].values():
        assert 0 <= target["kl_nats"]["mean"] <= target["kl_nats"]["max"] < 1e-6
        assert target["n"] == target["rows"] == 18
        assert target["size_bytes"] > 1000
        assert target["checks"]["labels"] == target["checks"]["prompt ids"] == "ok"
        assert "float32 on both sides" in target["signature"]
    assert "it needs its base model at" in found["targets"]["adapter"]["note"]


def test_exported_encoders_answer_as_measured_when_tunewright_is_not_there(exported: Path) -> None:
    predictions = pq.read_table(exported.parent / "evaluate/predictions.parquet").to_pylist()
    rows = [row for row in predictions if row["system"] == "tuned"]
    for name in ("adapter", "merged"):
        run = f"import runpy; runpy.run_path({str(exported / name / 'predict.py')!r}, run_name='__main__')"
        lines = in_plain_python(run, *(row["text"] for row in rows)).splitlines()
        assert [line.split("\t")[0] for line in lines if line.count("\t") == 2] == [row["answer"] for row in rows]


def test_exporting_again_does_nothing(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (exported / "export.json").stat().st_mtime_ns
    assert main(["export", str(exported.parent), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["was_finished"]
    assert answer["result"]["targets"]["merged"]["agreement"] == 1.0
    assert (exported / "export.json").stat().st_mtime_ns == before


def test_nothing_is_published_when_a_target_differs(
    encoder_run: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit below float32 rounding: merged weights cannot meet it."""
    assert exported.is_dir()
    assert main(["export", str(encoder_run), "export.max_kl_nats=1e-30", "export.targets=[merged]", "--quiet"]) == 7
    error = capsys.readouterr().err
    assert "does not answer like the proven model" in error
    assert "limit is 1e-30" in error
    assert "Traceback" not in error
    assert not (encoder_run / "export").exists()
    assert not [path for path in encoder_run.iterdir() if path.name.endswith(".partial")], (
        "refused weights stay nowhere"
    )
    assert json.loads((encoder_run / "run.json").read_text())["stages"]["export"]["status"] == "failed"


def test_chat_model_of_another_tool_is_merged_and_its_lines_run(
    tmp_path: Path, tiny_decoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    train_with_peft(tiny_decoder, tmp_path / "theirs", steps=10)
    plan = {
        "data": "pairs.jsonl",
        "evaluate": {"systems": ["path:theirs"], "max_new_tokens": 4, "limit": 2},
        "export": {"targets": ["merged"]},
        **NO_PRICE,
    }
    run = run_plan(plan_from(plan, folder=tmp_path, name="theirs"), runs_dir=tmp_path / "runs").run.folder
    target = json.loads((run / "export/export.json").read_text())["targets"]["merged"]
    assert target["kl_nats"]["mean"] < 1e-6
    assert target["checks"]["end tokens"] == "ok"
    assert main(["export", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("merged, without tunewright:") + 1
    code = "\n".join(line.strip() for line in lines[start : start + 3])
    assert json.dumps(str(run / "export/merged")) in code
    said = in_plain_python(code.replace("max_new_tokens=256", "max_new_tokens=4"))
    assert said.endswith("\n"), "lines that print nothing have not answered"

"""Each check says ok or problem, and a problem says what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tunewright.cli.doctor import FREE_BYTES, folder_checks, machine_checks, package_checks, python_check
from tunewright.cli.main import main
from tunewright.core.machine import this_machine


def test_python_check_is_a_problem_when_it_is_too_old() -> None:
    assert python_check((3, 11)).status == "ok"
    assert python_check((3, 10)).status == "problem"
    assert "3.11" in python_check((3, 10)).fix


def test_package_checks_find_what_is_old_or_missing_and_leave_extras_out() -> None:
    requirements = ["torch>=2.6", "numpy>=2.0", "pandas>=2", "pytest>=8; extra == 'test'"]
    found = {"torch": "2.7.0+cpu", "numpy": "1.26.4"}
    checks = {c.name: c for c in package_checks(requirements, installed=lambda name: found.get(name, ""))}
    assert {name: c.status for name, c in checks.items()} == {"torch": "ok", "numpy": "problem", "pandas": "problem"}
    assert checks["numpy"].fix == 'python -m pip install "numpy>=2.0"'


def test_machine_checks_warn_when_memory_is_short() -> None:
    machine = replace(this_machine(), memory_bytes=int(8e9), memory_available_bytes=int(1e9))
    assert [c.name for c in machine_checks(machine) if c.status == "problem"] == ["memory"]
    roomy = replace(machine, memory_available_bytes=int(7e9))
    assert not [c for c in machine_checks(roomy) if c.status == "problem"]


def test_folder_checks_look_at_the_nearest_folder_when_it_is_not_there_yet(tmp_path: Path) -> None:
    (check,) = folder_checks("runs", tmp_path / "not" / "yet")
    assert check.status == "ok"
    assert not (tmp_path / "not").exists()
    assert FREE_BYTES < 1e10


def test_folder_checks_are_a_problem_when_the_place_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder: not even an administrator makes one in it", encoding="utf-8")
    (check,) = folder_checks("models", tmp_path / "file" / "models")
    assert check.status == "problem"
    assert "TUNEWRIGHT_CACHE" in check.fix


def test_doctor_tells_measured_rates_when_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json", "--runs-dir", str(tmp_path)])
    found = json.loads(capsys.readouterr().out)
    assert code == (0 if found["is_ok"] else 1)
    checks = {check["name"]: check for check in found["checks"]}
    assert "GFLOP/s in float32" in checks["matrix products"]["found"]
    assert all(check["fix"] for check in found["checks"] if check["status"] == "problem")
    assert {"python", "torch", "bfloat16", "runs folder", "models folder", "starter minilm-l6"} <= set(checks)


def test_models_list_knows_every_starter_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    found = {model["name"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    assert set(found) == {"smollm2-135m-instruct", "minilm-l6"}
    assert all(model["is_added"] == (model["path"] is not None) for model in found.values())
    assert main(["models", "list"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out


def test_models_info_has_no_path_when_the_starter_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path))
    assert main(["models", "info", "starter:minilm-l6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] is None
    assert main(["models", "info", "minilm-l6"]) == 0
    assert "tunewright models add minilm-l6" in capsys.readouterr().out


def test_models_ends_with_4_when_there_is_no_such_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "add", "minilm-l7", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["why"] == "did you mean minilm-l6?"


def test_models_info_reads_a_local_folder_when_given_one(
    tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "info", str(tiny_encoder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["path"], facts["n_layers"]) == (str(tiny_encoder), 2)

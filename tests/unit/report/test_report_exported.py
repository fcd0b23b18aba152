"""The section on exported folders: there when they were written, the same numbers on the page and on the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.exported import exported_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report

TARGET = {
    "path": "merged",
    "size_bytes": 541_614_999,
    "rows": 15,
    "n": 944,
    "kl_nats": {"mean": 7e-12, "max": 6e-11, "worst_row": "train:14"},
    "agreement": 1.0,
    "precision": {"kl_nats_mean": 0.00057, "agreement": 0.979},
    "limit_nats": 0.01,
    "note": "it needs <b>care</b>",
    "signature": "mean KL, float32 on both sides",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = write_run(tmp_path / "tickets")
    (run / "export").mkdir()
    found = {"targets": {"merged": TARGET}, "left_out": {"adapter": "there is none"}}
    (run / "export/export.json").write_text(json.dumps(found))
    set_status(run, "done")
    return run


def set_status(run: Path, status: str) -> None:
    manifest = json.loads((run / "run.json").read_text())
    manifest["stages"]["export"] = {"status": status, "fingerprint": "e", "seconds": 1.0}
    (run / "run.json").write_text(json.dumps(manifest))


def test_page_and_card_say_how_near_each_folder_is(folder: Path) -> None:
    html = write_report(folder).read_text(encoding="utf-8")
    card = (folder / "README.md").read_text(encoding="utf-8")
    section = html[html.index('<section id="exported">') :]
    assert "export/merged" in section
    assert "542 MB" in section
    assert "below 1e-06" in section
    assert "944 answers of 15 rows" in section
    assert "adapter: not written, there is none" in section
    assert "&lt;b&gt;care" in section
    assert "| `export/merged` | 542 MB | below 1e-06 | 0.01 | 100.0 % | 944 answers of 15 rows |" in card


def test_what_leaving_bfloat16_changes_is_said(folder: Path) -> None:
    found = exported_of(read_run(folder))
    assert found is not None
    assert "0.00057 nats" in found.precision
    assert "97.9 %" in found.precision


@pytest.mark.parametrize("status", ["failed", "outdated", "running"])
def test_nothing_is_said_when_the_export_does_not_stand(folder: Path, status: str) -> None:
    set_status(folder, status)
    assert exported_of(read_run(folder)) is None
    assert 'id="exported"' not in write_report(folder).read_text(encoding="utf-8")

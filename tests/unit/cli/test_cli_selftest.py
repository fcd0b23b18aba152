"""`tunewright selftest` as it is typed: every promise on its line, exit 6 when one is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.data import write_pairs
from tunewright.cli.main import main
from tunewright.cli.selftest import probe_lines
from tunewright.core.probe import measured
from tunewright.verbs import training_probes


@pytest.fixture
def typed(tiny_decoder: Path, tmp_path: Path) -> list[str]:
    data = write_pairs(tmp_path / "pairs.jsonl")
    return ["selftest", str(data), f"model={tiny_decoder}", "run.threads=1", "model.dtype=float32"]


def test_selftest_tells_each_promise_with_its_numbers(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*typed, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["is_ok"] is True
    assert len(found["probes"]) == 12
    assert set(found["probes"][0]) == {"name", "status", "found", "why", "value", "limit", "row_ids"}
    resume = next(probe for probe in found["probes"] if probe["name"] == "resume")
    assert (resume["status"], resume["value"], resume["limit"]) == ("ok", 0.0, 0.0)


def test_selftest_exits_6_when_a_promise_is_broken(
    typed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that nothing can keep stands for a model that breaks the promise."""
    monkeypatch.setattr(training_probes, "GRADIENT_LIMIT", -1.0)
    assert main(typed) == 6
    out = capsys.readouterr().out
    assert "failed   accumulation" in out
    assert "1 failed in" in out


def test_probe_lines_say_what_a_failure_means_and_fit_80_columns() -> None:
    lines = probe_lines(measured("padding", 2.0, limit=1.0, found="they differ " * 9, why="it would depend on others"))
    assert lines[0].startswith("failed   padding")
    assert "It would depend on others." in " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80
    assert probe_lines(measured("padding", float("nan"), limit=1.0, found="", why="x"))[0].startswith("failed")

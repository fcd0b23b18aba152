"""Memory by term against the limit, and the models that were compared, filters and all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.unit.report.run_folder import write_run
from tunewright.report.decisions import decisions_of
from tunewright.report.memory import memory_bars_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report

TERMS = {"weights": 400_000_000, "activations": 900_000_000, "gradients": 0, "how": "counted on the first blocks"}


def run_with(folder: Path, *, terms: dict[str, Any], limit: str | None = None) -> Path:
    run = write_run(folder)
    path = run / "train" / "summary.json"
    summary = json.loads(path.read_text())
    path.write_text(json.dumps({**summary, "predicted_memory": terms, "peak_memory_bytes": 1_000_000_000}))
    decision = yaml.safe_load((run / "resolved.yaml").read_text())
    decision["plan"]["run"]["memory_limit"] = limit
    (run / "resolved.yaml").write_text(yaml.safe_dump(decision))
    return run


def width(bar: str) -> float:
    found = re.search(r'<rect class="bar[^"]*" x="0" y="4" width="([0-9.]+)%"', bar)
    assert found is not None
    return float(found[1])


def test_memory_bars_show_every_term_against_the_limit_of_the_plan(tmp_path: Path) -> None:
    bars = memory_bars_of(read_run(run_with(tmp_path / "run", terms=TERMS, limit="2GB")))

    assert bars is not None
    assert [line.name.split(",")[0] for line in bars.lines] == [
        *("Activations", "Weights", "Predicted in all", "Measured")
    ]
    assert [width(line.bar) for line in bars.lines] == [45.0, 20.0, 65.0, 50.0]
    assert bars.limit == "2 GB"
    assert (bars.off, bars.how) == ("+30 %", "counted on the first blocks")


def test_memory_bars_draw_the_limit_inside_where_the_need_goes_beyond_it(tmp_path: Path) -> None:
    bars = memory_bars_of(read_run(run_with(tmp_path / "run", terms=TERMS, limit="650MB")))

    assert bars is not None
    total = bars.lines[-2]
    assert width(total.bar) == 100.0
    assert 'x1="49.9%"' in total.bar
    assert "200 % of the limit" in total.bar


def test_memory_bars_take_nine_tenths_of_the_machine_without_a_limit(tmp_path: Path) -> None:
    bars = memory_bars_of(read_run(run_with(tmp_path / "run", terms=TERMS)))
    assert bars is not None
    assert bars.limit == "28.8 GB", "of 32 GB"


def test_memory_bars_are_left_out_of_an_older_run(tmp_path: Path) -> None:
    assert memory_bars_of(read_run(write_run(tmp_path / "run"))) is None


def test_the_page_tells_filters_rules_and_who_was_not_compared(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", terms=TERMS)
    path = run / "select" / "candidates.json"
    first, *others = json.loads(path.read_text())
    first["filters"] = [{"name": "licence", "is_passed": False, "words": "its licence is <odd>"}]
    found = {"candidates": [first, *others], "left_out": [{"name": "far/away", "reason": "offline"}], "rules": ["few"]}
    path.write_text(json.dumps(found))

    decisions = decisions_of(read_run(run))
    assert decisions.candidates[0].filters == (("licence", False, "its licence is <odd>"),)
    assert decisions.candidates[1].filters == ()
    assert (decisions.left_out, decisions.size_rules) == ((("far/away", "offline"),), ("few",))
    page = write_report(run).read_text(encoding="utf-8")
    assert "its licence is &lt;odd&gt;" in page
    assert "far/away" in page
    assert "Predicted in all" in page

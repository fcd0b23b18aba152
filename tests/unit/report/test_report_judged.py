"""What the page says of a judge model and of a model behind an address: who said it, its doubts, its price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.costs import cost_lines
from tunewright.report.judged import judge_of
from tunewright.report.read import RunFiles, read_run
from tunewright.report.stage import write_report

AGAINST_BASE = {
    "rival": "base",
    "won": 6,
    "lost": 1,
    "tied": 3,
    "missing": 2,
    "equal": 1,
    "asked": 9,
    "disagreed": 3,
    "decided": 16,
    "chose_first": 12,
    "comparison": {
        "a": "tuned",
        "b": "base",
        "metric": "judge",
        "difference": 0.5,
        "ci95": [0.05, 0.8],
        "p_value": 0.0703,
        "test": "mid-p McNemar; 10 rows, 6 won, 1 lost",
        "verdict": "not distinguishable",
    },
}
JUDGE = {
    "api": "referee",
    "rivals": [AGAINST_BASE],
    "cost": {"host": "api.example.com", "model": "<large>", "price": 0.02},
    "sentences": ["The judge preferred.", "Judging took 10 tokens.", "An opinion."],
}


def judged_run(folder: Path, judge: Any) -> RunFiles:
    path = write_run(folder, task="generate") / "evaluate/metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "judge": judge}), encoding="utf-8")
    return read_run(folder)


def test_a_judge_stands_on_the_page_with_its_doubts(tmp_path: Path) -> None:
    run = judged_run(tmp_path / "run", JUDGE)
    found = judge_of(run)
    assert found is not None
    assert "A model said so: <large> at api.example.com" in found.lead
    (line,) = found.lines
    assert (line.rival, line.won, line.lost, line.tied, line.missing) == ("Before tuning", "6", "1", "3", "2")
    assert (line.difference, line.interval, line.p) == ("+50.0 points", "+5.0 to +80.0", ".0703")
    assert (line.changed, line.first) == ("33.3 %", "75.0 %")
    assert (line.verdict, line.kind) == ("not distinguishable", "unclear")
    assert found.limits == ("Judging took 10 tokens.", "An opinion.")
    write_report(tmp_path / "run")
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "What a judge model preferred" in page
    assert "A model said so: &lt;large&gt;" in page


@pytest.mark.parametrize("judge", [None, {}, {"rivals": None, "cost": None}, {"cost": {"model": None}}])
def test_nobody_judged(judge: Any, tmp_path: Path) -> None:
    assert judge_of(judged_run(tmp_path / "run", judge)) is None
    write_report(tmp_path / "run")
    assert "What a judge model preferred" not in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_an_opinion_on_nothing_is_no_number(tmp_path: Path) -> None:
    nothing = {**AGAINST_BASE, "won": 0, "lost": 0, "tied": 0, "asked": 0, "decided": 0}
    comparison = {**AGAINST_BASE["comparison"], "difference": None, "ci95": [None, None], "p_value": None}
    run = judged_run(tmp_path / "run", {**JUDGE, "rivals": [{**nothing, "comparison": comparison}]})
    found = judge_of(run)
    assert found is not None
    (line,) = found.lines
    assert (line.difference, line.interval, line.p, line.verdict) == ("not measured", "", "not measured", "not run")
    assert (line.changed, line.first) == ("not measured", "not measured")
    write_report(tmp_path / "run")


def test_tokens_price_and_missing_rows_stand_below_the_scores() -> None:
    api = {"tokens_in": 12_345, "tokens_out": 678, "price_per_1000": 0.06, "missing": {"test:3": "HTTP 400"}}
    untold = {"tokens_in": None, "tokens_out": 3, "price_per_1000": None, "missing": {}}
    costs = {"tuned": {"seconds": 2.0}, "api:a": {"seconds": 9.0, "api": api}, "api:b": {"seconds": 9.0, "api": untold}}
    lines = {line.name: line.cells for line in cost_lines(costs, ["tuned", "api:a", "api:b"])}
    assert lines == {
        "Time to answer": ("2.0 s", "9.0 s", "9.0 s"),
        "Tokens": ("", "12,345 in, 678 out", "not told"),
        "Price of 1,000 answers": ("", "0.06", "not known"),
        "Rows without an answer": ("", "1", "0"),
    }

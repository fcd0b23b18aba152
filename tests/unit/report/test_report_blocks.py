"""The page draws what was measured of the blocks, colours the trained ones, and says why these."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.unit.report.run_folder import write_run
from tunewright.report import charts
from tunewright.report.blocks import found_blocks_of
from tunewright.report.decisions import decisions_of
from tunewright.report.page import report_html
from tunewright.report.read import read_run

SEARCH = {
    "blocks": [1],
    "reason": "block 1 of 2 holds 75% of the relative gradient at 50% of the operations: the most for them",
    "signals": [{"pull": 0.25, "separation": 0.5}, {"pull": 0.75, "separation": 0.9}],
}


def test_page_draws_the_blocks_and_says_which_were_trained(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_run(folder)
    assert "Blocks that were trained" not in report_html(read_run(folder))
    summary = folder / "train/summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"layer_search": SEARCH}))

    run = read_run(folder)
    html = report_html(run)

    assert "Blocks that were trained" in html
    assert str(SEARCH["reason"]) in html
    assert "behind block 0: 50.0" in html.replace("\N{NO-BREAK SPACE}", " ")
    asked = {"choices": [{"field": "train.layers", "value": "find", "reason": "measured before training"}]}
    assert decisions_of(replace(run, decision=asked)).choices == (("train.layers", "1", SEARCH["reason"]),)


def test_columns_are_as_high_as_their_share_and_only_trained_ones_are_coloured() -> None:
    drawn = charts.columns([0.25, 0.75], is_ours=[False, True], title="t", description="d")

    assert drawn.count('class="bar"') == drawn.count('class="bar ours"') == 1
    heights = [float(part.partition('"')[0]) for part in drawn.split('height="')[2:4]]
    assert heights[1] == 110
    assert abs(heights[0] - 110 / 3) < 0.01
    assert "25 %" in drawn
    assert "75 %" in drawn


def test_nothing_is_drawn_where_nothing_was_measured() -> None:
    assert found_blocks_of({}) is None
    assert not charts.columns([], is_ours=[], title="t", description="d")
    assert not charts.columns([0.0, 0.0], is_ours=[True, True], title="t", description="d")
    found = found_blocks_of({"layer_search": SEARCH | {"signals": [{"pull": None, "separation": None}]}})
    assert found is not None
    assert not found.chart
    assert found.separation == ""

"""Metrics that do not decide: what remains after correction is marked, what looks real alone is said to be that."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.report.run_folder import write_run
from tunewright.report.page import report_html
from tunewright.report.read import read_run
from tunewright.report.results import results_of
from tunewright.report.secondary import other_metrics_of


def test_differences_that_remain_are_marked_in_the_rivals_cell_and_no_other_is(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "tickets"))
    results = results_of(run)
    assert results is not None
    marked = {
        (line.key, column)
        for line in results.lines
        for column, cell in zip(results.columns, line.cells, strict=True)
        if cell.mark
    }
    rivals = set(results.columns) - {"Tuned model"}
    assert marked == {("balanced_accuracy", rival) for rival in rivals}
    assert report_html(run).count('class="mark beaten"') == len(rivals)


def test_sentence_counts_what_remains_and_what_would_look_real_alone(tmp_path: Path) -> None:
    found = other_metrics_of(read_run(write_run(tmp_path / "tickets")))
    assert found is not None
    n_rivals = len({line.rival for line in found.lines})
    assert found.sentence == (
        f"Of {3 * n_rivals} differences in other metrics {n_rivals} remain after Holm's correction for the 3 looks at "
        f"each rival; {n_rivals} more would look real alone."
    )
    assert [line.word for line in found.lines[:3]] == [
        "better",
        "better only when looked at alone",
        "not distinguishable",
    ]


def test_rival_that_is_better_is_ahead(tmp_path: Path) -> None:
    path = write_run(tmp_path / "tickets") / "evaluate/metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    metrics["secondary"] = [{**metrics["secondary"][0], "verdict": "worse"}]
    path.write_text(json.dumps(metrics), encoding="utf-8")
    found = other_metrics_of(read_run(path.parents[1]))
    assert found is not None
    assert list(found.marks.values()) == ["ahead"]
    assert found.sentence.startswith("Of 1 difference in other metrics 1 remains")


def test_run_of_an_earlier_version_says_nothing(tmp_path: Path) -> None:
    path = write_run(tmp_path / "tickets") / "evaluate/metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    del metrics["secondary"]
    path.write_text(json.dumps(metrics), encoding="utf-8")
    assert other_metrics_of(read_run(path.parents[1])) is None
    assert 'class="mark ' not in report_html(read_run(path.parents[1]))

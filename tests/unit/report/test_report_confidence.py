"""What the page says about the model's confidence, and which requirements it met."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.unit.report.run_folder import write_run
from tunewright.report.confidence import confidence_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report


def test_confidence_says_how_far_said_and_found_lie_apart_and_what_chance_does(tmp_path: Path) -> None:
    found = confidence_of(read_run(write_run(tmp_path / "run")))

    assert found is not None
    assert found.sentence == (
        "On average it is 78.0 % sure and right in 73.3 %; said and found lie 4.4 points apart in the bins below. "
        "A model whose confidence is exactly true would show 2.1 points on so many rows, by chance alone."
    )
    assert [(line.said, line.found, line.n) for line in found.bins] == [
        ("55.0 %", "50.0 %", "120"),
        ("82.0 %", "80.0 %", "120"),
        ("97.0 %", "90.0 %", "120"),
    ]
    assert ["worse" in line.picture for line in found.bins] == [False, False, True], "97 % lies above 84 to 95 %"
    surest = found.coverages[-1]
    assert (surest.coverage, surest.threshold, surest.accuracy) == ("50.0 %", "75.0 %", "96.0 %")


def test_page_has_the_section_only_where_there_are_probabilities(tmp_path: Path) -> None:
    classify, generate = (
        write_report(write_run(tmp_path / task, task=task)).read_text(encoding="utf-8")
        for task in ("classify", "generate")
    )
    assert "Can its confidence be believed?" in classify
    assert "Can its confidence be believed?" not in generate


def test_page_of_an_older_run_has_no_such_section(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    path = folder / "evaluate/metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    del metrics["calibration"]
    path.write_text(json.dumps(metrics), encoding="utf-8")
    assert "Can its confidence be believed?" not in write_report(folder).read_text(encoding="utf-8")


def test_page_lists_what_the_plan_requires(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    path = folder / "resolved.yaml"
    decision = yaml.safe_load(path.read_text(encoding="utf-8"))
    asked = {"accuracy": ">= 0.99", "f1_macro": "> 50 %", "better_than": ["tfidf"]}
    decision["plan"].setdefault("evaluate", {})["require"] = asked
    path.write_text(yaml.safe_dump(decision), encoding="utf-8")

    html = write_report(folder).read_text(encoding="utf-8")

    assert "accuracy &gt;= 0.99: not met" in html
    assert "f1_macro &gt; 0.5: met" in html
    assert "better than tfidf: met" in html

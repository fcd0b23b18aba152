"""What the page says about parts of the rows, thresholds that keep a promise, and the temperature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.report.run_folder import write_run
from tunewright.report.confidence import confidence_of
from tunewright.report.parts import MOST_CHARACTERS, SHOWN, parts_of
from tunewright.report.read import RunFiles, read_run
from tunewright.report.stage import write_report


def part(feature: str, value: str, *, word: str = "", score: float = 0.9, p: float | None = 0.2) -> dict[str, Any]:
    metric = {"value": score, "n": 40, "ci95": [score - 0.1, score + 0.05], "unit": "share", "is_higher_better": True}
    return {
        "feature": feature,
        "value": value,
        "n": 40,
        "subject": metric,
        "rival": {**metric, "value": 0.5},
        "rival_system": "base",
        "difference": score - 0.9,
        "p_value": p,
        "word": word,
    }


def with_metrics(folder: Path, **changes: Any) -> RunFiles:
    path = (folder if folder.exists() else write_run(folder)) / "evaluate/metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    metrics["primary_metric"] = "accuracy"
    path.write_text(json.dumps({**metrics, **changes}), encoding="utf-8")
    return read_run(folder)


def test_weak_parts_come_first_and_name_what_they_are(tmp_path: Path) -> None:
    run = with_metrics(
        tmp_path / "run",
        slices=[
            part("length", "0 to 72 characters"),
            part("language", "de", word="stronger", score=0.99, p=0.001),
            part("channel", "ann@example.com", word="weaker", score=0.4, p=None),
        ],
    )
    found = parts_of(run)
    assert found is not None
    assert found.sentence == "Looked at in 3 parts: 1 is clearly weaker than the rest."
    assert found.rival == "Before tuning"
    assert [(line.feature, line.word, line.score, line.rival) for line in found.lines] == [
        ("channel", "weaker", "40.0 %", "50.0 %"),
        ("length", "", "90.0 %", "50.0 %"),
        ("language", "stronger", "99.0 %", "50.0 %"),
    ]
    assert found.lines[2].value == "German"
    html = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "Where is it weak?" in html
    assert "ann@example.com" not in html, "a cell may hold what must not be shown"


def test_long_names_are_cut_and_the_rest_of_many_parts_is_counted(tmp_path: Path) -> None:
    run = with_metrics(tmp_path / "run", slices=[part("label", f"{i} {'x' * 100}") for i in range(SHOWN + 7)])
    found = parts_of(run)
    assert found is not None
    assert (len(found.lines), found.left_out) == (SHOWN, 7)
    assert len(found.lines[0].value) == MOST_CHARACTERS + 2
    assert found.sentence == f"Looked at in {SHOWN + 7} parts: none is clearly weaker than the rest."


def test_a_run_without_parts_has_no_such_section(tmp_path: Path) -> None:
    for slices in ([], None, [part("length", "all", score=float("nan"))]):
        assert parts_of(with_metrics(tmp_path / "run", slices=slices)) is None
    assert "Where is it weak?" not in write_report(tmp_path / "run").read_text(encoding="utf-8")


def test_thresholds_say_what_they_give_and_what_cannot_be_promised(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    promised = {"wished": 0.9, "threshold": 0.61, "coverage": 0.8, "accuracy": 0.94, "ci95": [0.91, 0.96], "n": 288}
    nothing = {"threshold": None, "coverage": 0.0, "accuracy": None, "ci95": [None, None], "n": 0}
    temperature = {"value": 1.7, "n": 200, "is_clear": True, "log_loss": [0.5, 0.4], "ece": [0.08, 0.02]}
    calibration = {
        **run.metrics["calibration"],
        "thresholds": [promised, {**nothing, "wished": 0.95}, {**nothing, "wished": 0.99}],
        "temperature": temperature,
    }
    found = confidence_of(with_metrics(tmp_path / "run", calibration=calibration))
    assert found is not None
    (line,) = found.thresholds
    assert (line.wished, line.threshold, line.coverage, line.accuracy, line.n) == (
        *("90.0 %", "61.0 %", "80.0 %", "94.0 %", "288"),
    )
    assert found.unpromised == (
        "Too few validation rows, or too few of them right, to promise 95.0 % to 99.0 % of right answers."
    )
    assert "On 200 validation rows it is too sure" in found.temperature
    assert "temperature of 1.70" in found.temperature
    assert "2.0 points apart instead of 8.0 points" in found.temperature
    unclear = {**calibration, "temperature": {**temperature, "is_clear": False}}
    found = confidence_of(with_metrics(tmp_path / "run", calibration=unclear))
    assert found is not None
    assert "neither too high nor too low" in found.temperature
    html = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "To promise an accuracy" in html


def test_nothing_is_said_of_thresholds_where_none_were_chosen(tmp_path: Path) -> None:
    found = confidence_of(read_run(write_run(tmp_path / "run")))
    assert found is not None
    assert (found.thresholds, found.unpromised, found.temperature) == ((), "", "")

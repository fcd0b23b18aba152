"""The section on the race: losses, who won and why, the learning curve; absent where nothing raced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.race import race_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report

CURVE = {
    "measured": [[100, 2.0], [200, 1.7]],
    "n_rows": 800,
    "told": [{"rows": n, "loss": 1.5, "low": 1.2, "high": 9.0} for n in (100, 800, 3200)],
    "gain": -0.04,
    "gain_error": 0.02,
    "sentence": "twice the data would buy -0.04 ± 0.02",
}
RACE: dict[str, Any] = {
    "unit": "nats a row",
    "n_rows": 800,
    "budget_seconds": 1200.0,
    "spent_seconds": 61.0,
    "winner": "small, full",
    "runner_up": "large, lora",
    "reason": "won the race",
    "would_change": "large, lora would be chosen if <b>",
    "worth": "tuning is not worth it here: the keyword model is better already",
    "candidates": [
        {"name": "small, full", "losses": {"100": 2.0, "200": 1.7}, "seconds": {"100": 2.0, "200": 4.0},
         "told_loss": 1.1, "told_error": 0.1, "dropped_after": None, "failure": ""},
        {"name": "large, lora", "losses": {"100": 2.4}, "seconds": {"100": 9.0}, "told_loss": None, "told_error": None,
         "dropped_after": 100, "failure": ""},
        {"name": "bad, full", "losses": {}, "seconds": {}, "told_loss": None, "told_error": None,
         "dropped_after": None, "failure": "the loss is not a number at step 3"},
    ],
    "left_out": {"huge": "it does not fit the memory"},
    "frozen": [{"model": "small", "n_parameters": 22_713_216, "h_score": 1.5, "logme": -0.2, "knn_accuracy": 0.7,
                "probe_accuracy": 0.8, "bits_per_byte": None}],
    "picks": {"size only": "large", "race": "small", "LogME": None},
    "learning_curve": CURVE,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = write_run(tmp_path / "tickets")
    (run / "select/race.json").write_text(json.dumps(RACE))
    return run


def test_page_shows_the_race_and_the_curve(folder: Path) -> None:
    html = write_report(folder).read_text(encoding="utf-8")
    section = html[html.index('<section id="race">') : html.index('<section id="data">')]
    for words in (
        *("Small, full won the race.", "Tuning is not worth it here", "if &lt;b&gt;", "1.1 ± 0.1"),
        *("dropped after 100 rows", "failed: the loss is not a number at step 3", "huge", "it does not fit the memory"),
        *("22.7", "size only: <bdi>large</bdi>", "Twice the data would buy -0.04 ± 0.02 nats a row."),
    ):
        assert words in section.replace("\u00a0", " "), words
    assert section.count("<svg") >= 2


def test_the_curve_with_the_whole_training_replaces_that_of_the_race(folder: Path) -> None:
    (folder / "train/learning_curve.json").write_text(json.dumps({**CURVE, "sentence": "twice would buy nothing"}))
    view = race_of(read_run(folder))
    assert view is not None
    assert view.curve_words == "Twice would buy nothing nats a row."


def test_page_has_no_race_where_nothing_raced(tmp_path: Path) -> None:
    run = write_run(tmp_path / "tickets")
    assert race_of(read_run(run)) is None
    assert 'id="race"' not in write_report(run).read_text(encoding="utf-8")


def test_page_survives_a_race_whose_every_value_is_null(folder: Path) -> None:
    (folder / "select/race.json").write_text(json.dumps(dict.fromkeys(RACE)))
    assert 'id="race"' in write_report(folder).read_text(encoding="utf-8")
    nothing = dict.fromkeys(RACE["candidates"][0])
    (folder / "select/race.json").write_text(json.dumps({**dict.fromkeys(RACE), "candidates": [nothing, None]}))
    assert 'id="race"' in write_report(folder).read_text(encoding="utf-8")

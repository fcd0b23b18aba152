"""The page draws a search for the learning rate, and says the rate that it found."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.report.run_folder import write_run
from tunewright.report.decisions import decisions_of
from tunewright.report.read import read_run
from tunewright.report.training import training_of

SEARCH = {
    "rate": 1e-4,
    "reason": "a tenth of 1.0e-03, where the loss was lowest",
    "points": [{"rate": 1e-5 * 10**i, "loss_nats": 3.0 - i, "smoothed_nats": 3.0 - i} for i in range(3)],
}


def test_page_draws_the_search_and_says_what_it_found(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_run(folder)
    assert not training_of(read_run(folder)).search  # type: ignore[union-attr]
    summary = folder / "train/summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"learning_rate_search": SEARCH}))

    run = read_run(folder)
    shown = training_of(run)

    assert shown is not None
    assert "taken: 1e-4" in shown.search
    assert "The rate rises from" in shown.search
    assert shown.search_words == SEARCH["reason"]
    reasons = {field: (value, reason) for field, value, reason in decisions_of(run).choices}
    assert reasons["train.learning_rate"] == ("0.0001", SEARCH["reason"])

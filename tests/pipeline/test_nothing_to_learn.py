"""A run from which nothing could be learned stops before training, with its evidence published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.data import write_pairs
from tunewright.core.errors import DataError
from tunewright.core.planfile import load_plan
from tunewright.pipeline import run_plan
from tunewright.verbs.check import check


def test_a_length_that_leaves_no_answer_is_refused_and_says_what_other_lengths_cost(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    data = write_pairs(tmp_path / "rows.jsonl")
    loaded = load_plan(data, overrides=(f"model={tiny_decoder}", "run.threads=1", "prepare.max_length=10"))
    for _ in range(2):  # once more: a refusal is no finished stage
        with pytest.raises(DataError, match="no token of any answer is left to train on"):
            run_plan(loaded, runs_dir=tmp_path / "runs")
    run = tmp_path / "runs/rows"
    assert json.loads((run / "run.json").read_text())["stages"]["prepare"]["status"] == "refused"
    assert not (run / "train").exists()
    record = json.loads((run / "prepare/findings.json").read_text())
    (silent,) = (finding for finding in record["findings"] if finding["check"] == "no_trained_token")
    assert (silent["action"], len(silent["row_ids"])) == ("refuse", 28)
    assert record["checks"]["no_trained_token"]["status"] == "found"
    assert json.loads((run / "prepare/ledger.json").read_text())["tokens"]["train"]["trained_on"] == 0
    prices = json.loads((run / "prepare/lengths.json").read_text())["prices"]
    assert [(p["max_length"], p["is_chosen"], p["answers_cut"]) for p in prices] == [(10, True, 28), (64, False, 0)]

    found = check(loaded, takes_step=True)
    assert found.error is not None
    assert found.error.exit_code == 3
    assert found.model is not None
    assert found.model.why_no_step == "nothing can be learned from these rows"

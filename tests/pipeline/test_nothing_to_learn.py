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

COLUMNS = ("task=classify", "data.text_column=text", "data.label_column=label")


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


@pytest.mark.parametrize(
    ("lines", "says", "finding", "kept"),
    [
        (['"where is parcel 3,b'], "opens a quote that never closes", "quotes", 21),
        ([], "all train rows have the same label", "personal_data", 20),
        (None, "no train row is left", "no_label", 0),
    ],
)
def test_data_that_stop_a_run_are_refused_with_findings_and_ledger_published(
    tmp_path: Path, tiny_encoder: Path, lines: list[str] | None, says: str, finding: str, kept: int
) -> None:
    plain = [f"mail ann@example.org about parcel {i},{'' if lines is None else 'a'}" for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *plain, *(lines or [])]) + "\n", encoding="utf-8")
    loaded = load_plan(tmp_path / "t.csv", overrides=(f"model={tiny_encoder}", *COLUMNS))
    with pytest.raises(DataError, match=says) as caught:
        run_plan(loaded, runs_dir=tmp_path / "runs")
    assert caught.value.exit_code == 3
    run = tmp_path / "runs/t"
    assert json.loads((run / "run.json").read_text())["stages"]["prepare"]["status"] == "refused"
    record = json.loads((run / "prepare/findings.json").read_text())
    assert finding in {one["check"] for one in record["findings"]}
    assert record["checks"]["class_imbalance"]["status"] == "not run"
    account = json.loads((run / "prepare/ledger.json").read_text())
    assert account["rows_kept"] == {"train": kept, "validation": 0, "test": 0}
    assert account["rows_read"] == kept + sum(account["dropped"].values()) == 20 + len(lines or [])

"""From a CSV with a column of numbers to the report: the task regress, on tiny models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.pipeline.data import write_numbers
from tests.pipeline.of_heads import outcome_of, said_without_us, tuned_rows
from tunewright.core.errors import PlanError
from tunewright.pipeline import Outcome
from tunewright.verbs.load import load
from tunewright.verbs.predict import predict
from tunewright.verbs.why import why

QUICK = {"epochs": 6, "batch_size": 8, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Outcome:
    """Task and columns are found, not named."""
    folder = tmp_path_factory.mktemp("numbers")
    write_numbers(folder / "rows.csv")
    return outcome_of(folder, {"model": str(tiny_encoder), "data": "rows.csv", "train": QUICK})


def test_numbers_are_measured_beside_their_rivals_with_intervals(priced: Outcome) -> None:
    metrics = priced.metrics
    assert metrics["task"] == "regress"
    assert metrics["primary_metric"] == "mae"
    assert set(metrics["systems"]) == {"tuned", "mean", "tfidf", "linear_probe"}
    for name, found in metrics["systems"].items():
        for metric in ("mae", "rmse"):
            low, high = found[metric]["ci95"]
            assert low <= found[metric]["value"] <= high, (name, metric)
            assert found[metric]["is_higher_better"] is False
    mean = metrics["systems"]["mean"]
    assert mean["spearman"]["n"] == 0, "one answer for all rows has no order"
    assert "order" in mean["spearman"]["reason"]
    assert {c["b"] for c in metrics["comparisons"]} == {"mean", "tfidf", "linear_probe"}
    assert "off on average" in metrics["verdict"]["sentence"]


def test_numbers_are_learned(priced: Outcome) -> None:
    systems = priced.metrics["systems"]
    assert systems["tuned"]["mae"]["value"] < systems["mean"]["mae"]["value"]
    summary = json.loads((priced.run.folder / "train/summary.json").read_text())
    assert summary["loss_unit"].startswith("squared deviations")
    assert summary["validation_loss_nats"] < 1.0, "always answering the mean costs about 1"


def test_target_file_holds_mean_and_deviation_of_the_train_rows(priced: Outcome) -> None:
    run = priced.run.folder
    numbers = [float(row["label"]) for row in pq.read_table(run / "prepare/train.parquet").to_pylist()]
    target = json.loads((run / "train/model/target.json").read_text())
    mean = sum(numbers) / len(numbers)
    assert target["name"] == "price"
    assert target["mean"] == pytest.approx(mean)
    assert target["deviation"] == pytest.approx((sum((x - mean) ** 2 for x in numbers) / len(numbers)) ** 0.5)


def test_predict_script_says_the_same_numbers_when_tunewright_is_not_there(priced: Outcome) -> None:
    rows, folder = tuned_rows(priced.run.folder), priced.run.folder / "train/model"
    found = [float(one) for one in said_without_us(folder, [row["text"] for row in rows])]
    assert found == pytest.approx([float(row["answer"]) for row in rows], rel=1e-4)  # six digits are printed


def test_page_and_card_say_numbers_and_why_nothing_is_explained(priced: Outcome) -> None:
    page, card = ((priced.run.folder / name).read_text() for name in ("report.html", "README.md"))
    assert "text to number" in page
    assert "Largest errors" in page
    assert "Mean absolute error" in page
    assert "Always the mean" in page
    assert "and a number has none" in page
    assert "to say the number price" in card
    assert "squared deviations" in page
    assert "nats" not in page.split('id="words"')[0].split('id="training"')[1].split("</section>")[0]


def test_predict_writes_numbers_beside_the_rows(priced: Outcome, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,text\n1,two lamp now\n2,\n", encoding="utf-8")
    predict(priced.run, tmp_path / "new.csv", tmp_path / "out.jsonl")
    first, second = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert isinstance(first["prediction"], float)
    assert second == {**second, "prediction": None, "error": "no text"}
    session = load(priced.run)
    [answer] = session.predict(["two lamp now"])
    assert answer.number == pytest.approx(first["prediction"])
    with pytest.raises(PlanError, match="gives no numbers"):
        session.predict(["two lamp now"], system="base")
    with pytest.raises(PlanError, match="does not talk"):
        session.chat("two lamp now")


def test_why_and_explain_say_that_numbers_are_not_explained(priced: Outcome) -> None:
    with pytest.raises(PlanError, match="not explained"):
        why(priced.run, "two lamp now")


@pytest.mark.parametrize("train", [{"method": "full"}, {"method": "lora", "lora_r": 4}], ids=["full", "lora"])
def test_decoder_of_numbers_is_exported_and_loads_in_transformers(
    train: dict[str, Any], tmp_path: Path, tiny_decoder: Path
) -> None:
    write_numbers(tmp_path / "rows.csv", n_endings=4)
    plan = {
        "model": str(tiny_decoder),
        "data": "rows.csv",
        "train": {**train, "epochs": 1, "batch_size": 8},
        "export": {"targets": ["merged"]},
        "evaluate": {"systems": ["tuned", "mean"]},
    }
    run = outcome_of(tmp_path, plan).run.folder
    checks = json.loads((run / "export/export.json").read_text())["targets"]["merged"]
    assert checks["checks"]["unit"] == "ok"
    assert checks["agreement"] == 1.0
    folder = run / "export/merged"
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.problem_type == "regression"
    assert model.config.num_labels == 1
    unit = json.loads((folder / "target.json").read_text())
    rows = tuned_rows(run)
    with torch.inference_mode():
        out = [float(model.eval()(**tokenizer(row["text"], return_tensors="pt")).logits) for row in rows]
    found = [unit["mean"] + unit["deviation"] * one for one in out]
    assert found == pytest.approx([float(row["answer"]) for row in rows], rel=1e-4)

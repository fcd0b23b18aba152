"""From rows with several labels to the report: the task multilabel, on tiny models."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.pipeline.data import COMPLAINTS, write_label_sets, write_separated_labels
from tests.pipeline.of_heads import outcome_of, said_without_us, tuned_rows
from tunewright.core.errors import PlanError
from tunewright.pipeline import Outcome
from tunewright.verbs.load import load
from tunewright.verbs.predict import predict
from tunewright.verbs.why import why

QUICK = {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3}
LABELS = sorted(COMPLAINTS)


@pytest.fixture(scope="module")
def complained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Outcome:
    """Lists in JSONL: task and columns are found, not named."""
    folder = tmp_path_factory.mktemp("label-sets")
    write_label_sets(folder / "rows.jsonl")
    return outcome_of(folder, {"model": str(tiny_encoder), "data": "rows.jsonl", "train": QUICK})


def test_several_labels_are_measured_beside_their_rivals_with_intervals(complained: Outcome) -> None:
    metrics = complained.metrics
    assert (metrics["task"], metrics["primary_metric"], metrics["labels"]) == ("multilabel", "f1_micro", LABELS)
    assert set(metrics["systems"]) == {"tuned", "majority", "tfidf", "linear_probe"}
    for name, found in metrics["systems"].items():
        assert list(found) == ["f1_micro", "f1_macro", "subset_accuracy", "hamming_loss"], name
        for metric in found.values():
            assert metric["ci95"][0] <= metric["value"] <= metric["ci95"][1], (name, metric["signature"])
    assert {c["b"] for c in metrics["comparisons"]} == {"majority", "tfidf", "linear_probe"}
    assert metrics["confusion"] is None
    assert set(metrics["per_class"]) == set(LABELS)
    assert "micro F1" in metrics["verdict"]["sentence"]


def test_several_labels_are_learned(complained: Outcome) -> None:
    systems = complained.metrics["systems"]
    assert systems["tuned"]["f1_micro"]["value"] > systems["majority"]["f1_micro"]["value"]
    summary = json.loads((complained.run.folder / "train/summary.json").read_text())
    assert summary["validation_loss_nats"] < 3 * 0.693, "three coins a row cost 3 x log 2"


def test_every_split_knows_every_label(complained: Outcome) -> None:
    for split in ("train", "validation", "test"):
        rows = pq.read_table(complained.run.folder / f"prepare/{split}.parquet").to_pylist()
        assert {label for row in rows for label in json.loads(row["label"])} == set(LABELS)


def test_predict_script_gives_the_same_labels_when_tunewright_is_not_there(complained: Outcome) -> None:
    rows, folder = tuned_rows(complained.run.folder), complained.run.folder / "train/model"
    found = said_without_us(folder, [row["text"] for row in rows])
    assert found == [row["answer"] for row in rows]


def test_page_shows_each_label_and_no_confusion(complained: Outcome) -> None:
    page, card = ((complained.run.folder / name).read_text() for name in ("report.html", "README.md"))
    assert "text to any of several labels" in page
    assert "Scores of each class" in page
    assert "Most frequent confusions" not in page
    assert "makes no mistake" not in page
    assert "several labels are not one answer" in page
    assert "with any of 3 labels" in card


def test_predict_writes_lists_where_the_run_read_lists(complained: Outcome, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text\nmy parcel 3 came a week late help\n \n", encoding="utf-8")
    predict(complained.run, tmp_path / "new.csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert set(json.loads(first["prediction"])) <= set(LABELS)
    assert list(json.loads(first["probabilities"])) == LABELS
    assert (second["prediction"], second["probabilities"], second["error"]) == ("", "", "no text")
    session = load(complained.run)
    [answer] = session.predict(["my parcel 3 came a week late help"])
    assert answer.answer == first["prediction"]
    likelier = [label for label, p in zip(LABELS, answer.probabilities, strict=True) if p >= 0.5]
    assert json.loads(answer.answer) == likelier
    with pytest.raises(PlanError, match="gives no several labels"):
        session.predict(["late"], system="base")
    with pytest.raises(PlanError, match="not explained"):
        why(complained.run, "late")


@pytest.mark.parametrize("train", [{"method": "full"}, {"method": "lora", "lora_r": 4}], ids=["full", "lora"])
def test_decoder_of_several_labels_is_exported_and_loads_in_transformers(
    train: dict[str, Any], tmp_path: Path, tiny_decoder: Path
) -> None:
    """A separator says that rows have several labels, whatever the task is called."""
    write_separated_labels(tmp_path / "rows.csv", separator=";", n_endings=3)
    plan = {
        "task": "classify",
        "model": str(tiny_decoder),
        "data": {"train": "rows.csv", "label_separator": ";"},
        "train": {**train, "epochs": 1, "batch_size": 8},
        "export": {"targets": ["merged"]},
        "evaluate": {"systems": ["tuned", "majority"]},
    }
    run = outcome_of(tmp_path, plan).run
    found = json.loads((run.folder / "export/export.json").read_text())["targets"]["merged"]
    assert found["checks"]["labels"] == "ok"
    assert found["agreement"] == 1.0
    folder = run.folder / "export/merged"
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.problem_type == "multi_label_classification"
    rows = tuned_rows(run.folder)
    with torch.inference_mode():
        out = [model.eval()(**tokenizer(row["text"], return_tensors="pt")).logits.sigmoid()[0] for row in rows]
    likelier = [[model.config.id2label[i] for i, p in enumerate(p_C.tolist()) if p >= 0.5] for p_C in out]
    assert likelier == [json.loads(row["answer"]) for row in rows]
    predict(run, tmp_path / "rows.csv", tmp_path / "out.jsonl")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    expected = [label for label, p in json.loads(first["probabilities"]).items() if p >= 0.5]
    assert first["prediction"] == (";".join(expected) or "[]")

"""What a run leaves loads in plain transformers and peft, and answers the same, without us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tests.pipeline.data import write_labelled, write_pairs
from tunewright.core.planfile import plan_from
from tunewright.core.values import ModelCard
from tunewright.model.trained import load_trained
from tunewright.pipeline import Outcome, run_plan


def outcome_of(folder: Path, plan: dict[str, object]) -> Outcome:
    return run_plan(plan_from(plan, folder=folder, name="try"), runs_dir=folder / "runs")


@pytest.fixture(scope="module")
def encoder_run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    write_labelled(folder / "rows.csv")
    train = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3}
    return outcome_of(folder, {"model": str(tiny_encoder), "data": "rows.csv", "train": train}).run.folder


def test_predict_script_answers_the_same_when_tunewright_is_not_there(encoder_run: Path) -> None:
    rows = [
        r for r in pq.read_table(encoder_run / "evaluate/predictions.parquet").to_pylist() if r["system"] == "tuned"
    ]
    folder = encoder_run / "train/model"
    texts = [row["text"] for row in rows]
    code = (
        f"import sys, runpy; sys.modules['tunewright'] = None; sys.argv[1:] = {texts!r}\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = [line.split("\t")[0] for line in done.stdout.splitlines() if line.count("\t") == 2]
    assert found == [row["answer"] for row in rows]


def test_decoder_classifier_loads_in_transformers_when_trained_whole(tmp_path: Path, tiny_decoder: Path) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=5)
    train = {"method": "full", "epochs": 1, "batch_size": 8}
    run = outcome_of(tmp_path, {"model": str(tiny_decoder), "data": "rows.csv", "train": train}).run.folder
    rows = [r for r in pq.read_table(run / "evaluate/predictions.parquet").to_pylist() if r["system"] == "tuned"]
    model = AutoModelForSequenceClassification.from_pretrained(run / "train/model").eval()
    tokenizer = AutoTokenizer.from_pretrained(run / "train/model")
    with torch.inference_mode():
        found = [
            model.config.id2label[int(model(**tokenizer(row["text"], return_tensors="pt")).logits.argmax())]
            for row in rows
        ]
    assert found == [row["answer"] for row in rows]


def test_adapter_gives_equal_logits_when_plain_peft_loads_it(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    plan = {
        "model": str(tiny_decoder),
        "data": "pairs.jsonl",
        "train": {"epochs": 1, "batch_size": 8, "learning_rate": 1e-2, "lora_r": 4},
        "evaluate": {"max_new_tokens": 4},
    }
    run = outcome_of(tmp_path, plan).run.folder
    card = ModelCard(**json.loads((run / "select/card.json").read_text()))
    ours = load_trained(run / "train", card, task="generate", labels=(), device="cpu", dtype="float32")
    plain = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    base_ids = AutoTokenizer.from_pretrained(run / "train/adapter")("say 3", return_tensors="pt")
    with torch.inference_mode():
        untuned = plain(**base_ids).logits
        plain = PeftModel.from_pretrained(plain, run / "train/adapter").eval()
        assert torch.equal(plain(**base_ids).logits, ours.model(**base_ids).logits)
        assert not torch.equal(plain(**base_ids).logits, untuned), "the adapter changes nothing"

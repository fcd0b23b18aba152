"""Models that another tool has trained, measured with the same evidence: nothing is trained here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

from tests.pipeline.data import WORDS, write_labelled, write_pairs
from tests.starters import starter_folder
from tests.tiny import ENCODER_SPECIAL, byte_tokenizer
from tunewright.core.errors import PlanError
from tunewright.core.events import StageEvent
from tunewright.core.planfile import plan_from
from tunewright.pipeline import Outcome, run_plan

LABELS = tuple(sorted(WORDS))
OTHER_ORDER = ("login", "refund", "delivery")
"""The other tool's own class order, which is not ours."""


def train_with_peft(base: Path, folder: Path, *, n: int = 40, steps: int = 60) -> Path:
    """As peft's README has it: get_peft_model, a plain loop, save_pretrained."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=8, lora_alpha=32, target_modules="all-linear")
    model = get_peft_model(model, config)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(steps):
        i = step % n
        turns = [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": f"you said {i}, fine"}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def train_classifier_with_peft(base: Path, folder: Path, *, names: tuple[str, ...] = OTHER_ORDER) -> Path:
    """peft's sequence classification example: the head is trained and saved with the adapter."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(names))
    model.config.pad_token_id = tokenizer.pad_token_id
    model = get_peft_model(model, LoraConfig(task_type=TaskType.SEQ_CLS, r=8, lora_alpha=32))
    learn_labels(model, tokenizer, names=names, learning_rate=1e-2)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    (folder / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return folder


def train_bert(folder: Path, *, names: tuple[str, ...] = OTHER_ORDER) -> Path:
    """transformers' text classification example on a small BERT of our own."""
    torch.manual_seed(0)
    tokenizer = byte_tokenizer(ENCODER_SPECIAL)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        pad_token_id=0,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    model = BertForSequenceClassification(config)
    learn_labels(model, tokenizer, names=names, learning_rate=3e-3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def learn_labels(model: Any, tokenizer: Any, *, names: tuple[str, ...], learning_rate: float) -> None:
    rows = [(f"{word} please", names.index(name)) for name, words in WORDS.items() for word in words]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    batch = tokenizer([text for text, _ in rows], padding=True, return_tensors="pt")
    labels = torch.tensor([index for _, index in rows])
    model.train()
    for _ in range(60):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def outcome_of(folder: Path, plan: dict[str, Any], *, name: str = "theirs", **options: Any) -> Outcome:
    return run_plan(plan_from(plan, folder=folder, name=name), runs_dir=folder / "runs", **options)


def answers_of(outcome: Outcome, system: str) -> list[dict[str, Any]]:
    lines = pq.read_table(outcome.run.folder / "evaluate/predictions.parquet").to_pylist()
    return [{key: value for key, value in line.items() if key != "system"} for line in lines if line["system"] == system]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, tiny_decoder: Path) -> Path:
    """A folder with pairs.jsonl and my-adapter/, which peft's own code has trained."""
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder / "pairs.jsonl")
    train_with_peft(tiny_decoder, folder / "my-adapter")
    return folder


GENERATE = {"data": "pairs.jsonl", "evaluate": {"systems": ["path:my-adapter", "base"], "max_new_tokens": 8}}


@pytest.fixture(scope="module")
def measured(pairs: Path) -> Outcome:
    return outcome_of(pairs, GENERATE)


def test_adapter_of_another_tool_is_better_than_its_base_when_it_has_learned(measured: Outcome, pairs: Path) -> None:
    metrics, system = measured.metrics, f"path:{pairs / 'my-adapter'}"
    assert metrics["subject"] == system
    assert [(c["a"], c["b"]) for c in metrics["comparisons"]] == [(system, "base")]
    assert metrics["systems"][system]["bits_per_byte"]["value"] < metrics["systems"]["base"]["bits_per_byte"]["value"]
    assert metrics["verdict"]["status"] == "better"
    assert metrics["verdict"]["sentence"].startswith("The model my-adapter needs ")
    assert any(str(pairs / "my-adapter") in detail for detail in metrics["verdict"]["details"])

"""Models that another tool has trained, measured with the same evidence: nothing is trained here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
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
from tunewright.verbs.runs import run_line

LABELS = tuple(sorted(WORDS))
OTHER_ORDER = ("login", "refund", "delivery")
"""The other tool's own class order, which is not ours."""
ROUNDS_NOTHING = {"dtype": "float32"}
"""bfloat16 moves a tiny model's logits by a tenth, enough to turn a near tie."""


def train_with_peft(base: Path, folder: Path, *, n: int = 40, steps: int = 60, learning_rate: float = 1e-2) -> Path:
    """As peft's README has it: get_peft_model, a plain loop, save_pretrained."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=8, lora_alpha=32, target_modules="all-linear")
    model = get_peft_model(model, config)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
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
    return [
        {key: value for key, value in line.items() if key != "system"} for line in lines if line["system"] == system
    ]


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


def test_nothing_is_trained_or_chosen_when_the_plan_measures_a_folder(measured: Outcome, tiny_decoder: Path) -> None:
    run = measured.run.folder
    assert not (run / "train").exists()
    (only,) = json.loads((run / "select/candidates.json").read_text())["candidates"]
    assert only["reason"].startswith("nothing was chosen: my-adapter is measured")
    assert json.loads((run / "select/card.json").read_text())["path"] == str(tiny_decoder)


def test_report_and_card_name_the_folder_when_the_subject_is_not_ours(measured: Outcome, pairs: Path) -> None:
    page = (measured.run.folder / "report.html").read_text(encoding="utf-8")
    card = (measured.run.folder / "README.md").read_text(encoding="utf-8")
    for text in (page, card):
        assert "my-adapter" in text
        assert "uned model" not in text
    assert "The model my-adapter minus the rival" in page
    assert f"The model in `{pairs / 'my-adapter'}` was trained by another tool" in card


def test_only_evaluate_runs_again_when_a_weight_file_was_touched(pairs: Path, measured: Outcome) -> None:
    assert outcome_of(pairs, GENERATE).was_finished
    os.utime(pairs / "my-adapter/adapter_model.safetensors")
    heard: list[tuple[str, str]] = []
    again = outcome_of(
        pairs, GENERATE, tell=lambda e: heard.append((e.stage, e.status)) if isinstance(e, StageEvent) else None
    )
    assert [stage for stage, status in heard if status == "done"] == ["evaluate", "report"]
    assert again.metrics["systems"] == measured.metrics["systems"]
    assert outcome_of(pairs, GENERATE).was_finished


def test_train_is_refused_when_the_plan_trains_nothing(pairs: Path) -> None:
    with pytest.raises(PlanError, match="this plan trains nothing") as caught:
        outcome_of(pairs, GENERATE, name="untrained", until="train")
    assert "tunewright evaluate PLAN" in caught.value.fix
    assert not (pairs / "runs/untrained").exists()


def test_adapter_of_another_tool_stands_beside_ours_when_both_are_named(pairs: Path, measured: Outcome) -> None:
    plan = {
        "data": "pairs.jsonl",
        "model": str(json.loads((measured.run.folder / "select/card.json").read_text())["path"]),
        "train": {"epochs": 1, "lora_r": 4, "learning_rate": 1e-3},
        "evaluate": {"systems": ["tuned", "path:my-adapter", "base", "majority"], "max_new_tokens": 8},
    }
    outcome, system = outcome_of(pairs, plan, name="both"), f"path:{pairs / 'my-adapter'}"
    assert [(c["a"], c["b"]) for c in outcome.metrics["comparisons"]] == [("tuned", system), ("tuned", "base")]
    assert answers_of(outcome, system) == answers_of(measured, system)
    assert answers_of(outcome, "base") == answers_of(measured, "base")
    assert "the model my-adapter" in outcome.verdict["sentence"]
    assert outcome.metrics["not_run"].keys() == {"majority"}

    plan["evaluate"] = {"systems": ["path:my-adapter", "base"], "max_new_tokens": 8}
    alone = outcome_of(pairs, {**plan, "run": {"seed": 1}}, name="both")
    assert json.loads((alone.run.folder / "run.json").read_text())["stages"]["train"]["status"] == "outdated"
    assert alone.verdict["sentence"] in (alone.run.folder / "README.md").read_text(encoding="utf-8")
    assert run_line(alone.run).status == alone.verdict["status"]


OUR_RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "decoder adapter": ("tiny_decoder", {"method": "lora", "lora_r": 4, "learning_rate": 1e-2}),
    "decoder classifier": ("tiny_decoder", {"method": "full", "learning_rate": 1e-3}),
    "encoder": ("tiny_encoder", {"method": "full", "learning_rate": 3e-3}),
    "encoder adapter": ("tiny_encoder", {"method": "lora", "lora_r": 4, "learning_rate": 1e-2}),
}


@pytest.mark.parametrize("kind", ["writer adapter", *OUR_RUNS])
def test_our_own_folder_answers_the_same_to_the_bit_when_it_comes_from_outside(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base, train = OUR_RUNS.get(kind, ("tiny_decoder", {"lora_r": 4, "learning_rate": 1e-2}))
    data = write_labelled(tmp_path / "rows.csv", n_endings=5) if kind in OUR_RUNS else write_pairs(tmp_path / "p.jsonl")
    plan: dict[str, Any] = {"data": data.name, "model": str(request.getfixturevalue(base)), "explain": {"methods": []}}
    evaluate = {"max_new_tokens": 8}
    ours = outcome_of(
        tmp_path,
        {**plan, "train": {"epochs": 2, **train}, "evaluate": {**evaluate, "systems": ["tuned", "base"]}},
        name="ours",
    )
    (folder,) = (
        ours.run.folder / "train" / name for name in ("adapter", "model") if (ours.run.folder / "train" / name).is_dir()
    )
    system = f"path:{folder}"
    theirs = outcome_of(tmp_path, {**plan, "evaluate": {**evaluate, "systems": [system, "base"]}})

    assert answers_of(theirs, system) == answers_of(ours, "tuned")
    assert theirs.metrics["systems"][system] == ours.metrics["systems"]["tuned"]
    assert answers_of(theirs, "base") == answers_of(ours, "base")


def classify_plan(folder: str, **evaluate: Any) -> dict[str, Any]:
    systems = [f"path:{folder}", "base", "majority"]
    return {
        "data": "rows.csv",
        "model": ROUNDS_NOTHING,
        "evaluate": {"systems": systems, **evaluate},
        "explain": {"methods": []},
    }


def test_classifier_adapter_of_another_tool_answers_by_name_when_its_classes_stand_in_another_order(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=5)
    folder = train_classifier_with_peft(tiny_decoder, tmp_path / "their-classifier")
    outcome = outcome_of(tmp_path, classify_plan("their-classifier"))
    systems, system = outcome.metrics["systems"], f"path:{folder}"
    assert systems[system]["accuracy"]["value"] > systems["majority"]["accuracy"]["value"] + 0.3
    assert systems[system]["log_loss"]["value"] < systems["majority"]["log_loss"]["value"]
    assert "base" in systems

    model = AutoModelForSequenceClassification.from_pretrained(tiny_decoder, num_labels=3)

    plain = PeftModel.from_pretrained(model, folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        found = [
            OTHER_ORDER[int(plain(**tokenizer(row["text"], return_tensors="pt")).logits.argmax())]
            for row in answers_of(outcome, system)
        ]
    assert found == [row["answer"] for row in answers_of(outcome, system)]


def test_installed_command_measures_a_whole_classifier_and_says_what_to_write_for_its_base(tmp_path: Path) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=5)
    train_bert(tmp_path / "their-bert")
    (tmp_path / "plan.yaml").write_text(json.dumps(classify_plan("their-bert")), encoding="utf-8")
    command = [sys.executable, "-m", "tunewright", "evaluate", "plan.yaml", "--json", "--runs-dir", "runs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["result"]
    system = f"path:{tmp_path / 'their-bert'}"
    assert found["subject"] == system
    assert found["not_run"] == {"base": "what their-bert was made from is not known; name it: model.name=BASE"}
    assert found["systems"][system]["accuracy"]["value"] > found["systems"]["majority"]["accuracy"]["value"] + 0.3
    assert found["verdict"]["sentence"].startswith("The model their-bert answers ")


def test_language_model_is_asked_for_the_label_names_when_it_has_no_class_head(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=5)
    plan = {**classify_plan(str(tiny_decoder)), "model": str(tiny_decoder), "task": "classify", "explain": {}}
    outcome = outcome_of(tmp_path, plan)
    system = f"path:{tiny_decoder}"
    assert outcome.metrics["systems"][system]["log_loss"]["n"] == 0, "asking gives no probability"
    assert answers_of(outcome, system)[0]["answer"] in LABELS


EXPORTED: dict[str, Callable[[Path, Path], Path]] = {
    "adapter that writes": lambda base, folder: train_with_peft(base, folder),
    "adapter with classes": lambda base, folder: train_classifier_with_peft(base, folder),
    "whole classifier": lambda base, folder: train_bert(folder),
}


@pytest.mark.parametrize("kind", EXPORTED)
def test_model_of_another_tool_passes_the_export_gate(kind: str, tmp_path: Path, tiny_decoder: Path) -> None:
    folder = EXPORTED[kind](tiny_decoder, tmp_path / "theirs")
    writes = kind == "adapter that writes"
    data = write_pairs(tmp_path / "p.jsonl") if writes else write_labelled(tmp_path / "rows.csv", n_endings=5)
    plan = {
        "data": data.name,
        "model": ROUNDS_NOTHING,
        "evaluate": {"systems": ["path:theirs"], "max_new_tokens": 8},
        "explain": {"methods": []},
        "export": {"targets": ["merged"]},
    }
    outcome = outcome_of(tmp_path, plan)
    merged = outcome.run.folder / "export/merged"
    again = {**plan, "evaluate": {"systems": [f"path:{merged}"], "max_new_tokens": 8}, "export": {"targets": []}}
    exported = outcome_of(tmp_path, again, name="exported")
    key = "bits_per_byte" if writes else "accuracy"
    before = outcome.metrics["systems"][f"path:{folder}"][key]["value"]
    assert exported.metrics["systems"][f"path:{merged}"][key]["value"] == pytest.approx(before, rel=1e-3)


@pytest.mark.starter
@pytest.mark.timeout(600)
def test_adapter_of_a_starter_model_is_measured_beside_its_base(tmp_path: Path) -> None:
    """Few rows and steps: the loss of the starter model itself falls, on real weights and a real chat template."""
    base = starter_folder("smollm2-135m-instruct")
    write_pairs(tmp_path / "pairs.jsonl")
    folder = train_with_peft(base, tmp_path / "my-adapter", steps=12, learning_rate=1e-3)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "starter:smollm2-135m-instruct"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    plan = {**GENERATE, "evaluate": {**GENERATE["evaluate"], "limit": 2, "general": "none"}}
    systems = outcome_of(tmp_path, plan).metrics["systems"]
    assert systems[f"path:{folder}"]["bits_per_byte"]["value"] < 0.8 * systems["base"]["bits_per_byte"]["value"]

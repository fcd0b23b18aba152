"""Another tool's configuration: each key ends in the plan or in the list of what was left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tunewright.cli.main import main
from tunewright.core.errors import PlanError, RunError
from tunewright.core.plan import plan_dict
from tunewright.core.planfile import load_plan
from tunewright.verbs.imported import Imported, imported

AXOLOTL = """
base_model: NousResearch/Llama-3.2-1B
load_in_8bit: false
load_in_4bit: true
adapter: qlora
lora_r: 32
lora_alpha: 16
lora_dropout: 0.05
lora_target_linear: true
datasets:
  - path: teknium/GPT4-LLM-Cleaned
    type: alpaca
  - path: rows.jsonl
    ds_type: json
    type: chat_template
val_set_size: 0.1
sequence_len: 2048
sample_packing: false
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 1
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 0.0002
bf16: auto
gradient_checkpointing: true
warmup_ratio: 0.1
output_dir: ./outputs/qlora-out
special_tokens: {pad_token: "<|end_of_text|>"}
"""
LLAMA_FACTORY = """
model_name_or_path: Qwen/Qwen3-0.6B
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: q_proj, v_proj
dataset: mine,unknown
dataset_dir: data
template: qwen3
cutoff_len: 2048
max_samples: 1000
per_device_train_batch_size: 1
num_train_epochs: 3.0
lr_scheduler_type: cosine_with_min_lr
warmup_steps: 20
val_size: 200
"""
TRL = """
model_name_or_path: HuggingFaceTB/SmolLM2-135M-Instruct
dataset_name: trl-lib/Capybara
learning_rate: 2.0e-4
use_peft: true
lora_r: 32
max_length: 1024
max_steps: 100
warmup_steps: 10
torch_dtype: bfloat16
eos_token: "<|im_end|>"
fancy_new_option: 3
"""


def read(tool: str, text: str, folder: Path, *, out: bool = False) -> Imported:
    (folder / "theirs.yml").write_text(text, encoding="utf-8")
    return imported(tool, folder / "theirs.yml", out=folder / "plan.yaml" if out else None)


def flat(made: Imported) -> dict[str, Any]:
    nested = plan_dict(made.plan)
    return {f"{s}.{name}": v for s, inner in nested.items() if isinstance(inner, dict) for name, v in inner.items()}


def test_axolotl_becomes_a_plan(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    found = flat(read("axolotl", AXOLOTL, tmp_path, out=True))
    assert found["model.name"] == "NousResearch/Llama-3.2-1B"
    assert found["model.quantization"] == "nf4"
    assert found["train.method"] == "lora"
    assert (found["train.lora_r"], found["train.lora_alpha"], found["train.lora_dropout"]) == (32, 16, 0.05)
    assert found["train.target_modules"] == "all-linear"
    assert found["data.train"] == ["hf://teknium/GPT4-LLM-Cleaned", "rows.jsonl"]
    assert found["prepare.validation_fraction"] == 0.1
    assert found["prepare.max_length"] == 2048
    assert (found["train.batch_size"], found["train.gradient_accumulation_steps"]) == (2, 4)
    assert (found["train.epochs"], found["train.learning_rate"]) == (1.0, 2e-4)


def test_llama_factory_becomes_a_plan_with_the_files_of_its_data_sets(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine.json").write_text("[]")
    (tmp_path / "data/dataset_info.json").write_text(json.dumps({"mine": {"file_name": "mine.json"}}))
    made = read("llamafactory", LLAMA_FACTORY, tmp_path, out=True)
    found, left = flat(made), {one.key: one for one in made.left_out}
    assert found["data.train"] == "data/mine.json"
    assert left["dataset"].value == "unknown"
    assert found["train.target_modules"] == ["q_proj", "v_proj"]
    assert (found["train.lora_r"], found["data.limit"], found["train.batch_size"]) == (8, 1000, 1)
    assert "cosine, linear, constant" in left["lr_scheduler_type"].why.replace("'", "")
    assert "train.warmup_ratio" in left["warmup_steps"].why
    assert "a plan says a share" in left["val_size"].why
    assert "own chat template" in left["template"].why


def test_trl_becomes_a_plan(tmp_path: Path) -> None:
    made = read("trl", TRL, tmp_path)
    found, left = flat(made), {one.key: one for one in made.left_out}
    assert found["data.train"] == "hf://trl-lib/Capybara"
    assert found["train.method"] == "lora"
    assert (found["train.max_steps"], found["train.warmup_ratio"]) == (100, 0.1)
    assert found["model.dtype"] == "bfloat16"
    assert left["fancy_new_option"].why == "no field of a plan says this"


@pytest.mark.parametrize(("tool", "text"), [("axolotl", AXOLOTL), ("llamafactory", LLAMA_FACTORY), ("trl", TRL)])
def test_no_key_is_dropped_silently(tool: str, text: str, tmp_path: Path) -> None:
    """A value that is changed says so in the plan or the list: without one key, one of both is another."""
    settings = yaml.safe_load(text)
    whole = read(tool, text, tmp_path)
    for key in settings:
        less = {name: value for name, value in settings.items() if name != key}
        made = read(tool, yaml.safe_dump(less), tmp_path)
        assert (flat(made), made.left_out) != (flat(whole), whole.left_out), key


def test_the_plan_is_read_back_and_names_what_was_left_out(tmp_path: Path) -> None:
    made = read("axolotl", AXOLOTL, tmp_path, out=True)
    assert load_plan(tmp_path / "plan.yaml").plan == made.plan
    for one in made.left_out:
        assert f"#   {one.key}: " in made.text
    with pytest.raises(RunError, match="never overwritten"):
        read("axolotl", AXOLOTL, tmp_path, out=True)


def test_a_tool_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'axolot' is not one of the tools"):
        read("axolot", AXOLOTL, tmp_path)


def test_the_verb_says_what_was_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trl.yaml").write_text(TRL)
    out = tmp_path / "plan.yaml"
    assert main(["init", "--from", "trl", str(tmp_path / "trl.yaml"), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "not taken over: fancy_new_option: 3 (no field of a plan says this)" in said
    assert f"tunewright check {out}" in said
    assert out.is_file()

"""Steps are real and measured in a process of their own, whose end is not ours."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, Qwen2MoeConfig, Qwen2MoeForCausalLM

from tests.pipeline.data import write_labelled
from tests.tiny import ENCODER_SPECIAL, byte_tokenizer, save_tiny_decoder, save_tiny_encoder, tiny_card
from tunewright.core.errors import ModelError, TrainError
from tunewright.core.events import null_tracker
from tunewright.core.planfile import load_plan
from tunewright.core.values import Encoded
from tunewright.deciding import cut_rows, decisions
from tunewright.prepare.stage import draft
from tunewright.train.ready import with_target
from tunewright.verbs.measured_step import StepInputs, measured_steps


@pytest.fixture(scope="module")
def inputs(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> StepInputs:
    data = write_labelled(tmp_path_factory.mktemp("steps") / "rows.csv", n_endings=4)
    asked = (
        f"model={tiny_encoder}",
        "run.threads=1",
        "train.method=full",
        "train.batch_size=4",
        "train.gradient_accumulation_steps=2",
    )
    loaded = load_plan(data, overrides=asked)
    made = draft(loaded.plan, folder=loaded.folder, tell=null_tracker)
    decided = decisions(loaded, made, tell=null_tracker)
    rows = {split: with_target(cut_rows(decided, made, split), task="classify") for split in ("train", "validation")}
    return StepInputs(decided.resolved.plan, decided.card, made.facts.labels, rows["train"], rows["validation"])


def test_measured_steps_take_the_longest_rows_first_in_another_process(inputs: StepInputs) -> None:
    found = measured_steps(inputs)
    longest = sorted(map(len, inputs.rows), reverse=True)[:4]
    assert sum(longest) <= found.longest.n_tokens <= sum(sorted(map(len, inputs.rows), reverse=True)[:8])
    assert found.longest.seconds > 0
    assert 2 <= len(found.typical) <= 8
    assert found.validation is not None
    assert found.validation.n_tokens == sum(map(len, inputs.validation))
    assert found.n_trainable == found.n_total
    assert 100e6 < found.peak_memory_bytes < 4e9


def test_measured_steps_say_that_the_loss_is_no_number(inputs: StepInputs, tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    save_file(
        {**weights, "embeddings.LayerNorm.bias": torch.full((32,), torch.inf)},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(TrainError, match="not a number at step 1") as caught:
        measured_steps(replace(inputs, card=replace(inputs.card, path=str(folder))))
    assert "embeddings.LayerNorm.bias" in caught.value.why
    assert "fetch the model again" in caught.value.fix


def test_measured_steps_meet_words_that_only_validation_has(inputs: StepInputs) -> None:
    """Only words of the rows at hand are in the trained embedding (model/seen_words)."""
    rare = next(i for i in range(4, 260) if all(i not in row.ids for row in inputs.rows))
    validation = (replace(inputs.validation[0], ids=(1, rare, 2), trained=(False,) * 3),)
    found = measured_steps(replace(inputs, validation=validation))
    assert found.validation is not None
    assert found.validation.n_tokens == 3


def test_measured_steps_say_which_experts_an_adapter_misses(inputs: StepInputs, tmp_path: Path) -> None:
    """Routed experts are no linear modules, so all-linear passes them by."""
    folder = save_tiny_decoder(tmp_path / "model")
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    experts = {"moe_intermediate_size": 16, "shared_expert_intermediate_size": 24, "num_experts": 4}
    config = Qwen2MoeConfig(vocab_size=259, intermediate_size=24, num_experts_per_tok=2, **shape, **experts)
    Qwen2MoeForCausalLM(config).save_pretrained(folder)
    adapter = {"method": "lora", "lora_r": 4, "lora_alpha": 8.0, "lora_dropout": 0.0, "target_modules": "all-linear"}
    plan = inputs.plan.with_(task="generate", train=inputs.plan.train.with_(**adapter))
    rows = tuple(Encoded(f"train:{i}", (5, 6, 7, 8), (False, False, True, True)) for i in range(16))
    card = replace(tiny_card(folder, "decoder"), model_type="qwen2_moe")
    found = measured_steps(StepInputs(plan, card, (), rows, ()))
    assert "experts" in found.missed
    assert found.n_trainable < found.n_total / 2


TOO_LARGE = """
import pickle, re, resource, sys
from pathlib import Path
from tunewright.core.errors import ModelError
from tunewright.verbs.measured_step import measured_steps
inputs = pickle.load(sys.stdin.buffer)
used = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (used + 10**9, used + 10**9))
try:
    measured_steps(inputs)
except ModelError as error:
    print(error)
"""
"""The measuring process inherits the limit: what this one uses, imports included, and 1 GB."""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is enforced on Linux")
def test_measured_steps_survive_an_allocation_that_fails(inputs: StepInputs, tmp_path: Path) -> None:
    """50 million weights: with gradients and two moments 800 MB, beside what they are read from."""
    sizes = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=300, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    byte_tokenizer(ENCODER_SPECIAL).save_pretrained(tmp_path)
    huge = replace(inputs, card=replace(tiny_card(tmp_path, "encoder"), hidden_size=2048))
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], input=pickle.dumps(huge), capture_output=True, check=True)
    assert b"does not fit into memory" in done.stdout, done.stdout + done.stderr
    assert b"try: train.batch_size=1" in done.stdout


@pytest.mark.parametrize(
    ("script", "said"), [("kill -9 $$", "signal 9"), ("echo out of luck >&2; exit 3", "out of luck")]
)
def test_measured_steps_say_how_their_process_ended(
    script: str, said: str, inputs: StepInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelError, match=said):
        measured_steps(inputs)

"""Added up from file to file, weight by weight: the same bits as in memory, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.exporting import LORA, changed_model
from tests.tiny import save_tiny_decoder
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Task
from tunewright.export import stream
from tunewright.export.merge import merged
from tunewright.export.stream import sums_of, write_sums
from tunewright.export.whole import whole_names
from tunewright.model.load import Loaded
from tunewright.model.trained import body_of, save_folder


def summed(loaded: Loaded, folder: Path) -> bool:
    """Writes folder/out from files alone."""
    save_folder(folder / "adapter", loaded, max_length=64)
    sums = sums_of(folder / "adapter")
    (folder / "out").mkdir()
    names = whole_names(body_of(loaded.model))
    return sums is not None and write_sums(folder / "out", base=Path(loaded.card.path), sums=sums, names=names)


def in_memory(loaded: Loaded) -> dict[str, torch.Tensor]:
    return dict(body_of(merged(loaded).model).named_parameters())


@pytest.mark.parametrize("plan", [LORA, LORA.with_(use_rslora=True), LORA.with_(layers="last:1")])
@pytest.mark.parametrize(
    ("task", "architecture"), [("generate", "decoder"), ("classify", "decoder"), ("classify", "encoder")]
)
def test_sums_are_bit_for_bit_those_of_memory(
    plan: TrainPlan, task: Task, architecture: str, tiny_decoder: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    base = tiny_decoder if architecture == "decoder" else tiny_encoder
    loaded = changed_model(base, task=task, plan=plan, architecture=architecture)
    assert summed(loaded, tmp_path)
    found, wanted = load_file(tmp_path / "out/model.safetensors"), in_memory(loaded)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def test_a_base_in_several_bfloat16_files_gives_several_files_with_an_index(
    tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(tiny_decoder, dtype=torch.bfloat16).save_pretrained(
        base, max_shard_size="20KB"
    )
    for path in tiny_decoder.glob("tokenizer*"):
        (base / path.name).write_bytes(path.read_bytes())
    assert len(list(base.glob("*.safetensors"))) > 1
    loaded = changed_model(base, task="generate")
    monkeypatch.setattr(stream, "FILE_BYTES", 40_000)
    assert summed(loaded, tmp_path)
    found = {}
    for path in (tmp_path / "out").glob("model-*-of-*.safetensors"):
        found |= load_file(path)
    wanted = in_memory(loaded)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    (tmp_path / "out/config.json").write_text((base / "config.json").read_text())
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    assert torch.equal(again.get_input_embeddings().weight, wanted["model.embed_tokens.weight"])


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.parametrize(
    "plan",
    [
        LORA.with_(use_dora=True),
        LORA.with_(target_modules=("q_proj", "embed_tokens")),
        LORA.with_(target_modules=("q_proj", "lm_head")),
        TrainPlan(
            method="lora",
            layers="all",
            adapter={"peft_type": "IA3", "target_modules": ["v_proj"], "feedforward_modules": []},
        ),
    ],
    ids=["dora", "embedding", "tied output", "ia3"],
)
def test_what_is_more_than_a_product_of_two_is_left_to_memory(plan: TrainPlan, tmp_path: Path) -> None:
    loaded = changed_model(save_tiny_decoder(tmp_path / "base", tied=True), task="generate", plan=plan)
    assert not summed(loaded, tmp_path)
    assert not list((tmp_path / "out").iterdir())


def test_a_base_without_one_of_the_weights_is_left_to_memory(tiny_decoder: Path, tmp_path: Path) -> None:
    loaded = changed_model(tiny_decoder, task="generate")
    save_folder(tmp_path / "adapter", loaded, max_length=64)
    sums = sums_of(tmp_path / "adapter")
    assert sums
    names = {**whole_names(body_of(loaded.model)), "model.layers.9.mlp.up_proj.weight": torch.Size([64, 32])}
    assert not write_sums(tmp_path, base=tiny_decoder, sums=sums, names=names)
    assert not (tmp_path / "model.safetensors").exists()

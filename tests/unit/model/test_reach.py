"""Which weights a training reaches: every weight is counted once, and what peft passes by is told."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from peft import IA3Config, LNTuningConfig, LoHaConfig, LoraConfig, PeftConfig, get_peft_model
from torch import nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
)

from tests.tiny import tiny_card
from tunewright.core.train_plan import TrainPlan
from tunewright.model.adapt import adapted
from tunewright.model.load import load_model
from tunewright.model.reach import Reach, kind_of, missed_note, reach

SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 24,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
LORA = TrainPlan(method="lora", layers="all", lora_r=4, lora_alpha=8, lora_dropout=0, target_modules="all-linear")


def dense(tied: bool = False) -> nn.Module:
    return LlamaForCausalLM(LlamaConfig(**SMALL, tie_word_embeddings=tied))


def with_experts() -> nn.Module:
    """Two blocks with a shared MLP and four routed experts of 768 weights each, which are two 3-D parameters."""
    sizes = {"moe_intermediate_size": 16, "shared_expert_intermediate_size": 24, "num_experts": 4}
    return Qwen2MoeForCausalLM(Qwen2MoeConfig(**SMALL, **sizes, num_experts_per_tok=2, tie_word_embeddings=False))


def put_on(model: nn.Module, config: PeftConfig) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def trained(found: Reach) -> int:
    return sum(part.n_trained for part in found.by_kind.values())


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=2, target_modules="all-linear", use_dora=True),
        LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["lm_head"]),
        IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
        LoHaConfig(r=2, target_modules=["q_proj", "up_proj"]),
        LNTuningConfig(target_modules=["input_layernorm"]),
    ],
    ids=["dora", "saved module", "ia3", "loha", "norms"],
)
@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
def test_reach_counts_every_weight_once_whatever_the_adapter(config: PeftConfig, tied: bool) -> None:
    model = dense(tied)
    n_weights = count(model)
    model = put_on(model, config)

    found = reach(model)

    assert sum(part.n_weights for part in found.by_kind.values()) == n_weights
    assert trained(found) == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert all(0 <= part.n_reached <= part.n_weights for part in (*found.by_kind.values(), *found.by_block))


def test_reach_of_lora_on_a_dense_model_is_every_matrix_of_the_blocks_and_misses_nothing() -> None:
    found = reach(put_on(dense(), LoraConfig(r=4, target_modules="all-linear")))

    assert {kind: part.n_reached / part.n_weights for kind, part in found.by_kind.items()} == {
        "attention": 1.0,
        "mlp": 1.0,
        "norms": 0.0,
        "embeddings": 0.0,
        "head": 0.0,
    }
    q, k_and_v, o, mlp = 16 + 16, 2 * (16 + 8), 16 + 16, 3 * (16 + 24)
    assert [part.n_trained for part in found.by_block] == [4 * (q + k_and_v + o + mlp)] * 2
    assert found.missed == ()
    assert missed_note(found, LORA) is None


def test_reach_of_lora_misses_routed_experts_that_are_no_modules_and_says_how_to_reach_them() -> None:
    found = reach(put_on(with_experts(), LoraConfig(r=4, target_modules="all-linear")))

    assert [(m.name, m.kind, m.n_weights) for m in found.missed] == [
        ("mlp.experts.gate_up_proj", "experts", 2 * 4 * 32 * 16),
        ("mlp.experts.down_proj", "experts", 2 * 4 * 16 * 16),
    ]
    assert found.by_kind["experts"].n_reached == 0
    assert found.by_kind["mlp"].n_reached == found.by_kind["mlp"].n_weights
    note = missed_note(found, LORA)
    assert note is not None
    assert note.level == "warning"
    assert "no weight of the routed experts changes" in note.text
    assert all(name in note.text.split("target_parameters")[1] for name in EXPERTS)


def test_what_the_warning_says_to_write_reaches_the_experts() -> None:
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", target_parameters=EXPERTS)

    found = reach(put_on(with_experts(), config))

    experts = found.by_kind["experts"]
    assert experts.n_reached == experts.n_weights == 2 * 4 * (32 + 16) * 16
    assert found.missed == ()


def test_reach_of_experts_that_peft_finds_by_itself_misses_nothing() -> None:
    """peft rewrites all-linear for Mixtral."""
    model = MixtralForCausalLM(MixtralConfig(**SMALL, num_local_experts=2, tie_word_embeddings=False))

    found = reach(put_on(model, LoraConfig(r=4, target_modules="all-linear")))

    assert found.by_kind["experts"].n_reached == found.by_kind["experts"].n_weights
    assert found.missed == ()


def test_modules_that_a_person_named_are_told_of_without_a_warning() -> None:
    found = reach(put_on(dense(), LoraConfig(r=4, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])))

    note = missed_note(found, LORA.with_(target_modules=("q_proj", "k_proj", "v_proj", "o_proj")))

    assert note is not None
    assert (note.level, "no weight of the mlp changes" in note.text) == ("info", True)


def test_blocks_that_were_left_out_on_purpose_are_not_missed(tiny_decoder: Path) -> None:
    plan = LORA.with_(layers="last:1")
    loaded = adapted(load_model(tiny_card(tiny_decoder, "decoder"), task="generate", labels=()), plan, seed=0)

    found = reach(loaded.model)

    first, last = found.by_block
    assert (first.n_reached, first.n_trained) == (0, 0)
    assert last.n_reached > 0.99 * last.n_weights - 64  # two norms of 32 stay
    assert found.missed == ()


@pytest.mark.parametrize("method", ["full", "head"])
def test_reach_of_an_encoder_is_what_the_method_trains(tiny_encoder: Path, method: Any) -> None:
    plan = TrainPlan(method=method, layers="all")
    card = tiny_card(tiny_encoder, "encoder")
    loaded = adapted(load_model(card, task="classify", labels=("a", "b")), plan, seed=0)

    found = reach(loaded.model)

    changed = {kind for kind, part in found.by_kind.items() if part.n_reached}
    assert changed == ({"head"} if method == "head" else {"attention", "mlp", "norms", "embeddings", "head"})
    assert missed_note(found, plan) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("transformer.h.0.attn.c_attn.weight", "attention"),
        ("transformer.h.0.ln_1.weight", "norms"),
        ("transformer.wpe.weight", "embeddings"),
        ("encoder.embeddings.LayerNorm.weight", "norms"),
        ("encoder.layer.0.output.dense.weight", "mlp"),
        ("encoder.layer.0.attention.output.dense.weight", "attention"),
        ("model.layers.0.block_sparse_moe.gate.weight", "router"),
        ("model.layers.0.block_sparse_moe.experts.1.w2.weight", "experts"),
        ("model.layers.0.mlp.gate_proj.weight", "mlp"),
        ("model.layers.0.mixer.in_proj.weight", "other"),
        ("score.weight", "head"),
    ],
)
def test_kind_of_reads_the_names_of_several_families(name: str, kind: str) -> None:
    assert kind_of(name) == kind

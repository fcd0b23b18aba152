"""What we hook into in transformers is there and means what we take it for: `make contract` runs this on an older."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.models.llama import modeling_llama

from tests.numerics.training import FULL, LORA, tiny_training
from tunewright.model.kernels.attention import NAME
from tunewright.model.kernels.install import kernels
from tunewright.model.layers import BLOCK


def test_a_model_takes_our_attention_and_gives_it_back(tiny_decoder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    before = model.config._attn_implementation
    assert model._supports_attention_backend
    model.set_attn_implementation(NAME)
    assert model.config._attn_implementation == NAME
    model.set_attn_implementation(before)
    assert model.config._attn_implementation == before


def test_positions_are_turned_by_a_function_of_the_familys_module() -> None:
    body = inspect.getsource(modeling_llama.LlamaAttention.forward)
    assert "apply_rotary_pos_emb(query_states, key_states, cos, sin)" in body, "or what we put there is not called"
    assert list(inspect.signature(modeling_llama.apply_rotary_pos_emb).parameters)[:4] == ["q", "k", "cos", "sin"]


@pytest.mark.parametrize("plan", [LORA.with_(lora_dropout=0.0), FULL], ids=["lora", "full"])
def test_every_kernel_is_put_on_a_llama(plan: object, tiny_decoder: Path) -> None:
    """A family's own forward would be slower and no test of numbers would tell."""
    training = tiny_training(tiny_decoder, task="generate", plan=plan)  # type: ignore[arg-type]
    with kernels(training.model, device="cpu", dtype=torch.float32) as put_on:
        facts = put_on.facts()
    assert facts["why_not"] == [], transformers.__version__
    assert (facts["attention"], facts["rotary"], facts["output_in_blocks"]) == (True, True, True)
    assert (facts["linears"], facts["norms"], facts["gated"]) == (14 if plan is not FULL else 0, 5, 2)


def test_blocks_are_found_by_name_and_the_state_before_them_by_its(tiny_decoder: Path) -> None:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    n_blocks = AutoConfig.from_pretrained(tiny_decoder).num_hidden_layers
    found = {int(match[1]) for name, _ in model.named_parameters() if (match := BLOCK.search(name))}
    assert found == set(range(n_blocks))
    block = type(model.model.layers[0])
    assert next(iter(inspect.signature(block.forward).parameters)) in ("self", "hidden_states")
    assert "hidden_states" in inspect.signature(block.forward).parameters

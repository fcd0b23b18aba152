"""The laws of exporting: merged = adapter, and what plain transformers loads again = what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from tests.exporting import LORA, changed_model
from tests.tiny import save_tiny_decoder
from tunewright.core.train_plan import TrainPlan
from tunewright.export.merge import merged
from tunewright.export.whole import write_whole
from tunewright.model.classifier import mean_pooled
from tunewright.model.load import Loaded

IDS = torch.tensor([[1, 20, 30, 40, 50, 60], [1, 70, 80, 90, 100, 110]])
MASK = torch.ones_like(IDS)
TOLERANCE = 1e-4
"""Of float32 logits of size 1: W + BA in one product rounds unlike Wx + B(Ax)."""

ADAPTERS = {
    "all linear": LORA,
    "dora": LORA.with_(use_dora=True),
    "rslora": LORA.with_(use_rslora=True),
    "last block": LORA.with_(layers="last:1"),
    "output layer": LORA.with_(target_modules=("q_proj", "lm_head")),
    "input embedding": LORA.with_(target_modules=("q_proj", "embed_tokens")),
    "ia3": TrainPlan(
        method="lora",
        layers="all",
        adapter={"peft_type": "IA3", "target_modules": ["v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    ),
    "whole embedding saved": TrainPlan(
        method="lora",
        layers="all",
        adapter={"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    ),
}


def logits_of(model: Any) -> Tensor:
    with torch.inference_mode():
        return torch.as_tensor(model(input_ids=IDS, attention_mask=MASK).logits)


def written(loaded: Loaded, folder: Path) -> Path:
    write_whole(folder, loaded, max_length=64)
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning:peft", "ignore::UserWarning:transformers")
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("plan", ADAPTERS.values(), ids=ADAPTERS)
def test_merged_equals_adapter_when_plain_transformers_loads_it(plan: TrainPlan, tied: bool, tmp_path: Path) -> None:
    """Tied embeddings that an adapter changes must come apart: LLaMA-Factory issue 6749, transformers issue 45127."""
    base = save_tiny_decoder(tmp_path / "base", tied=tied)
    loaded = changed_model(base, task="generate", plan=plan)
    trained = logits_of(loaded.model)
    assert not torch.allclose(trained, logits_of(AutoModelForCausalLM.from_pretrained(base)), atol=0.01)

    again = AutoModelForCausalLM.from_pretrained(written(loaded, tmp_path / "merged"))

    torch.testing.assert_close(logits_of(again), trained, atol=TOLERANCE, rtol=0)
    assert torch.equal(logits_of(loaded.model), trained), "merging changed the model that it was given"


def test_embeddings_stay_tied_when_no_adapter_changes_them(tmp_path: Path) -> None:
    base = save_tiny_decoder(tmp_path / "base", tied=True)
    again = AutoModelForCausalLM.from_pretrained(
        written(changed_model(base, task="generate", plan=LORA.with_(target_modules=("q_proj",))), tmp_path / "merged")
    )

    assert again.config.tie_word_embeddings
    assert again.get_output_embeddings().weight is again.get_input_embeddings().weight


def test_a_whole_model_is_exported_bit_for_bit(tiny_decoder: Path, tmp_path: Path) -> None:
    loaded = changed_model(tiny_decoder, task="generate", plan=TrainPlan(method="full", layers="all"))

    again = AutoModelForCausalLM.from_pretrained(written(loaded, tmp_path / "merged"))

    assert torch.equal(logits_of(again), logits_of(loaded.model))


def test_decoder_classifier_equals_its_adapter_when_merged(tiny_decoder: Path, tmp_path: Path) -> None:
    loaded = changed_model(tiny_decoder, task="classify")

    again = AutoModelForSequenceClassification.from_pretrained(written(loaded, tmp_path / "merged"))

    torch.testing.assert_close(logits_of(again), logits_of(loaded.model), atol=TOLERANCE, rtol=0)
    assert again.config.id2label == {0: "delivery", 1: "login", 2: "refund"}


def test_encoder_equals_its_adapter_when_merged(tiny_encoder: Path, tmp_path: Path) -> None:
    loaded: Loaded = changed_model(tiny_encoder, task="classify", architecture="encoder")
    encoder: Any = loaded.model.encoder
    with torch.inference_mode():
        trained = mean_pooled(encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state, mask_BT=MASK)
        again = AutoModel.from_pretrained(written(loaded, tmp_path / "merged")).eval()
        found = mean_pooled(again(input_ids=IDS, attention_mask=MASK).last_hidden_state, mask_BT=MASK)

    torch.testing.assert_close(found, trained, atol=TOLERANCE, rtol=0)


def test_merging_what_has_no_adapter_gives_it_back(tiny_decoder: Path) -> None:
    loaded = changed_model(tiny_decoder, task="generate", plan=TrainPlan(method="full", layers="all"))

    assert merged(loaded) is loaded

"""Blocks that are measured for: the ones that matter, the same after a stop, and no trace in the training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, BertModel, LlamaForCausalLM

from tests.tiny import tiny_card
from tests.unit.train.test_range_test import inputs_of as questions
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Encoded, Row
from tunewright.text.rows import write_rows
from tunewright.train.found_layers import measured_layers, with_layers
from tunewright.train.inputs import TrainInputs
from tunewright.train.layer_signal import MOST_ROWS, MOST_TOKENS, drawn_rows
from tunewright.train.stage import train


def inputs_of(folder: Path, model: Path, *, layers: Any = "find") -> TrainInputs:
    """Twenty-four words of two kinds, six steps, every weight of some blocks."""
    prepared = folder / "prepared"
    prepared.mkdir(exist_ok=True)
    rows = [Row(f"train:{i}", text="ab"[i % 2] * (3 + i), label=["no", "yes"][i % 2]) for i in range(24)]
    for split in ("train", "validation", "test"):
        write_rows(prepared / f"{split}.parquet", rows if split == "train" else [])
    steps = {"epochs": 1.0, "max_steps": 6, "batch_size": 4, "save_steps": 3, "eval_steps": 6, "patience": 3}
    plan = Plan.model_validate(
        {
            "task": "classify",
            "model": {"name": str(model), "dtype": "float32"},
            "prepare": {"max_length": 64},
            "train": {"method": "full", "layers": layers, "learning_rate": 1e-3, "warmup_ratio": 0.1}
            | {"weight_decay": 0.01}
            | steps,
            "evaluate": {"primary_metric": "accuracy"},
            "run": {"device": "cpu", "threads": 1, "name": "x"},
        }
    )
    facts = DataFacts(task="classify", n_rows={"train": 24}, labels=("no", "yes"), rows_per_label={"no": 12, "yes": 12})
    return TrainInputs(plan, tiny_card(model, "encoder"), facts, prepared, "f", 0, predicted_memory={})


def changed(model: torch.nn.Module, source: Path, target: Path, weights: dict[str, float]) -> Path:
    """A copy of the model folder in which some weights are one number."""
    with torch.no_grad():
        for name, value in weights.items():
            model.get_parameter(name).fill_(value)
    model.save_pretrained(target)  # type: ignore[operator]
    AutoTokenizer.from_pretrained(source).save_pretrained(target)
    return target


def test_the_top_block_is_chosen_when_its_last_norm_lets_no_gradient_down(tiny_encoder: Path, tmp_path: Path) -> None:
    """Behind a norm that multiplies by 0 the states are its bias: nothing below can change the answer."""
    norm = "encoder.layer.1.output.LayerNorm"
    model = BertModel.from_pretrained(tiny_encoder, add_pooling_layer=False)
    folder = changed(model, tiny_encoder, tmp_path / "m", {f"{norm}.weight": 0.0, f"{norm}.bias": 0.5})

    found = measured_layers(inputs_of(tmp_path, folder))

    assert [signal["pull"] for signal in found["signals"]] == [0.0, 1.0]
    assert found["blocks"] == (1,)
    assert found["held"] == 1.0
    assert 0 < found["cost"] < 1


def test_the_bottom_block_is_chosen_when_the_top_one_reads_nothing(tiny_decoder: Path, tmp_path: Path) -> None:
    """Behind norms that multiply by 0 every matrix of the block sees zeros, and gradients pass beside it."""
    norms = ("input_layernorm", "post_attention_layernorm")
    model = LlamaForCausalLM.from_pretrained(tiny_decoder)
    zeros = {f"model.layers.1.{norm}.weight": 0.0 for norm in norms}
    folder = changed(model, tiny_decoder, tmp_path / "m", zeros)
    asked = questions(tmp_path, folder, rate=1e-3)
    asked = replace(asked, plan=asked.plan.with_(train=asked.plan.train.with_(layers="find")))

    found = measured_layers(asked)

    assert [signal["pull"] for signal in found["signals"]] == [1.0, 0.0]
    assert found["blocks"] == (0,)
    assert [signal["separation"] for signal in found["signals"]] == [None, None]


def test_training_found_blocks_is_training_them_and_never_measures_again(tiny_encoder: Path, tmp_path: Path) -> None:
    told: list[str] = []

    def tell(event: Event) -> None:
        told.append(event.text if isinstance(event, NoteEvent) else "")

    work, plain = tmp_path / "find", tmp_path / "plain"
    work.mkdir()
    plain.mkdir()
    summary = train(inputs_of(tmp_path, tiny_encoder), work=work, tell=tell)
    record = json.loads((work / "layers.json").read_text())
    assert summary["layer_search"]["blocks"] == tuple(record["blocks"])
    assert any(text == f"blocks: {record['reason']}" for text in told)
    assert sum(signal["pull"] for signal in record["signals"]) == pytest.approx(1)
    assert all(0 <= signal["separation"] <= 1 for signal in record["signals"])
    train(inputs_of(tmp_path, tiny_encoder, layers=record["blocks"]), work=plain)
    one, other = ((folder / "model/model.safetensors").read_bytes() for folder in (work, plain))
    assert one == other, "measuring left a mark on the training"

    told.clear()
    (work / "layers.json").write_text(json.dumps(record | {"blocks": [1]}))
    again = with_layers(inputs_of(tmp_path, tiny_encoder), work=work, tell=tell)
    assert again.plan.train.layers == (1,)
    assert not told
    anew = with_layers(replace(inputs_of(tmp_path, tiny_encoder), fingerprint="g"), work=work, tell=tell)
    assert anew.layer_search is not None
    assert list(anew.layer_search["blocks"]) == record["blocks"], "the same seed measures the same"


@pytest.mark.parametrize("layers", ["all", "last:1", (0,)])
def test_nothing_is_measured_when_the_plan_names_the_blocks(layers: Any, tiny_encoder: Path, tmp_path: Path) -> None:
    asked = inputs_of(tmp_path, tiny_encoder, layers=layers)

    assert with_layers(asked, work=tmp_path, tell=null_tracker) is asked
    assert not (tmp_path / "layers.json").exists()


@pytest.mark.parametrize("n_parts", [1, 2])
@pytest.mark.parametrize(("n_rows", "length"), [(1, 5), (30, 5), (2000, 5), (100, 400), (3, MOST_TOKENS + 1)])
def test_drawn_rows_are_few_and_never_in_both_sets(n_rows: int, length: int, n_parts: int) -> None:
    rows = [Encoded(f"{i}", ids=(1,) * length, trained=(True,) * length) for i in range(n_rows)]

    first, second = drawn_rows(rows, seed=0, n_parts=n_parts)

    ids = [row.row_id for row in (*first, *second)]
    assert len(ids) == len(set(ids))
    assert 1 <= len(first) <= MOST_ROWS
    assert len(first) == 1 or len(first) * length <= MOST_TOKENS
    assert bool(second) == (n_parts == 2 and n_rows > 1)
    assert drawn_rows(rows, seed=0, n_parts=n_parts) == (first, second)
    if n_rows == 2000:
        assert len(first) == MOST_ROWS
        assert drawn_rows(rows, seed=1, n_parts=n_parts) != (first, second)

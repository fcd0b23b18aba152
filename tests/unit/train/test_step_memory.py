"""Memory that is counted on the first blocks is the memory of all blocks, for every way to train."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import BertConfig, LlamaConfig

from tests.golden.contexts import LAPTOP
from tests.tiny import DECODER_SPECIAL, ENCODER_SPECIAL, byte_tokenizer, tiny_card
from tunewright.core.plan import Plan
from tunewright.core.values import Encoded, ModelCard
from tunewright.model.adapt import adapted
from tunewright.model.live import live_bytes
from tunewright.model.load import load_tokenizer
from tunewright.model.memory import MemoryPlan
from tunewright.model.slice import slice_of
from tunewright.train.loop import train_steps
from tunewright.train.ready import in_training
from tunewright.train.step_memory import StepShape, counting, step_memory, step_shapes

N_BLOCKS = 6
LABELS = ("no", "yes")
SIZE: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": N_BLOCKS,
    "num_attention_heads": 4,
    "intermediate_size": 160,
    "max_position_embeddings": 512,
}


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelCard]:
    """Folders with a config and a tokenizer, and no weights."""
    found = {}
    for architecture, kind, special in (
        ("decoder", LlamaConfig, DECODER_SPECIAL),
        ("encoder", BertConfig, ENCODER_SPECIAL),
    ):
        folder = tmp_path_factory.mktemp(architecture)
        tokenizer = byte_tokenizer(special)
        kind(vocab_size=len(tokenizer), **SIZE).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        size = {"n_layers": N_BLOCKS, "hidden_size": 64, "n_heads": 4, "context_tokens": 512}
        found[architecture] = replace(tiny_card(folder, architecture), dtype="float32", **size)
    return found


def plan_of(task: str, **train: Any) -> Plan:
    fixed: dict[str, Any] = {
        "layers": "all",
        "lora_r": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "target_modules": "all-linear",
        "learning_rate": 1e-4,
        "weight_decay": 0.01,
        "warmup_ratio": 0.1,
        "epochs": 1.0,
        "batch_size": 4,
        "gradient_checkpointing": False,
    }
    return Plan.model_validate(
        {
            "task": task,
            "model": {"dtype": "float32"},
            "prepare": {"max_length": 256},
            "train": {**fixed, **train},
            "run": {"device": "cpu", "threads": 1},
        }
    )


def rows(n: int, *, length: int, is_labelled: bool) -> tuple[Encoded, ...]:
    trained = tuple(i >= length // 2 and not is_labelled for i in range(length))
    return tuple(
        Encoded(f"train:{b}", tuple(4 + (i + b) % 200 for i in range(length)), trained, 0 if is_labelled else None)
        for b in range(n)
    )


def counted_whole(plan: Plan, card: ModelCard, some: tuple[Encoded, ...]) -> int:
    """The most that is alive in two steps of all blocks."""
    labels = LABELS if plan.task == "classify" else ()
    loaded = slice_of(
        card,
        n_blocks=N_BLOCKS,
        tokenizer=load_tokenizer(card.path),
        task=plan.task,
        labels=labels,
        dtype="float32",
    )
    loaded = adapted(loaded, plan.train, seed=0)
    with live_bytes() as live:
        live.watch([*loaded.model.parameters(), *loaded.model.buffers()])
        with in_training(plan, loaded, some) as training:
            live.mark()
            for _ in train_steps(replace(training, n_steps=2)):
                pass
            return live.mark().live


def tensors(plan: MemoryPlan) -> int:
    return plan.total - plan.process - plan.allocator


@pytest.mark.parametrize(
    ("architecture", "task", "train"),
    [
        ("decoder", "generate", {"method": "lora"}),
        ("decoder", "generate", {"method": "full"}),
        ("decoder", "generate", {"method": "full", "gradient_checkpointing": True}),
        ("decoder", "generate", {"method": "full", "layers": (1, 4)}),
        ("encoder", "classify", {"method": "full"}),
        ("encoder", "classify", {"method": "lora"}),
    ],
    ids=str,
)
def test_step_memory_of_few_blocks_is_that_of_all(
    cards: dict[str, ModelCard], architecture: str, task: str, train: dict[str, Any]
) -> None:
    """Within 2 %: the kernels keep some masks from one model to the next."""
    card, plan = replace(cards[architecture], dtype="bfloat16", n_parameters=0), plan_of(task, **train)
    some = rows(8, length=200, is_labelled=task == "classify")
    labels = LABELS if task == "classify" else ()

    counted = counting(card, {"train": some, "validation": ()}, labels=labels, machine=LAPTOP)
    found = counted(plan, 4)

    assert found is not None
    assert tensors(found) == pytest.approx(counted_whole(plan, card, some), rel=0.02)


def test_step_memory_grows_by_the_optimizers_state_with_the_rank(cards: dict[str, ModelCard]) -> None:
    shape = StepShape(n_rows=2, length=64, n_trained=32, n_parts=1)
    low, high = (
        step_memory(plan_of("generate", method="lora", lora_r=r), cards["decoder"], labels=(), shape=shape)
        for r in (8, 16)
    )

    n_weights = 8 * N_BLOCKS * (4 * (64 + 64) + 3 * (64 + 160))  # of r = 8: a row or column for each in and out
    assert high.optimizer - low.optimizer == 2 * 4 * n_weights
    assert high.weights - low.weights == 4 * n_weights


def test_step_memory_of_a_long_row_follows_from_three_shorter_ones(
    cards: dict[str, ModelCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of("generate", method="lora")
    shape = StepShape(n_rows=1, length=512, n_trained=10, n_parts=1)
    whole = step_memory(plan, cards["decoder"], labels=(), shape=shape)
    monkeypatch.setattr("tunewright.train.step_memory.RUN_LENGTHS", (160, 288, 416))
    monkeypatch.setattr("tunewright.model.kernels.attention.CHUNK", 32)

    found = step_memory(plan, cards["decoder"], labels=(), shape=shape)

    assert found.activations == pytest.approx(whole.activations, rel=0.05)


def test_step_shapes_are_the_heaviest_and_the_longest_part_of_a_batch() -> None:
    plan = plan_of("generate", method="lora")
    plan = plan.with_(prepare=plan.prepare.with_(max_length=700))

    found = step_shapes([900, *[128] * 8], [10] * 9, plan=plan, batch_size=9)

    assert found == (StepShape(8, 128, 10, 2), StepShape(1, 700, 10, 2))


def test_counting_leaves_a_gpu_and_what_is_not_trained_to_the_formula(cards: dict[str, ModelCard]) -> None:
    some = {"train": rows(2, length=20, is_labelled=False), "validation": ()}
    counted = counting(cards["decoder"], some, labels=(), machine=LAPTOP)
    plan = plan_of("generate", method="lora")

    assert counted(plan, 1) is not None
    assert counted(plan.with_(run=plan.run.with_(device="cuda")), 1) is None
    assert counted(plan.with_(evaluate=plan.evaluate.with_(systems=("path:other",))), 1) is None


def test_live_bytes_counts_a_block_of_memory_once_and_no_longer_than_it_lives() -> None:
    with live_bytes() as live:
        a = torch.zeros(1000)
        views = [a[:10], a.view(10, 100)]
        assert live.now == 4000
        b = a * 2.0
        assert live.mark().live == 8000
        del b
        assert live.now == 4000
        del a, views
        assert live.now == 0
        assert live.peak.live == 8000


def test_live_bytes_tells_what_autograd_keeps_and_leaves_weights_out() -> None:
    weight = torch.ones(100, requires_grad=True)
    with live_bytes() as live:
        live.watch([weight])
        live.settle()
        y = (weight * torch.ones(100)).exp()
        assert live.saved == 400 + 400, "the other factor, and the result of exp"
        y.sum().backward()
        del y
        assert live.saved == 0

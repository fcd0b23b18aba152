"""Predicted peak memory of a training beside the measured one, over methods, lengths, batches and families.

In: the installed package; starter models (fetched where they can be) and random weights in real shapes. Out: one table
on stdout and in results/memory-DTYPE.md, with the allocator's share that fits best. Each training is a process of its
own and takes three steps, the optimizer's included. Only memory is measured: other work on the machine does not matter.
"""

from __future__ import annotations

import json
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from tunewright.core.events import null_tracker
from tunewright.core.machine import peak_memory_bytes, this_machine
from tunewright.core.plan import Plan
from tunewright.core.values import Encoded, ModelCard
from tunewright.model import memory
from tunewright.model.adapt import adapted
from tunewright.model.card import model_card
from tunewright.model.load import load_model
from tunewright.model.memory import MemoryPlan
from tunewright.model.starter import add_starter
from tunewright.model.trunk import Place
from tunewright.train.loop import train_steps
from tunewright.train.ready import in_training, trunk_bytes
from tunewright.train.step_memory import counting

HERE = Path(__file__).parent
N_CLASSES = 77
SMOLLM, MINILM = "starter:smollm2-135m-instruct", "starter:minilm-l6"
PRODUCTS = "bfloat16" if this_machine().has_bf16 else "float32"
"""What this processor multiplies fast: emulated bfloat16 would take a hundred times as long."""


@dataclass(frozen=True, slots=True)
class Case:
    """One training."""

    model: str
    method: str
    length: int
    batch_size: int
    lora_r: int = 16
    layers: str = "all"
    task: str = "generate"
    dtype: str = PRODUCTS
    spread: bool = False
    """Rows from a quarter of the length to the whole; else all as long."""
    gradient_checkpointing: bool = False

    @property
    def name(self) -> str:
        rank = f" r={self.lora_r}" if self.method == "lora" else ""
        some = f" {self.layers}" if self.layers != "all" else ""
        again = ", checkpointed" if self.gradient_checkpointing else ""
        other = f", {self.dtype}" if self.dtype != PRODUCTS else ""
        return f"{self.method}{rank}{some}{other}{again}"


SHAPES: dict[str, tuple[dict[str, Any], str, str]] = {
    "qwen3-0.6b, 4 blocks": (
        {
            "model_type": "qwen3",
            "vocab_size": 151_936,
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 4,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "tie_word_embeddings": True,
        },
        SMOLLM,
        "bfloat16",
    ),
    "modernbert-base, 6 blocks": (
        {"model_type": "modernbert", "num_hidden_layers": 6, "vocab_size": 50_368},
        MINILM,
        "float32",
    ),
    "gpt2, 4 blocks": ({"model_type": "gpt2", "n_layer": 4}, SMOLLM, "float32"),
}
"""Real shapes with fewer blocks and random weights: config, whose tokenizer stands in, type of the file."""

CASES = (
    Case(SMOLLM, "lora", 64, 16),
    Case(SMOLLM, "lora", 256, 8),
    Case(SMOLLM, "lora", 256, 8, lora_r=64),
    Case(SMOLLM, "lora", 512, 8, spread=True),
    Case(SMOLLM, "lora", 1024, 1),
    Case(SMOLLM, "lora", 256, 8, layers="last:4"),
    Case(SMOLLM, "lora", 128, 4, dtype="float32"),
    Case(SMOLLM, "lora", 1024, 1, task="text"),
    Case(SMOLLM, "lora", 128, 8, task="classify"),
    Case(SMOLLM, "full", 128, 4),
    Case(SMOLLM, "full", 512, 4),
    Case(SMOLLM, "full", 128, 8, layers="last:4"),
    Case(SMOLLM, "lora", 512, 4, gradient_checkpointing=True),
    Case(SMOLLM, "lora", 3072, 1, gradient_checkpointing=True),
    Case(MINILM, "full", 64, 32, task="classify"),
    Case(MINILM, "full", 256, 16, task="classify", spread=True),
    Case(MINILM, "head", 64, 32, task="classify"),
    Case(MINILM, "lora", 64, 32, task="classify"),
    Case("qwen3-0.6b, 4 blocks", "lora", 256, 4),
    Case("qwen3-0.6b, 4 blocks", "full", 128, 2),
    Case("modernbert-base, 6 blocks", "full", 128, 16, task="classify"),
    Case("gpt2, 4 blocks", "lora", 256, 4),
)


def plan_of(case: Case) -> Plan:
    train = {
        "method": case.method,
        "layers": case.layers,
        "lora_r": case.lora_r,
        "lora_alpha": 2.0 * case.lora_r,
        "lora_dropout": 0.0,
        "target_modules": "all-linear",
        "learning_rate": 1e-4,
        "weight_decay": 0.01,
        "warmup_ratio": 0.1,
        "epochs": 1.0,
        "max_steps": 3,
        "batch_size": case.batch_size,
        "gradient_checkpointing": case.gradient_checkpointing,
    }
    return Plan.model_validate(
        {
            "task": case.task,
            "model": {"dtype": case.dtype},
            "prepare": {"max_length": case.length},
            "train": train,
            "run": {"device": "cpu", "threads": 1},
        }
    )


def rows_of(case: Case) -> tuple[Encoded, ...]:
    """Half of each row is trained on; all of it in a text."""
    rng = random.Random(0)
    rows = []
    for i in range(3 * case.batch_size):
        n = rng.randint(case.length // 4, case.length) if case.spread and i else case.length
        first = {"generate": n // 2, "text": 0, "classify": n}[case.task]
        label = i % N_CLASSES if case.task == "classify" else None
        ids = tuple(rng.randrange(5, 30_000) for _ in range(n))
        rows.append(Encoded(f"train:{i}", ids, tuple(j >= first for j in range(n)), label))
    return tuple(rows)


def labels_of(case: Case) -> tuple[str, ...]:
    return tuple(str(i) for i in range(N_CLASSES)) if case.task == "classify" else ()


def predicted(case: Case, card: ModelCard) -> MemoryPlan:
    counted = counting(card, {"train": rows_of(case), "validation": ()}, labels=labels_of(case), machine=this_machine())
    found = counted(plan_of(case), case.batch_size)
    assert found is not None, "this architecture cannot be counted"
    return replace(found, process=memory.BARE_PROCESS_BYTES)


def child(case: Case, card: ModelCard) -> None:
    """Three steps in this process; its peak on stdout."""
    plan = plan_of(case)
    torch.set_num_threads(1)
    loaded = load_model(card, task=plan.task, labels=labels_of(case), device="cpu", dtype=plan.model.dtype)
    loaded = adapted(loaded, plan.train, seed=0)
    place = Place(memory_bytes=trunk_bytes(this_machine(), limit=None), folder=None)
    with in_training(plan, loaded, rows_of(case), place=place) as training:
        n_steps = sum(1 for _ in train_steps(training))
    assert n_steps == 3
    print(peak_memory_bytes())


def measured(case: Case, card: ModelCard) -> int:
    words = [json.dumps(asdict(case)), json.dumps(asdict(card))]
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


def shaped_card(name: str, *, folder: Path) -> ModelCard:
    """Random weights in a real shape, written once."""
    path = folder / name.partition(",")[0]
    fields, stand_in, dtype = SHAPES[name]
    if not path.exists():
        config = AutoConfig.for_model(**fields)
        kind = AutoModel if fields["model_type"] == "modernbert" else AutoModelForCausalLM
        kind.from_config(config, dtype=getattr(torch, dtype)).save_pretrained(path)
        for file in starter_files(stand_in):
            shutil.copy(file, path)
    return model_card(str(path), folder=folder)


def starter_files(name: str) -> list[Path]:
    starter = add_starter(name.removeprefix("starter:"), tell=null_tracker)
    return [*starter.glob("tokenizer*"), *starter.glob("special_tokens_map.json")]


def main() -> None:
    started = time.strftime("%Y-%m-%d")
    found: list[tuple[Case, MemoryPlan, int]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for case in CASES:
            if case.model in SHAPES:
                card = shaped_card(case.model, folder=Path(temporary))
            else:
                add_starter(case.model.removeprefix("starter:"), tell=null_tracker)
                card = model_card(case.model, folder=Path(temporary))
            found.append((case, predicted(case, card), measured(case, card)))
            print(row(*found[-1]), found[-1][1].by_term(), file=sys.stderr)
    text = table(found, date=started)
    print(text)
    (HERE / "results" / f"memory-{PRODUCTS}.md").write_text(text, encoding="utf-8")


def row(case: Case, plan: MemoryPlan, peak: int) -> str:
    terms = " | ".join(f"{getattr(plan, term) / 1e6:,.0f}" for term in memory.TERMS)
    where = f"{case.length}{' and less' if case.spread else ''} | {case.batch_size}"
    return (
        f"| {case.model.removeprefix('starter:')} | {case.task} | {case.name} | {where} | {terms} "
        f"| {plan.total / 1e6:,.0f} | {peak / 1e6:,.0f} | {100 * (plan.total - peak) / peak:+.1f} % |"
    )


def fitted(found: list[tuple[Case, MemoryPlan, int]]) -> tuple[float, float]:
    """(process bytes, allocator share) with the least squares of relative error."""
    base, come_and_go, weight = [], [], []
    for _, plan, peak in found:
        moving = plan.activations + plan.logits + plan.temporary
        if not moving:
            continue  # loading was the peak
        base.append(peak - (plan.total - plan.process - plan.allocator))
        come_and_go.append(moving)
        weight.append(1.0 / peak)
    rows = torch.tensor([[w, m * w] for m, w in zip(come_and_go, weight, strict=True)], dtype=torch.float64)
    wanted = torch.tensor([[b * w] for b, w in zip(base, weight, strict=True)], dtype=torch.float64)
    process, share = torch.linalg.lstsq(rows, wanted).solution.flatten().tolist()
    return process, share


def table(found: list[tuple[Case, MemoryPlan, int]], *, date: str) -> str:
    machine = this_machine()
    errors = [abs(plan.total - peak) / peak for _, plan, peak in found]
    process, share = fitted(found)
    terms = " | ".join(memory.TERMS)
    lines = [
        "# Memory of a training: predicted and measured",
        "",
        f"`python benchmarks/memory.py` on {machine.n_cores} cores ({machine.processor}), Python "
        f"{platform.python_version()}, torch {torch.__version__}, {date}, products in {PRODUCTS}. In MB (10^6 bytes). "
        "Predicted before "
        "anything is loaded, from one and two blocks of the architecture; measured: the largest resident size of a "
        "process of its own that takes three steps.",
        "",
        f"Off by {statistics.mean(errors):.1%} on average, {max(errors):.1%} at most, over {len(found)} trainings.",
        "",
        f"Of these, best fit: process {process / 1e6:.0f} MB, allocator {share:.2f} of what comes and goes "
        f"(in use: {memory.BARE_PROCESS_BYTES / 1e6:.0f} MB, {memory.ALLOCATOR_SHARE:.2f}).",
        "",
        f"| model | task | trained | tokens | rows | {terms} | predicted | measured | off by |",
        "|" + "---|" * (len(memory.TERMS) + 8),
        *(row(*one) for one in found),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        facts = json.loads(sys.argv[2])
        child(Case(**json.loads(sys.argv[1])), ModelCard(**{**facts, "languages": tuple(facts["languages"])}))
    else:
        main()

"""Published peaks of fine-tuning Llama-3.2-3B on a GPU beside what counting says, without a GPU and without weights.

In: peft_runs.csv (63 published runs of huggingface/peft's method comparison; name it, or set PEFT_RUNS). Out: one table
on stdout and in results/published_memory.md. Counted is what plain transformers and peft do there: a step on one block
and on two of the real shapes, every tensor's size as it is made (torch's meta device: sizes, no numbers), each
further block as the second.
"""

from __future__ import annotations

import csv
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, AutoConfig, AutoModelForCausalLM

from tunewright.model.catalogue import known
from tunewright.model.live import Live, live_bytes

HERE = Path(__file__).parent
MODEL = "meta-llama/Llama-3.2-3B"
BATCH, LENGTH = 4, 768
"""Of the longest step: four rows of at most 768 tokens (ground_truth/SOURCE.txt). Which length the longest batch really
had is not published: this is the most it can be."""
ORDER = (
    "lora/llama-3.2-3B-rank10-target-mlp",
    "lora/llama-3.2-3B-rank32-dora",
    "lora/llama-3.2-3B-rank32",
    "ln_tuning/llama-3.2-3B-default",
)
"""From most memory to least, as published."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Bytes alive at most."""

    forward: float
    backward: float
    update: float

    @property
    def most(self) -> float:
        return max(self.forward, self.backward, self.update)


class _Flash(torch.autograd.Function):
    """Attention as a fused kernel keeps it: inputs, output, and a float32 number a query for the softmax."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, out, torch.empty(q.shape[:-1], dtype=torch.float32, device=q.device))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, _, _ = ctx.saved_tensors
        _sums = torch.empty_like(q, dtype=torch.float32)  # the kernel adds up the queries' gradient in float32
        return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Any, **_: Any
) -> tuple[Tensor, None]:
    """As transformers' sdpa on padded rows: keys and values repeated for every head, the output made whole."""
    groups = query.shape[1] // key.shape[1]
    key, value = (x[:, :, None].expand(-1, -1, groups, -1, -1).reshape(query.shape) for x in (key, value))
    return _Flash.apply(query.contiguous(), key, value).transpose(1, 2).contiguous(), None


AttentionInterface.register("counted_fused", _attention)
AttentionMaskInterface.register("counted_fused", lambda *_, **__: None)


def model_of(n_blocks: int) -> nn.Module:
    """The catalogue's shapes in bfloat16, sizes only."""
    entry = known(MODEL)
    assert entry is not None
    facts = entry.facts
    config = AutoConfig.for_model(
        "llama",
        num_hidden_layers=n_blocks,
        hidden_size=facts["hidden_size"],
        intermediate_size=facts["intermediate_size"],
        num_attention_heads=facts["n_heads"],
        num_key_value_heads=facts["n_key_value_heads"],
        head_dim=facts["head_size"],
        vocab_size=facts["vocabulary_size"],
        tie_word_embeddings=True,
        attn_implementation="counted_fused",
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.tie_weights()
    return model


def adapter_of(run: Mapping[str, str]) -> peft.PeftConfig | None:
    """What the table says of the run; None: every weight is trained."""
    targets, r = run["target_modules"].split(";"), int(run["r"] or 0)
    of: dict[str, Callable[[], peft.PeftConfig | None]] = {
        "FULL": lambda: None,
        "LORA": lambda: peft.LoraConfig(
            r=r,
            lora_alpha=float(run["lora_alpha"]),
            target_modules=targets,
            use_dora=run["use_dora"] == "True",
            use_rslora=run["use_rslora"] == "True",
            task_type="CAUSAL_LM",
        ),
        "LN_TUNING": lambda: peft.LNTuningConfig(target_modules=targets, task_type="CAUSAL_LM"),
        "IA3": lambda: peft.IA3Config(
            target_modules=targets,
            feedforward_modules=[name for name in targets if name == "down_proj"],
            task_type="CAUSAL_LM",
        ),
        "VERA": lambda: peft.VeraConfig(r=r, target_modules=targets, task_type="CAUSAL_LM"),
        "LOHA": lambda: peft.LoHaConfig(r=r, target_modules=targets, task_type="CAUSAL_LM"),
    }
    return of[run["method"]]()


NOT_PLAIN = tuple(f"lora/llama-3.2-3B-{name}" for name in ("rank14-target-mlp-bdlora", "rank32-lorafa", "rank32-mica"))
"""LoRA rows whose optimizer or start the table does not describe: left out."""


def runs_of(path: Path) -> list[dict[str, str]]:
    """Those that the table describes whole: method, rank, modules."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = ("FULL", "LORA", "LN_TUNING", "IA3", "VERA", "LOHA")
    return [row for row in rows if row["method"] in kinds and row["experiment"] not in NOT_PLAIN]


def counted(run: Mapping[str, str], n_blocks: int, *, length: int = LENGTH) -> Peaks:
    """Two steps; the second has the optimizer's moments beside everything else."""
    model, adapter = model_of(n_blocks), adapter_of(run)
    if adapter is not None:
        model = peft.get_peft_model(model, adapter, autocast_adapter_dtype=True)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, foreach=True)
    ids = torch.zeros(BATCH, length, dtype=torch.long, device="meta")
    with live_bytes() as live:
        live.watch([*model.parameters(), *model.buffers()])
        _step(model, optimizer, ids, live)
        return _step(model, optimizer, ids, live)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, ids: Tensor, live: Live) -> Peaks:
    optimizer.zero_grad()
    live.mark()
    rows, length = ids.shape
    mask = torch.empty(rows, 1, length, length, dtype=torch.bool, device="meta")  # of padded rows, for every query
    loss = model(input_ids=ids, attention_mask=mask, labels=ids, use_cache=False).loss
    forward = live.mark().live
    loss.backward()
    del loss
    backward = live.mark().live
    nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0)
    optimizer.step()
    return Peaks(forward, backward, live.mark().live)


def predicted(run: Mapping[str, str], *, length: int = LENGTH) -> float:
    """Of the whole model: each moment's peak grows by what the second block added."""
    entry = known(MODEL)
    assert entry is not None
    one, two = (astuple(counted(run, n, length=length)) for n in (1, 2))
    n_more = entry.facts["n_layers"] - 1
    return Peaks(*(a + n_more * (b - a) for a, b in zip(one, two, strict=True))).most


def table(found: list[tuple[dict[str, str], float]]) -> str:
    errors = {run["experiment"]: mine / float(run["memory_max_bytes"]) - 1 for run, mine in found}
    within = sum(abs(error) <= 0.15 for error in errors.values())
    named = {run["experiment"]: mine for run, mine in found}
    order = [named[name] for name in ORDER]
    mean, worst = statistics.mean(map(abs, errors.values())), max(errors.values(), key=abs)
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
    order_words = "kept" if order == sorted(order, reverse=True) else "not kept"
    lines = [
        "# Published memory of fine-tuning Llama-3.2-3B",
        "",
        f"`python benchmarks/published_memory.py PEFT_RUNS`, {time.strftime('%Y-%m-%d')}, Python "
        f"{platform.python_version()}, {versions}; no GPU, no weights. Published: the most that torch held on an L40S, "
        "bfloat16, batch 4, at most 768 tokens, no gradient checkpointing (huggingface/peft 5d602fd, "
        "method_comparison/MetaMathQA). Counted: the step that plain transformers and peft take, on one block and on "
        "two, without any factor that was fitted to these runs.",
        "",
        f"Within 15 %: {within} of {len(found)}; mean absolute error {mean:.1%}, worst {worst:+.1%}. Order LoRA on the "
        f"MLP > DoRA > LoRA on queries and values > norms: {order_words}.",
        "",
        "| run | published, GB | counted, GB | off by |",
        "|---|---|---|---|",
    ]
    for run, mine in sorted(found, key=lambda pair: -float(pair[0]["memory_max_bytes"])):
        peak = float(run["memory_max_bytes"])
        lines.append(
            f"| {run['experiment']} | {peak / 1e9:.2f} | {mine / 1e9:.2f} | {100 * errors[run['experiment']]:+.1f} % |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PEFT_RUNS", "peft_runs.csv"))
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for run in runs_of(path):
            found.append((run, predicted(run)))
            print(run["experiment"], f"{found[-1][1] / 1e9:.2f}", run["memory_max_bytes"], file=sys.stderr)
    text = table(found)
    print(text)
    (HERE / "results" / "published_memory.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

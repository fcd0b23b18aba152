"""What a token costs, by the length of a row and the rows of a batch; what a thousand rows cost, by model.

In: the installed package; SmolLM2-135M, and ModernBERT-base and Qwen3-0.6B with random weights in their real shapes.
Out: two tables on stdout and as sections of results.md, and a chart, shapes.svg. A step after one that warms up is
timed; a long one warms itself.
usage: python benchmarks/train/shapes.py [LONGEST]: rows of at most LONGEST tokens (4,096). Run it alone.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from run import HERE, machine_line, told, write_sections
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

sys.path.insert(0, str(HERE.parent))
from memory import PRODUCTS, SMOLLM, Case, labels_of, plan_of, rows_of, starter_files

from tunewright.core.events import null_tracker
from tunewright.core.values import ModelCard
from tunewright.model.adapt import adapted
from tunewright.model.card import model_card
from tunewright.model.load import load_model
from tunewright.model.starter import add_starter
from tunewright.train.loop import Training, train_steps
from tunewright.train.ready import in_training

LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096)
BATCHES = (1, 2, 4, 8, 16, 32)
MOST_TOKENS = 16_384
"""Of a batch: its parts are as large as those of a smaller one."""
WARM_TOKENS = 4096
"""A step of so many goes through the model in four parts and more: the first of them warms the others."""
COLOURS = ("#1b6ca8", "#2a9d8f", "#8ab17d", "#e9c46a", "#f4a261", "#d1495b")
QWEN = {
    "model_type": "qwen3",
    "vocab_size": 151_936,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
MODERNBERT = {"model_type": "modernbert"}
"""transformers' own defaults are the base model."""


@contextmanager
def training(case: Case, card: ModelCard) -> Iterator[Training]:
    """Of rows that are all as long as the case says."""
    plan = plan_of(case)
    torch.manual_seed(0)
    loaded = load_model(card, task=plan.task, labels=labels_of(case), device="cpu", dtype=plan.model.dtype)
    loaded = adapted(loaded, plan.train, seed=0)
    with in_training(plan, loaded, rows_of(case)) as made:
        yield made


def seconds_a_token(case: Case, card: ModelCard) -> float:
    n_steps = 1 if case.length * case.batch_size >= WARM_TOKENS else 2
    with training(case, card) as made:
        *_, last = train_steps(replace(made, n_steps=n_steps))
    return last.seconds / last.n_tokens


def grid(card: ModelCard, *, longest: int) -> dict[tuple[int, int], float]:
    """Milliseconds a token by (length, rows of a batch)."""
    found = {}
    for length in (n for n in LENGTHS if n <= longest):
        for n_rows in (n for n in BATCHES if n * length <= MOST_TOKENS):
            found[length, n_rows] = 1e3 * seconds_a_token(Case(SMOLLM, "lora", length, n_rows), card)
            told(f"{length} tokens, {n_rows} rows: {found[length, n_rows]:.2f} ms a token")
    return found


def grid_table(found: dict[tuple[int, int], float]) -> str:
    lines = [f"| tokens of a row | {' | '.join(f'{n} rows' for n in BATCHES)} |", "|---" * (len(BATCHES) + 1) + "|"]
    for length in dict.fromkeys(n for n, _ in found):
        cells = [f"{found[length, n]:.2f}" if (length, n) in found else "" for n in BATCHES]
        lines.append(f"| {length:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def chart(found: dict[tuple[int, int], float]) -> str:
    """Both axes logarithmic; one line for each number of rows."""
    low, high = math.log10(min(found.values()) / 1.2), math.log10(max(found.values()) * 1.2)
    lengths = [n for n, _ in found]
    left, right = math.log2(min(lengths)), math.log2(max(lengths))

    def place(length: int, ms: float) -> tuple[float, float]:
        x = 60 + 480 * (math.log2(length) - left) / max(1e-9, right - left)
        return round(x, 1), round(20 + 260 * (high - math.log10(ms)) / (high - low), 1)

    parts = []
    for length in dict.fromkeys(lengths):
        x, _ = place(length, 1.0)
        parts.append(f'<text x="{x}" y="300" text-anchor="middle">{length:,}</text>')
    for ms in (10**k * m for k in range(-2, 4) for m in (1, 2, 5)):
        if low <= math.log10(ms) <= high:
            _, y = place(min(lengths), ms)
            parts.append(f'<line x1="60" x2="540" y1="{y}" y2="{y}" stroke="#ddd"/>')
            parts.append(f'<text x="54" y="{y + 4}" text-anchor="end">{ms:g}</text>')
    for n_rows, colour in zip(BATCHES, COLOURS, strict=True):
        points = [place(length, ms) for (length, n), ms in found.items() if n == n_rows]
        if points:
            joined = " ".join(f"{x},{y}" for x, y in points)
            parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>')
            x, y = points[-1]
            parts.append(f'<text x="{x + 4}" y="{y + 4}" fill="{colour}">{n_rows}</text>')
    title = "Milliseconds a token (up) against tokens of a row (across), one line for each number of rows of a batch"
    parts.append(f'<text x="300" y="322" text-anchor="middle">{title}</text>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 580 330" font-family="sans-serif" font-size="11">'
    return f'{head}<title>{title}</title><rect width="580" height="330" fill="#fff"/>{"".join(parts)}</svg>\n'


def shaped(fields: dict[str, object], *, folder: Path, stand_in: str) -> ModelCard:
    """Random weights in a real shape, with another model's tokenizer: ids are drawn, not read."""
    config = AutoConfig.for_model(**fields)
    kind = AutoModel if fields["model_type"] == "modernbert" else AutoModelForCausalLM
    kind.from_config(config, dtype=torch.float32).save_pretrained(folder)
    for file in starter_files(stand_in):
        (folder / file.name).write_bytes(file.read_bytes())
    return model_card(str(folder), folder=folder)


def hours_table(folder: Path) -> str:
    cases = {
        "ModernBERT-base, whole, 77 classes": (MODERNBERT, "starter:minilm-l6", "full", 128, "classify"),
        "Qwen3-0.6B, LoRA r=16, half of each row answered": (QWEN, SMOLLM, "lora", 256, "generate"),
    }
    lines = ["| model | tokens of a row | tokens/s | hours per 1,000 rows, one epoch |", "|---|---|---|---|"]
    for name, (fields, stand_in, method, length, task) in cases.items():
        card = shaped(fields, folder=folder / str(fields["model_type"]), stand_in=stand_in)
        seconds = seconds_a_token(Case("shape", method, length, 8, task=task), card)
        lines.append(f"| {name} | {length} | {1 / seconds:.0f} | {1000 * length * seconds / 3600:.2f} |")
        told(lines[-1])
    return "\n".join(lines)


def main() -> None:
    longest = int(sys.argv[1]) if len(sys.argv) > 1 else LENGTHS[-1]
    for starter in (SMOLLM, "starter:minilm-l6"):
        add_starter(starter.removeprefix("starter:"), tell=null_tracker)
    with tempfile.TemporaryDirectory() as temporary:
        hours = hours_table(Path(temporary))
        write_sections({f"Hours per 1,000 rows, {PRODUCTS}": f"{machine_line(PRODUCTS)} Random weights.\n\n{hours}"})
        found = grid(model_card(SMOLLM, folder=Path(temporary)), longest=longest)
    text = f"{machine_line(PRODUCTS)} SmolLM2-135M, LoRA r=16, half of each row trained.\n\n{grid_table(found)}"
    write_sections({f"Milliseconds a token, {PRODUCTS}": f"{text}\n\n![chart](shapes-{PRODUCTS}.svg)"})
    (HERE / f"shapes-{PRODUCTS}.svg").write_text(chart(found), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Greedy answers: all prompts at once in our loop, beside transformers' generate row by row, in turns, in one go.

In: nothing; gsm8k's test questions from ../shared/data and SmolLM2-135M from the starter models. Out: a table on stdout
and in results/generation.md: tokens a second, and how many answers differ and by how little the logits did there.
usage: python benchmarks/generation.py [PROMPTS [MAX_NEW_TOKENS]]
With OMP_NUM_THREADS=1 the seconds are those of one core, whoever works beside.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from first_run import SHARED, processor  # noqa: E402

from tunewright.core.events import null_tracker  # noqa: E402
from tunewright.core.values import Encoded, Message  # noqa: E402
from tunewright.model.card import model_card  # noqa: E402
from tunewright.model.generate import answers  # noqa: E402
from tunewright.model.load import Loaded, load_model  # noqa: E402
from tunewright.model.starter import add_starter  # noqa: E402
from tunewright.text.chat import end_token_ids  # noqa: E402
from tunewright.text.encode import encode_prompt  # noqa: E402

STARTER = "smollm2-135m-instruct"
QUESTIONS = SHARED / "gsm8k" / "grade_school_math" / "data" / "test.jsonl"
N_TURNS = 2


@dataclass(frozen=True, slots=True)
class Written:
    """What one way wrote, without end tokens."""

    ids: list[tuple[int, ...]]
    seconds: float

    @property
    def n_tokens(self) -> int:
        return sum(map(len, self.ids))

    def __add__(self, other: Written) -> Written:
        return Written(self.ids + other.ids, self.seconds + other.seconds)


def row_by_row(loaded: Loaded, prompts: list[Encoded], *, cap: int) -> Written:
    """What a script of ten lines does."""
    ends, model = end_token_ids(loaded.tokenizer), loaded.model
    started, found = time.process_time(), []
    for prompt in prompts:
        ids = torch.tensor([prompt.ids])
        options: dict[str, Any] = {"max_new_tokens": cap, "do_sample": False, "repetition_penalty": 1.0}
        with torch.inference_mode():
            out = model.generate(  # type: ignore[operator]
                ids, attention_mask=torch.ones_like(ids), eos_token_id=list(ends), pad_token_id=loaded.pad_id, **options
            )
        written = out[0, len(prompt.ids) :].tolist()
        found.append(tuple(token for token in written if token not in ends))
    return Written(found, time.process_time() - started)


def all_at_once(loaded: Loaded, prompts: list[Encoded], *, cap: int) -> Written:
    started = time.process_time()
    found = answers(loaded, prompts, max_new_tokens=cap)
    return Written([answer.ids for answer in found], time.process_time() - started)


def gap(loaded: Loaded, prompt: Encoded, a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Between the two logits where the answers part, as a pass over the whole text has them."""
    end = end_token_ids(loaded.tokenizer)[0]
    a, b = (*a, end), (*b, end)
    at = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    with torch.inference_mode():
        logits_V = loaded.model(input_ids=torch.tensor([[*prompt.ids, *a[:at]]])).logits[0, -1]
    return abs(float(logits_V[a[at]] - logits_V[b[at]]))


def main() -> None:
    n, cap = (int(word) for word in (sys.argv[1:] + ["64", "256"][len(sys.argv) - 1 :])[:2])
    card = model_card(str(add_starter(STARTER, tell=null_tracker)), folder=HERE)
    loaded = load_model(card, task="generate")
    with QUESTIONS.open(encoding="utf-8") as lines:
        questions = [json.loads(line)["question"] for _, line in zip(range(n), lines, strict=False)]
    prompts = [encode_prompt((Message("user", q),), tokenizer=loaded.tokenizer) for q in questions]
    part = -(-n // N_TURNS)
    row_by_row(loaded, prompts[:1], cap=4)  # the first pass pays for what stays
    alone, ours = Written([], 0.0), []
    for start in range(0, n, part):
        alone += row_by_row(loaded, prompts[start : start + part], cap=cap)
        print(f"row by row: {alone.n_tokens / alone.seconds:.1f} tokens/s", file=sys.stderr, flush=True)
        ours.append(all_at_once(loaded, prompts, cap=cap))
        print(f"all at once: {ours[-1].n_tokens / ours[-1].seconds:.1f} tokens/s", file=sys.stderr, flush=True)
    parted = [i for i in range(n) if alone.ids[i] != ours[0].ids[i]]
    gaps = sorted(gap(loaded, prompts[i], alone.ids[i], ours[0].ids[i]) for i in parted)
    both = ours[0] if len(ours) == 1 else sum(ours[1:], ours[0])
    rates = [alone.n_tokens / alone.seconds, both.n_tokens / both.seconds]
    listed = ", ".join(f"{w.n_tokens / w.seconds:.0f}" for w in ours)
    closeness = f" The logits were {', '.join(f'{g:.1e}' for g in gaps)} apart there." if parted else ""
    text = "\n".join(
        [
            "# Writing answers",
            "",
            f"`python benchmarks/generation.py {n} {cap}`, {time.strftime('%Y-%m-%d')}, {torch.get_num_threads()} of "
            f"{os.cpu_count()} cores ({processor()}), Python {platform.python_version()}, torch {torch.__version__}, "
            f"float32. {STARTER}, {n} questions of gsm8k's test set, at most {cap} tokens each, greedy; in turns.",
            "",
            "| | tokens | processor seconds | tokens a processor second | |",
            "|---|---|---|---|---|",
            f"| transformers' generate, row by row | {alone.n_tokens:,} | {alone.seconds:.0f} | {rates[0]:.1f} | |",
            f"| tunewright, all at once | {ours[0].n_tokens:,} | {both.seconds / len(ours):.0f} "
            f"| {rates[1]:.1f} ({listed}) | {rates[1] / rates[0]:.2f} times as many |",
            "",
            f"{n - len(parted)} of {n} answers are the same token for token.{closeness}",
            "",
        ]
    )
    (HERE / "results" / "generation.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

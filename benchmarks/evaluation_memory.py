"""Peak memory of an evaluation against the number of test rows: it must not grow by more than the rows' own text.

In: nothing; banking77 from ../shared/data, MiniLM and SmolLM2's tokenizer from the starter models. Out: a table on
stdout and in results/evaluation_memory.md. Every measurement is a process of its own that runs the evaluate stage
alone: classify with MiniLM and an untrained head, all systems; the likelihood of answers with a small random decoder
that has SmolLM2's 49,152 words, because memory hangs on the words and not on what the weights say.
usage: python benchmarks/evaluation_memory.py [ROWS ...]
"""

from __future__ import annotations

import csv
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from first_run import SHARED, processor  # noqa: E402

from tunewright.core.events import null_tracker  # noqa: E402
from tunewright.core.machine import peak_memory_bytes  # noqa: E402
from tunewright.core.plan import Plan  # noqa: E402
from tunewright.core.values import DataFacts, Message, ModelCard, Row, Subject, Task  # noqa: E402
from tunewright.evaluate.stage import EvaluateInputs, evaluate  # noqa: E402
from tunewright.model.card import model_card  # noqa: E402
from tunewright.model.load import load_model  # noqa: E402
from tunewright.model.starter import add_starter  # noqa: E402
from tunewright.model.trained import save_trained  # noqa: E402
from tunewright.text.rows import write_rows  # noqa: E402

N_TRAIN = 400
SYSTEMS = {"classify": ("tuned", "base", "majority", "tfidf", "linear_probe"), "generate": ("tuned", "base")}
METRICS = {
    "classify": ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "brier", "ece", "roc_auc"),
    "generate": ("bits_per_byte", "end_argmax"),
}


def rows_of(task: Task, n: int, *, role: str) -> tuple[Row, ...]:
    """banking77's questions, again and again with a number behind; generate: the label is the answer."""
    name = "train" if role == "train" else "test"
    with next((SHARED / "banking77").rglob(f"{name}.csv")).open(encoding="utf-8", newline="") as file:
        pairs = [(one["text"], one["category"]) for one in csv.DictReader(file)]
    step = max(1, len(pairs) // min(n, len(pairs)))
    found = []
    for i, (text, label) in enumerate(islice(cycle(pairs[::step]), n)):
        text = f"{text} {i}"
        turns = (Message("user", text), Message("assistant", label, is_trained=True))
        found.append(
            Row(f"{role}:{i + 2}", text=text, label=label)
            if task == "classify"
            else Row(f"{role}:{i + 2}", messages=turns)
        )
    return tuple(found)


def small_decoder(folder: Path) -> ModelCard:
    starter = add_starter("smollm2-135m-instruct", tell=null_tracker)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = AutoConfig.for_model(
        "llama", vocab_size=49_152, num_key_value_heads=1, max_position_embeddings=2_048, **sizes
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for file in [
        *starter.glob("tokenizer*"),
        *starter.glob("special_tokens_map.json"),
        *starter.glob("chat_template*"),
    ]:
        shutil.copy(file, folder)
    return model_card(str(folder), folder=folder)


def child(task: Task, n: int) -> None:
    """One evaluation; what it took on stdout."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, test = rows_of(task, N_TRAIN, role="train"), rows_of(task, n, role="test")
        for split, rows in (("train", train), ("validation", train[:100]), ("test", test)):
            write_rows(folder / f"{split}.parquet", rows)
        n_bytes = sum(len(row.text.encode()) + sum(len(m.content.encode()) for m in row.messages) for row in test)
        labels = tuple(sorted({row.label for row in train if row.label}))
        del train, test
        is_classify = task == "classify"
        starter = add_starter("minilm-l6", tell=null_tracker) if is_classify else folder
        card = model_card(str(starter), folder=folder) if is_classify else small_decoder(folder / "model")
        plan = Plan.model_validate(
            {
                "task": task,
                "model": {"dtype": "float32"},
                "prepare": {"max_length": 64},
                "evaluate": {
                    "systems": SYSTEMS[task],
                    "metrics": METRICS[task],
                    "primary_metric": METRICS[task][0],
                    "max_new_tokens": 1,
                    "limit": 1,
                    "general": "none",
                },
                "run": {"device": "cpu"},
            }
        )
        save_trained(folder, load_model(card, task=task, labels=labels), max_length=64)
        subject = Subject(
            name="tuned",
            folder=name,
            card=card,
            task=task,
            labels=labels,
            max_length=64,
            device="cpu",
            dtype="float32",
            threads=1,
        )
        facts = DataFacts(task, {"train": N_TRAIN, "test": n}, labels=labels)
        before, started = peak_memory_bytes(), time.perf_counter()
        evaluate(EvaluateInputs(plan, subject, facts, prepared=folder, test_set_uses=1), work=folder)
        seconds = time.perf_counter() - started
    found = {"before": before, "peak": peak_memory_bytes(), "seconds": seconds, "text": n_bytes}
    print(json.dumps(found))


def measured(task: str, n: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "child", task, str(n)], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {task} {n}: {found}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [100, 1_000, 10_000]
    lines = [
        "# Memory of an evaluation",
        "",
        f"`python benchmarks/evaluation_memory.py`, {time.strftime('%Y-%m-%d')}, {processor()}, Python "
        f"{platform.python_version()}, torch {torch.__version__}. Peak memory of a process that only evaluates, MB.",
        "",
        "| | test rows | their text | peak | more than with the fewest rows | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for task in SYSTEMS:
        least = 0.0
        for n in sizes:
            found = measured(task, n)
            least = least or found["peak"]
            lines.append(
                f"| {task} | {n:,} | {found['text'] / 1e6:.2f} | {found['peak'] / 1e6:,.0f} "
                f"| {(found['peak'] - least) / 1e6:,.0f} | {found['seconds']:.0f} |"
            )
    text = "\n".join([*lines, ""])
    (HERE / "results" / "evaluation_memory.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child("classify" if sys.argv[2] == "classify" else "generate", int(sys.argv[3]))
    else:
        main()

"""Scoring the 77 labels of banking77: ours beside lm-evaluation-harness's HF model, on the same tokens, in turns.

In: nothing; banking77 from ../shared/data and SmolLM2-135M from the starter models. Out: tables on stdout and in
results/labels.md: processor seconds a row, how many rows choose the same label, and what each rule of
evaluate.label_scoring scores. lm-evaluation-harness comes from another environment, named by TUNEWRIGHT_PEERS_LM (its
python). With OMP_NUM_THREADS=1 the seconds are those of one core, whoever works beside.
usage: python benchmarks/labels.py [PEER_ROWS_WITH_LIST [PEER_ROWS_WITHOUT [ROWS]]]
"""

from __future__ import annotations

import csv
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from first_run import SHARED, processor  # noqa: E402

from tunewright.core.events import null_tracker  # noqa: E402
from tunewright.core.values import Message  # noqa: E402
from tunewright.model.card import model_card  # noqa: E402
from tunewright.model.constrained import constrained_labels  # noqa: E402
from tunewright.model.label_answers import label_scores  # noqa: E402
from tunewright.model.label_scores import label_log_probabilities  # noqa: E402
from tunewright.model.label_trie import label_ids  # noqa: E402
from tunewright.model.load import Loaded, load_model  # noqa: E402
from tunewright.model.starter import add_starter  # noqa: E402
from tunewright.text.encode import encode_prompt  # noqa: E402
from tunewright.text.render import label_question  # noqa: E402

STARTER = "smollm2-135m-instruct"
TARGET_ROWS = 500
"""What the seconds are scaled to."""
N_RULES = 40
"""Rows of each set on which the rules are held against each other."""
Question = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """One prompt, both ways."""

    words: str
    n_tokens: float
    ours_seconds: float
    """A row."""
    ours_rows: int
    theirs_seconds: float
    theirs_rows: int
    n_same: int
    """Of their rows: the same label by sums, and by bytes."""
    furthest: float
    """Largest difference of two log-probabilities."""
    version: str


def theirs(python: str, folder: Path, loaded: Loaded, questions: list[Question], ids: list[Any]) -> dict[str, Any]:
    prompts = [encode_prompt(q, tokenizer=loaded.tokenizer).ids for q in questions]
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "requests.json"
        path.write_text(json.dumps([[prompt, label] for prompt in prompts for label in ids]), encoding="utf-8")
        command = [python, str(HERE / "labels_peer.py"), str(folder), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"lm-evaluation-harness failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def beside(
    words: str, loaded: Loaded, folder: Path, questions: list[Question], labels: list[str], *, n_theirs: int
) -> Beside | None:
    """Ours on all questions, theirs on the first of them: half before, half after."""
    python, ids = (
        os.environ.get("TUNEWRIGHT_PEERS_LM"),
        [list(some) for some in label_ids(labels, tokenizer=loaded.tokenizer)],
    )
    half = -(-n_theirs // 2)
    parts = [questions[:half], questions[half:n_theirs]]
    their: list[dict[str, Any]] = []
    for i, part in enumerate(parts):
        if python and part:
            their.append(theirs(python, folder, loaded, part, ids))
            print(f"  {words}: theirs {their[-1]['seconds'] / len(part):.2f} s a row", file=sys.stderr, flush=True)
        if i == 0:
            started = time.process_time()
            ours_NL = label_log_probabilities(loaded, questions, labels=labels)
            seconds = (time.process_time() - started) / len(questions)
            print(f"  {words}: ours {seconds:.2f} s a row", file=sys.stderr, flush=True)
    if not their:
        return None
    theirs_NL = np.concatenate([np.array(one["log_p"]).reshape(-1, len(labels)) for one in their])
    n_bytes_L = np.array([len(label.encode()) for label in labels])
    mine_NL = ours_NL[:n_theirs]
    is_same_N = (mine_NL.argmax(1) == theirs_NL.argmax(1)) & (
        (mine_NL / n_bytes_L).argmax(1) == (theirs_NL / n_bytes_L).argmax(1)
    )
    n_tokens = float(np.mean([len(encode_prompt(q, tokenizer=loaded.tokenizer)) for q in questions]))
    return Beside(
        words,
        n_tokens,
        seconds,
        len(questions),
        sum(one["seconds"] for one in their) / n_theirs,
        n_theirs,
        int(is_same_N.sum()),
        float(np.abs(mine_NL - theirs_NL).max()),
        their[0]["version"],
    )


def rules(name: str, loaded: Loaded, rows: list[tuple[str, str]]) -> str:
    """A row of the table: how many each rule gets right, and what it takes. rows: text and label."""
    labels = sorted({label for _, label in rows})
    rows = random.Random(0).sample(rows, min(N_RULES, len(rows)))
    questions = [label_question(text, labels=labels) for text, _ in rows]
    started = time.process_time()
    log_p_NL = label_log_probabilities(loaded, questions, labels=labels)
    seconds = [(time.process_time() - started) / len(rows)]
    started = time.process_time()
    chosen = [labels[i] for i in constrained_labels(loaded, questions, labels=labels)]
    seconds.append((time.process_time() - started) / len(rows))
    blank_1L = label_log_probabilities(loaded, [label_question("", labels=labels)], labels=labels)
    of_rule = {
        "sum": log_p_NL,
        "bytes": label_scores(log_p_NL, labels=labels, rule="bytes"),
        "pmi": log_p_NL - blank_1L,
    }
    answers = {rule: [labels[i] for i in scores_NL.argmax(1)] for rule, scores_NL in of_rule.items()}
    right = [sum(a == b for a, (_, b) in zip(some, rows, strict=True)) for some in (*answers.values(), chosen)]
    cells = [name, len(labels), len(rows), *right, *(f"{s:.2f}" for s in seconds)]
    line = f"| {' | '.join(map(str, cells))} |"
    print(line, file=sys.stderr, flush=True)
    return line


def labelled() -> dict[str, list[tuple[str, str]]]:
    """Text and label of every set that lies beside the checkout."""
    with next((SHARED / "banking77").rglob("test.csv")).open(encoding="utf-8", newline="") as file:
        found = {"banking77": [(one["text"], one["category"]) for one in csv.DictReader(file)]}
    with (SHARED / "sms_spam" / "data" / "sms.tsv").open(encoding="utf-8") as lines:
        cells = [line.rstrip("\n").split("\t", 1) for line in lines]
    found["sms_spam"] = [(cell[1], cell[0]) for cell in cells if cell[0] in ("ham", "spam")]
    articles = json.loads(next((SHARED / "pubmedqa").rglob("ori_pqal.json")).read_text(encoding="utf-8"))
    found["pubmedqa (question alone)"] = [(one["QUESTION"], one["final_decision"]) for one in articles.values()]
    return found


def row(one: Beside) -> str:
    scaled = [f"{seconds * TARGET_ROWS / 60:.0f} min" for seconds in (one.ours_seconds, one.theirs_seconds)]
    return (
        f"| {one.words} ({one.n_tokens:.0f} tokens) | {one.ours_seconds:.2f} s ({one.ours_rows} timed; "
        f"{TARGET_ROWS}: {scaled[0]}) | {one.theirs_seconds:.2f} s ({one.theirs_rows} timed; "
        f"{TARGET_ROWS}: {scaled[1]}) "
        f"| {one.theirs_seconds / one.ours_seconds:.1f} times as fast | {one.n_same} of {one.theirs_rows} "
        f"| {one.furthest:.1e} |"
    )


def main() -> None:
    n_with, n_without, n_rows = (int(word) for word in (sys.argv[1:] + ["4", "12", "50"][len(sys.argv) - 1 :])[:3])
    sets = labelled()
    labels = sorted({label for _, label in sets["banking77"]})
    texts = [text for text, _ in random.Random(0).sample(sets["banking77"], n_rows)]
    folder = add_starter(STARTER, tell=null_tracker)
    loaded = load_model(model_card(str(folder), folder=HERE), task="classify", with_head=False)
    label_log_probabilities(loaded, [label_question("a", labels=labels)], labels=labels)  # pays for what stays
    bare: list[Question] = [(Message("user", f"Text: {text}\nLabel:"),) for text in texts]
    listed = [label_question(text, labels=labels) for text in texts]
    found = [
        beside("without the list", loaded, folder, bare, labels, n_theirs=n_without),
        beside("with the list of labels", loaded, folder, listed, labels, n_theirs=n_with),
    ]
    lines = [
        "# Scoring labels",
        "",
        f"`python benchmarks/labels.py {n_with} {n_without} {n_rows}`, {time.strftime('%Y-%m-%d')}, "
        f"{torch.get_num_threads()} of {os.cpu_count()} cores ({processor()}), Python {platform.python_version()}, "
        f"torch {torch.__version__}, float32. {STARTER}, {len(labels)} labels, test questions of banking77. "
        "Processor seconds.",
        "",
    ]
    measured = [one for one in found if one]
    if measured:
        lines += [
            f"lm-evaluation-harness {measured[0].version} (HFLM, batches of 4) is given our tokens, so that both score "
            "the same; rows are alike, so its few are scaled. With the list of labels is how tunewright asks.",
            "",
            "| question | tunewright | lm-evaluation-harness | tunewright is | same labels | logs differ by at most |",
            "|---|---|---|---|---|---|",
            *(row(one) for one in measured),
            "",
        ]
    lines += [
        "Right answers by evaluate.label_scoring, processor seconds a row; sum, bytes and pmi need every label's "
        "likelihood.",
        "",
        "| rows of | labels | rows | sum | bytes | pmi | constrained | likelihoods | constrained |",
        "|---|---|---|---|---|---|---|---|---|",
        *(rules(name, loaded, rows) for name, rows in sets.items()),
        "",
    ]
    text = "\n".join(lines)
    (HERE / "results" / "labels.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

"""What wrong labels cost and what the check of labels wins back: banking77 with a tenth of its labels planted wrong.

In: banking77 beside the checkout, the starter model minilm-l6 where it is installed (else that part is left out).
Out: one table on stdout and in results/label_errors.md. Three seeds, uniform and confusable errors, three linear
classifiers, scored on the untouched test rows. Takes about ten minutes on two cores.
Axes: N rows, H features.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from threadpoolctl import threadpool_limits

from tunewright.prepare.checks.label_errors import doubts
from tunewright.text.doubts import suspects
from tunewright.text.keywords import keyword_features, keyword_model

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("TUNEWRIGHT_SHARED", str(HERE.parents[1] / "shared"))) / "data/banking77/banking_data"
SHARE = 0.1
SEEDS = (0, 1, 2)
SCALE = 20.0
"""Length that unit vectors are brought to, so that a plain C means the same for all."""

Classifier = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Train rows by position, the labels of all train rows -> the answer to every test row."""


@dataclass(frozen=True, slots=True)
class Data:
    texts: list[str]
    labels_N: np.ndarray
    test_texts: list[str]
    test_labels_N: np.ndarray


@dataclass(frozen=True, slots=True)
class Line:
    """One classifier, one kind of error, all seeds together."""

    classifier: str
    kind: str
    clean: float
    noisy: float
    left_out: float
    mended: float
    p_left_out: float
    p_mended: float


def data() -> Data:
    rows = []
    for name in ("train", "test"):
        with (SHARED / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows.append([(row["text"], row["category"]) for row in csv.DictReader(file)])
    names = sorted({label for _, label in rows[0]})
    (texts, labels), (test_texts, test_labels) = (
        ([text for text, _ in part], np.array([names.index(label) for _, label in part])) for part in rows
    )
    return Data(texts, labels, test_texts, test_labels)


def planted(of: Data, *, kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels with a tenth of them wrong, and which rows those are."""
    rng = np.random.default_rng(seed)
    right = of.labels_N
    n_labels = int(right.max()) + 1
    wrong = rng.choice(len(right), int(SHARE * len(right)), replace=False)
    labels = right.copy()
    if kind == "uniform":
        labels[wrong] = (right[wrong] + rng.integers(1, n_labels, len(wrong))) % n_labels
        return labels, wrong
    features = keyword_features(of.texts).fit_transform(of.texts).tocsr()
    means = np.stack([np.asarray(features[right == c].mean(0)).ravel() for c in range(n_labels)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    near = np.argsort(-(means @ means.T - 2 * np.eye(n_labels)), axis=1)[:, :3]
    labels[wrong] = near[right[wrong], rng.integers(0, 3, len(wrong))]
    return labels, wrong


def classifiers(of: Data) -> Iterator[tuple[str, Classifier]]:
    features = keyword_features(of.texts).fit(of.texts)
    words, test_words = (features.transform(texts).tocsr() for texts in (of.texts, of.test_texts))
    yield "keyword model", lambda rows, labels: keyword_model(0).fit(words[rows], labels[rows]).predict(test_words)
    directions = make_pipeline(TruncatedSVD(200, random_state=0), Normalizer()).fit(words)
    yield "200 directions of its features", linear(directions.transform(words), directions.transform(test_words), c=0.3)
    vectors = minilm(of.texts + of.test_texts)
    if vectors is not None:
        n = len(of.texts)
        yield "vectors of minilm-l6", linear(vectors[:n], vectors[n:], c=0.1)


def linear(x_NH: np.ndarray, test_NH: np.ndarray, *, c: float) -> Classifier:
    def answers(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        model = LogisticRegression(C=c, max_iter=200, tol=1e-3).fit(SCALE * x_NH[rows], labels[rows])
        return np.asarray(model.predict(SCALE * test_NH))

    return answers


def minilm(texts: list[str]) -> np.ndarray | None:
    """Unit vectors, mean pooled; None when the model is not on this machine."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folders = list((Path.home() / ".cache/tunewright/models").glob("minilm-l6-*"))
    if not folders:
        return None
    tokenizer, model = AutoTokenizer.from_pretrained(folders[0]), AutoModel.from_pretrained(folders[0]).eval()
    out = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            batch = tokenizer(
                [texts[i] for i in some], padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
            out[some] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def lines(of: Data, *, kind: str, found: list[tuple[np.ndarray, np.ndarray, np.ndarray]], each: Any) -> Iterator[Line]:
    """found: for each seed the noisy labels, the suspects and the mended labels."""
    everything = np.arange(len(of.texts))
    for name, answers in each:
        right: list[list[np.ndarray]] = [[], [], []]
        for labels, out, mended in found:
            tried = ((everything, labels), (np.setdiff1d(everything, out), labels), (everything, mended))
            for of_how, (rows, taught) in zip(right, tried, strict=True):
                of_how.append(answers(rows, taught) == of.test_labels_N)
        noisy, left_out, whole = (np.concatenate(some) for some in right)
        clean = float((answers(everything, of.labels_N) == of.test_labels_N).mean())
        yield Line(
            *(name, kind, clean, noisy.mean(), left_out.mean(), whole.mean()), p(left_out, noisy), p(whole, noisy)
        )


def p(after: np.ndarray, before: np.ndarray) -> float:
    """Exact McNemar test, one-sided: more answers became right than wrong."""
    n_up, n_down = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binomtest(n_up, n_up + n_down, alternative="greater").pvalue) if n_up + n_down else 1.0


def table(found: list[Line], ranked: list[str]) -> str:
    head = (
        "# Wrong labels: what they cost, what the check wins back\n\n"
        "banking77, a tenth of the 10,003 train labels planted wrong, accuracy on its 3,080 test rows, mean of three "
        "seeds; p: exact McNemar over all three.\n`python benchmarks/label_errors.py`\n\n"
    )
    body = ["| classifier | errors | clean | noisy | left out | mended | won back |", "|---|---|---|---|---|---|---|"]
    for one in found:
        lost = one.clean - one.noisy
        tried = ((one.left_out, one.p_left_out), (one.mended, one.p_mended))
        won = [f"{(accuracy - one.noisy) / lost:.0%} (p {chance:.1g})" for accuracy, chance in tried]
        body.append(
            f"| {one.classifier} | {one.kind} | {one.clean:.3f} | {one.noisy:.3f} | {one.left_out:.3f} "
            f"| {one.mended:.3f} | left out {won[0]}, mended {won[1]} |"
        )
    return head + "\n".join([*body, "", *ranked]) + "\n"


def main() -> None:
    if not SHARED.is_dir():
        raise SystemExit(f"banking77 is not at {SHARED}")
    of = data()
    made, ranked = [], []
    with threadpool_limits(2):
        each = list(classifiers(of))
        for kind in ("uniform", "confusable"):
            found, scores = [], []
            for seed in SEEDS:
                labels, wrong = planted(of, kind=kind, seed=seed)
                doubted = doubts(of.texts, labels.tolist(), seed=0)
                out, mended = suspects(doubted, labels), labels.copy()
                mended[out] = doubted.best_N[out]
                is_wrong = np.isin(np.arange(len(labels)), wrong)
                top = np.argsort(-doubted.doubt_N)[: len(wrong)]
                scores.append(
                    (average_precision_score(is_wrong, doubted.doubt_N), is_wrong[top].mean(), len(out) / len(labels))
                )
                found.append((labels, out, mended))
            ap, at_k, rate = np.mean(scores, axis=0)
            ranked.append(
                f"{kind}: average precision {ap:.3f}, precision@k {at_k:.3f}, {rate:.3f} of the rows flagged.  "
            )
            for line in lines(of, kind=kind, found=found, each=each):
                made.append(line)
                sys.stderr.write(f"{line}\n")
    text = table(made, ranked)
    sys.stdout.write(text)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "label_errors.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

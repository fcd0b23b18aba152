"""Wrong labels: planted ones are found, at the rates that were promised, with a fresh seed each time."""

from __future__ import annotations

import csv
import secrets
import sys
from typing import Any

import numpy as np
import pytest

from tests.shared_data import shared_data
from tests.unit.prepare.some_rows import labelled
from tunewright.core.values import Action
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.label_errors import FOLDS, doubts, look
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.keys import keyed
from tunewright.text.keywords import keyword_features

SHARE = 0.1
"""Of the labels that are planted wrong."""
TOPICS = {"refund": "money back refund pay", "delivery": "parcel courier late van", "login": "password account sign in"}


def banking() -> tuple[list[str], np.ndarray]:
    path = shared_data("banking77/banking_data/train.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    names = sorted({label for _, label in rows})
    return [text for text, _ in rows], np.array([names.index(label) for _, label in rows])


def uniform(labels: np.ndarray, wrong: np.ndarray, rng: np.random.Generator, texts: list[str]) -> np.ndarray:
    n = int(labels.max()) + 1
    return (labels[wrong] + rng.integers(1, n, len(wrong))) % n


def confusable(labels: np.ndarray, wrong: np.ndarray, rng: np.random.Generator, texts: list[str]) -> np.ndarray:
    """One of the three labels whose texts use the most similar words."""
    features = keyword_features(texts).fit_transform(texts).tocsr()
    means = np.stack([np.asarray(features[labels == c].mean(0)).ravel() for c in range(int(labels.max()) + 1)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    near = np.argsort(-(means @ means.T - 2 * np.eye(len(means))), axis=1)[:, :3]
    return near[labels[wrong], rng.integers(0, 3, len(wrong))]


@pytest.mark.parametrize(("plant", "least"), [(uniform, 0.80), (confusable, 0.60)])
def test_doubts_ranks_planted_errors_first_and_counts_them(plant: Any, least: float) -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    texts, right = banking()
    wrong = rng.choice(len(texts), int(SHARE * len(texts)), replace=False)
    labels = right.copy()
    labels[wrong] = plant(right, wrong, rng, texts)
    found = doubts(texts, labels.tolist(), seed=0)
    top = np.argsort(-found.loss_N)[: len(wrong)]
    precision, rate = float(np.isin(top, wrong).mean()), found.n_wrong / len(texts)
    sys.stdout.write(f"seed {seed}, {plant.__name__}: precision@k {precision:.3f}, noise rate {rate:.3f}\n")
    assert precision >= least, seed
    assert abs(rate - SHARE) <= 0.03, seed


def rows_of(n: int, *, n_wrong: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        topic = list(TOPICS)[i % 3]
        text = " ".join(rng.permutation([*TOPICS[topic].split(), f"word{i % 17}", f"name{i % 23}"]))
        made.append((text, list(TOPICS)[(i + 1) % 3] if i < n_wrong else topic))
    return made


def found(n: int, *, n_wrong: int, action: Action = "report") -> Found:
    rows = keyed(labelled(rows_of(n, n_wrong=n_wrong)))
    return look(Look("classify", "split", {"train": rows, "test": rows[:1]}, checked_actions({"label_errors": action})))


def test_label_errors_names_the_wrong_ones_with_the_label_they_look_like() -> None:
    made = found(300, n_wrong=6)
    (finding,) = made.findings
    assert set(finding.row_ids) == {f"train:{i}" for i in range(2, 8)}
    assert {s.suggestion for s in made.suspects if s.row_id == "train:2"} == {"refund"}
    assert not made.dropped
    assert not made.repaired


def test_label_errors_drops_or_relabels_train_rows_when_asked() -> None:
    assert len(found(300, n_wrong=6, action="drop").dropped) == 6
    mended = found(300, n_wrong=6, action="fix").repaired
    assert mended["train:2"].label == "refund"
    assert len(mended) == 6


def test_label_errors_says_nothing_of_right_labels_and_does_not_look_at_few() -> None:
    assert not found(300, n_wrong=0).findings
    assert "it needs 200 train rows" in found(60, n_wrong=2).not_run


def test_label_errors_leaves_labels_out_that_have_fewer_rows_than_folds() -> None:
    rows = rows_of(300, n_wrong=0) + [("something rare", "rare")] * (FOLDS - 1)
    shown = Look("classify", "split", {"train": keyed(labelled(rows))}, checked_actions({}))
    assert not look(shown).findings

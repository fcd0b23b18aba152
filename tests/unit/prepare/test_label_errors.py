"""Wrong labels: planted ones are found, at the rates that were promised, with a fresh seed each time."""

from __future__ import annotations

import csv
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from scipy.stats import binomtest
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from threadpoolctl import threadpool_limits

from tests.shared_data import shared_data
from tests.unit.prepare.some_rows import labelled
from tunewright.core.values import Action
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.label_errors import FOLDS, doubts, look
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.keys import keyed
from tunewright.text.doubts import doubts_of, suspects
from tunewright.text.keywords import keyword_features, keyword_model

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
    top = np.argsort(-found.doubt_N)[: len(wrong)]
    precision, rate = float(np.isin(top, wrong).mean()), found.n_wrong / len(texts)
    sys.stdout.write(f"seed {seed}, {plant.__name__}: precision@k {precision:.3f}, noise rate {rate:.3f}\n")
    assert precision >= least, seed
    assert abs(rate - SHARE) <= 0.03, seed


N_LABELS = 20
"""Of banking77's 77, where a model is taught many times."""


def planted(plant: Any, seed: int) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Texts of the first labels, the right labels, those with a tenth of them wrong, and which are."""
    rng = np.random.default_rng(seed)
    everything, all_right = banking()
    some = np.flatnonzero(all_right < N_LABELS)
    texts, right = [everything[i] for i in some], all_right[some]
    wrong = rng.choice(len(texts), int(SHARE * len(texts)), replace=False)
    labels = right.copy()
    labels[wrong] = plant(right, wrong, rng, texts)
    return texts, right, labels, wrong


@pytest.mark.parametrize("plant", [uniform, confusable])
def test_doubts_ranks_no_worse_than_any_method_of_cleanlab_on_the_same_probabilities(plant: Any) -> None:
    """On the mean of three draws: one alone lies between .003 above and .010 below (15 confusable ones)."""
    ours: list[float] = []
    theirs: dict[str, list[float]] = {"self_confidence": [], "normalized_margin": [], "confidence_weighted_entropy": []}
    seeds = [secrets.randbits(32) for _ in range(3)]
    for seed in seeds:
        texts, _, labels, wrong = planted(plant, seed)
        model = make_pipeline(keyword_features(texts), keyword_model(0))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        p_NC = cross_val_predict(model, texts, labels, cv=folds, method="predict_proba")
        is_wrong = np.isin(np.arange(len(texts)), wrong)
        ours.append(average_precision_score(is_wrong, doubts_of(p_NC, labels).doubt_N))
        for method, found in theirs.items():
            quality = get_label_quality_scores(labels, p_NC, method=method)
            found.append(average_precision_score(is_wrong, -quality))
    means = {method: float(np.mean(found)) for method, found in theirs.items()}
    told = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    sys.stdout.write(f"seeds {seeds}, {plant.__name__}: average precision {np.mean(ours):.3f}; cleanlab's {told}\n")
    assert np.mean(ours) >= max(means.values()) - 0.01, (seeds, ours, theirs)


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Two threads that wait for each other on busy cores make small matrix products many times slower."""
    with threadpool_limits(1):
        yield


@pytest.mark.usefixtures("_one_thread")
def test_leaving_out_or_mending_the_suspects_wins_back_half_of_what_wrong_labels_cost() -> None:
    """A linear classifier over 100 directions of the keyword features, scored on banking77's own test rows. Over three
    draws: one alone wins back .36 to .98 of what was lost, three .60 to .89 (59 draws, 30 November 2026)."""
    seed = secrets.randbits(32)
    with shared_data("banking77/banking_data/test.csv").open(encoding="utf-8", newline="") as file:
        tests = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    names = sorted({label for _, label in tests})[:N_LABELS]
    tests = [(text, label) for text, label in tests if label in names]
    tested = np.array([names.index(label) for _, label in tests])
    texts, right, _, _ = planted(uniform, seed)
    directions = make_pipeline(keyword_features(texts), TruncatedSVD(100, random_state=0), Normalizer()).fit(texts)
    x_NH, x_test = 20 * directions.transform(texts), 20 * directions.transform([text for text, _ in tests])

    def is_right(labels: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        model = LogisticRegression(C=0.3, max_iter=100, tol=1e-3).fit(x_NH[rows], labels[rows])
        return np.asarray(model.predict(x_test) == tested)

    n_clean, n_lost = is_right(right).sum(), 0
    won, n_up, n_down = Counter[str](), Counter[str](), Counter[str]()
    for number in (seed, seed + 1, seed + 2):
        _, _, labels, _ = planted(uniform, number)
        doubted = doubts(texts, labels.tolist(), seed=0)
        found = suspects(doubted, labels)
        mended = labels.copy()
        mended[found] = doubted.best_N[found]
        noisy = is_right(labels)
        n_lost += n_clean - noisy.sum()
        others = np.setdiff1d(np.arange(len(texts)), found)
        for how, after in (("left out", is_right(labels, others)), ("mended", is_right(mended))):
            won[how] += after.sum() - noisy.sum()
            n_up[how] += (after & ~noisy).sum()
            n_down[how] += (noisy & ~after).sum()
    for how in ("left out", "mended"):
        p_value = binomtest(int(n_up[how]), int(n_up[how] + n_down[how]), alternative="greater").pvalue
        sys.stdout.write(f"seed {seed}, {how}: {won[how]} of {n_lost} answers won back, p = {p_value:.2g}\n")
        assert won[how] >= 0.5 * n_lost, seed
        assert p_value < 0.05, seed


def test_doubts_learns_from_a_label_that_is_doubted_as_a_whole() -> None:
    """Every row of it looks like another label; without any of them the second model could never say it."""
    rows = rows_of(300, n_wrong=0) + [(text, "other") for text, label in rows_of(30, n_wrong=0) if label == "refund"]
    names = sorted({label for _, label in rows})
    doubted = doubts([text for text, _ in rows], [names.index(label) for _, label in rows], seed=0)
    assert np.isfinite(doubted.doubt_N).all()
    assert doubted.doubt_N.max() < 20, "its probability is not 0"


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


def looked_at(rows: list[tuple[str, str]]) -> Found:
    return look(Look("classify", "split", {"train": keyed(labelled(rows))}, checked_actions({})))


def test_label_errors_says_why_it_did_not_look_when_the_rows_it_drew_leave_too_few_of_each_label() -> None:
    made = looked_at([(f"word{i % 97} and name{i}", f"label {i // 6}") for i in range(60_000)])
    assert "10,000 labels are too many: of the 80 train rows that it can look at" in made.not_run
    assert not made.findings


def test_label_errors_looks_only_at_labels_that_still_have_enough_rows_among_those_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = rows_of(600, n_wrong=6) + [(f"something rare {i}", "rare") for i in range(FOLDS)]
    monkeypatch.setattr("tunewright.prepare.checks.label_errors.MOST_CELLS", 4 * 300)
    (finding,) = looked_at(rows).findings
    assert set(finding.row_ids) <= {f"train:{i}" for i in range(2, 8)}
    assert "drawn of 605" in finding.message
    assert "300 drawn" not in finding.message, "the rare ones among the 300 are not looked at"


def test_labels_that_do_not_follow_from_the_texts_are_not_called_wrong_rows() -> None:
    seed = secrets.randbelow(10**6)
    sys.stdout.write(f"seed {seed}\n")
    draw = np.random.default_rng(seed)
    words = [f"word{i}" for i in range(60)]
    rows = labelled([(" ".join(draw.choice(words, 6)), "abcd"[draw.integers(4)]) for _ in range(400)])
    (finding,) = look(Look("classify", "split", {"train": keyed(rows)}, checked_actions({}))).findings
    assert "is it the right column?" in finding.suggestion
    assert "drop" not in finding.suggestion

"""The rivals that need no language model answer as a plain scikit-learn pipeline would, and fast."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from tests.shared_data import shared_data
from tunewright.core.errors import EvalError
from tunewright.core.values import Row
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.rivals.probe import cosine_predictions, probe_predictions
from tunewright.evaluate.rivals.simple import majority_predictions, tfidf_predictions

LABELS = ("card", "cash", "fee")
TRAIN = tuple(
    Row(f"train:{i}", text=text, label=label)
    for i, (text, label) in enumerate(
        [
            ("my card is lost", "card"),
            ("a new card please", "card"),
            ("the card was stolen", "card"),
            ("cash from the machine", "cash"),
            ("no cash came out", "cash"),
            ("what is the fee", "fee"),
            ("why this fee fee fee, not the card", "fee"),
        ]
    )
)
TEST = (
    Row("test:1", text="where is my card", label="card"),
    Row("test:2", text="a fee fee fee fee again, card", label="fee"),
    Row("test:3", text="cash cash", label="cash"),
    Row("test:4", text="my card and my loan", label="loan"),
)
"""The label loan is unseen in train."""


def test_tfidf_equals_a_plain_pipeline_of_the_same_options() -> None:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    model = OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear", tol=1e-8, max_iter=10_000))
    pipeline = make_pipeline(words, model).fit([r.text for r in TRAIN], [r.label for r in TRAIN])
    found = tfidf_predictions(TRAIN, TEST, labels=LABELS, seed=0)
    expected = pipeline.predict_proba([r.text for r in TEST])
    np.testing.assert_allclose([p.probabilities for p in found], expected, atol=0.005)  # the solver's own tolerance
    assert [p.answer for p in found] == list(pipeline.predict([r.text for r in TEST]))


def test_tfidf_probabilities_sum_to_one_and_repeat_with_the_same_seed() -> None:
    found = tfidf_predictions(TRAIN, TEST, labels=LABELS, seed=3)
    assert [sum(p.probabilities) for p in found] == pytest.approx([1.0] * len(TEST))
    assert found == tfidf_predictions(TRAIN, TEST, labels=LABELS, seed=3)


def test_a_label_unseen_in_train_is_scored_wrong_for_every_rival() -> None:
    for found in (
        tfidf_predictions(TRAIN, TEST, labels=LABELS, seed=0),
        majority_predictions(TRAIN, TEST, labels=LABELS),
    ):
        assert found[3].reference == "loan"
        assert found[3].answer in LABELS
        measured = metrics(found, task="classify", labels=LABELS)
        assert (measured["accuracy"].n, measured["log_loss"].n) == (4, 3)
        assert measured["accuracy"].value <= 0.75


def test_majority_answers_the_most_common_label_with_trains_shares() -> None:
    found = majority_predictions(TRAIN, TEST, labels=LABELS)
    assert {p.answer for p in found} == {"card"}
    assert found[0].probabilities == pytest.approx((3 / 7, 2 / 7, 2 / 7))


def test_tfidf_falls_back_on_shares_when_there_is_nothing_to_tell_apart() -> None:
    one_class = tfidf_predictions(TRAIN[:3], TEST, labels=LABELS, seed=0)
    assert tuple(one_class[0].probabilities) == (1.0, 0.0, 0.0)
    no_words = tuple(Row(f"train:{i}", text="?!", label=label) for i, label in enumerate(("card", "fee", "fee")))
    assert {p.answer for p in tfidf_predictions(no_words, TEST, labels=LABELS, seed=0)} == {"fee"}


def test_tfidf_reads_characters_when_the_script_has_no_spaces() -> None:
    train = tuple(
        Row(f"train:{i}", text=t, label=c) for i, (t, c) in enumerate([("我的卡丢了", "card"), ("为什么收费", "fee")])
    )
    found = tfidf_predictions(train, (Row("test:1", text="新的卡", label="card"),), labels=("card", "fee"), seed=0)
    assert found[0].answer == "card"


def test_rivals_say_so_when_no_train_row_has_a_label() -> None:
    for rival in (majority_predictions, lambda *a, **k: tfidf_predictions(*a, **k, seed=0)):
        with pytest.raises(EvalError, match="no labelled train row"):
            rival((Row("train:1", text="a"),), TEST, labels=LABELS)


def test_cosine_answers_the_nearest_name_whatever_the_vectors_lengths() -> None:
    names = np.array([[1, 0], [0, 5], [-3, 0]], dtype=np.float32)
    vectors = np.array([[2, 1], [0.1, 0.2], [-1, 0.5], [0, 0]], dtype=np.float32)
    found = cosine_predictions(TEST, vectors_NH=vectors, names_CH=names, labels=LABELS)
    assert [p.answer for p in found[:3]] == ["card", "cash", "fee"]
    assert found[3].probabilities == ()


def test_linear_probe_equals_sklearn_on_unit_vectors_and_leaves_unseen_labels_at_zero() -> None:
    random = np.random.default_rng(0)
    centres = np.eye(2, 4)
    kinds = np.arange(40) % 2
    vectors = (centres[kinds] * 2 + random.normal(size=(40, 4)) * 0.3).astype(np.float32)
    names = [("card", "fee")[k] for k in kinds]
    found = probe_predictions(
        TEST, vectors_NH=vectors[:4], train=(vectors, names), validation=(vectors[:0], []), labels=LABELS
    )
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    model = LogisticRegression(C=10.0, max_iter=1000).fit(units, names)
    expected = np.insert(model.predict_proba(units[:4]), 1, 0.0, axis=1)
    np.testing.assert_allclose([p.probabilities for p in found], expected, atol=1e-6)
    assert [p.answer for p in found] == ["card", "fee", "card", "fee"]


def test_tfidf_reaches_its_known_accuracy_on_banking77() -> None:
    """89.7 % of 3,080 with words and word pairs; published for TF-IDF + logistic regression: 89.06 %."""
    train, test = (_banking(shared_data(f"banking77/banking_data/{split}.csv")) for split in ("train", "test"))
    labels = tuple(sorted({str(row.label) for row in train}))
    found = tfidf_predictions(train, test, labels=labels, seed=0)
    measured = metrics(found, task="classify", labels=labels)
    assert (len(train), len(test), len(labels)) == (10_003, 3_080, 77)
    assert measured["accuracy"].value == pytest.approx(0.8971, abs=0.002)
    assert measured["log_loss"].value == pytest.approx(0.570, abs=0.005)


def _banking(path: Path) -> tuple[Row, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Row(f"{path.stem}:{i}", text=r["text"], label=r["category"]) for i, r in enumerate(csv.DictReader(file))
        )

"""Metrics of several labels against scikit-learn and hand-made values; comparisons; the rivals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, hamming_loss

from tunewright.core.label_sets import set_text
from tunewright.core.values import Metric, Prediction, Row
from tunewright.evaluate.metrics import metrics, per_label
from tunewright.evaluate.rivals.label_sets import (
    common_set_predictions,
    keyword_set_predictions,
    set_probe_predictions,
    sets,
)
from tunewright.evaluate.score import row_scores
from tunewright.evaluate.statistics.compare import compare

LABELS = ("damaged", "late", "rude")


def answered(references: Sequence[str | None], answers: Sequence[str], *, system: str = "tuned") -> list[Prediction]:
    """Each set by the first letters of its labels: dl is damaged and late."""
    by_letter = {name[0]: name for name in (*LABELS, "unseen")}
    return [
        Prediction(
            f"test:{i}",
            system,
            answer=set_text(by_letter[c] for c in answer),
            reference="" if reference is None else set_text(by_letter[c] for c in reference),
        )
        for i, (reference, answer) in enumerate(zip(references, answers, strict=True))
    ]


def measured(references: Sequence[str | None], answers: Sequence[str]) -> dict[str, Metric]:
    return metrics(answered(references, answers), task="multilabel", labels=LABELS)


def hot(letters: Sequence[str]) -> np.ndarray:
    return np.array([[name[0] in one for name in LABELS] for one in letters], dtype=int)


DRAWN = np.random.default_rng(0)
REFERENCES = ["".join(c for c in "dlr" if DRAWN.random() < 0.5) for _ in range(60)]
ANSWERS = ["".join(c for c in "dlr" if (c in one) != (DRAWN.random() < 0.2)) for one in REFERENCES]
WORSE = ["".join(c for c in "dlr" if (c in one) != (DRAWN.random() < 0.45)) for one in REFERENCES]


def test_metrics_of_several_labels_are_those_of_scikit_learn() -> None:
    found, y, p = measured(REFERENCES, ANSWERS), hot(REFERENCES), hot(ANSWERS)
    assert list(found) == ["f1_micro", "f1_macro", "subset_accuracy", "hamming_loss"]
    assert found["f1_micro"].value == pytest.approx(f1_score(y, p, average="micro"))
    assert found["f1_macro"].value == pytest.approx(f1_score(y, p, average="macro"))
    assert found["subset_accuracy"].value == pytest.approx(accuracy_score(y, p))
    assert found["hamming_loss"].value == pytest.approx(hamming_loss(y, p))
    assert {metric.n for metric in found.values()} == {60}
    assert all(metric.ci95[0] < metric.value < metric.ci95[1] for metric in found.values())


def test_metrics_of_several_labels_by_hand() -> None:
    """dl for d, nothing for l, r for r, nothing for nothing: right 2, referenced 3, answered 3; one row of four differs
    in two places less: wrong l, missed l."""
    found = measured(["d", "l", "r", ""], ["dl", "", "r", ""])
    assert found["f1_micro"].value == pytest.approx(2 * 2 / (3 + 3))
    assert found["f1_macro"].value == pytest.approx((1 + 0 + 1) / 3)
    assert found["subset_accuracy"].value == pytest.approx(2 / 4)
    assert found["hamming_loss"].value == pytest.approx(2 / (4 * 3))


def test_a_label_that_train_does_not_know_is_missed() -> None:
    found = measured(["du", "l"], ["d", "l"])
    assert found["f1_micro"].value == pytest.approx(2 * 2 / (3 + 2))
    assert found["f1_macro"].value == pytest.approx(2 / 3)
    assert found["hamming_loss"].value == pytest.approx(1 / 6)
    reports = per_label(answered(["du", "l"], ["d", "l"]), LABELS)
    assert list(reports) == [*LABELS, "unseen"]
    assert (reports["unseen"]["recall"], reports["unseen"]["n"]) == (0.0, 1)
    assert math.isnan(reports["rude"]["f1"]) or reports["rude"]["n"] == 0


def test_rows_without_any_label_are_measured_and_rows_without_a_reference_are_not() -> None:
    found = measured(["", None], ["", "d"])
    assert (found["subset_accuracy"].value, found["subset_accuracy"].n) == (1.0, 1)
    assert found["hamming_loss"].value == 0.0
    assert math.isnan(found["f1_micro"].value), "nothing to find and nothing found: there is no F1"
    assert (found["f1_micro"].n, bool(found["f1_micro"].reason)) == (0, True)
    nothing = measured([None], ["d"])
    assert all(math.isnan(metric.value) and metric.n == 0 and metric.reason for metric in nothing.values())


def test_a_row_of_several_labels_has_scores_of_its_own() -> None:
    [row] = answered(["dl"], ["d"])
    found = {score.metric: score.value for score in row_scores(row, task="multilabel", labels=LABELS)}
    assert found == {
        "f1_micro": pytest.approx(2 / 3),
        "subset_accuracy": 0.0,
        "hamming_loss": pytest.approx(1 / 3),
    }


@pytest.mark.parametrize("metric", ["f1_micro", "f1_macro", "subset_accuracy", "hamming_loss"])
def test_comparison_of_several_labels_finds_the_better_system(metric: str) -> None:
    pair = answered(REFERENCES, ANSWERS), answered(REFERENCES, WORSE, system="majority")
    found = compare(*pair, metric=metric, task="multilabel", labels=LABELS, seed=0)
    y = hot(REFERENCES)
    mine, other = (
        {
            "f1_micro": lambda p: f1_score(y, p, average="micro"),
            "f1_macro": lambda p: f1_score(y, p, average="macro"),
            "subset_accuracy": lambda p: accuracy_score(y, p),
            "hamming_loss": lambda p: hamming_loss(y, p),
        }[metric](hot(letters))
        for letters in (ANSWERS, WORSE)
    )
    assert found.difference == pytest.approx(mine - other)
    assert found.verdict == "better"
    assert found.ci95[0] <= found.difference <= found.ci95[1]
    same = compare(pair[0], answered(REFERENCES, ANSWERS, system="x"), metric=metric, task="multilabel", labels=LABELS)
    assert (same.difference, same.p_value, same.verdict) == (0.0, 1.0, "not distinguishable")


def test_comparison_without_a_label_anywhere_is_not_made() -> None:
    pair = answered(["", ""], ["", ""]), answered(["", ""], ["", ""], system="majority")
    found = compare(*pair, metric="f1_micro", task="multilabel", labels=LABELS)
    assert math.isnan(found.difference)
    assert found.test.startswith("not run: ")


def rows(*pairs: tuple[str, str], of: str = "train") -> tuple[Row, ...]:
    by_letter = {name[0]: name for name in LABELS}
    return tuple(
        Row(f"{of}:{i}", text=text, label=set_text(by_letter[c] for c in letters))
        for i, (text, letters) in enumerate(pairs, 1)
    )


TEST = rows(("it is broken", "d"), ("it came late and broken", "dl"), ("all is well", ""), of="test")


def test_most_common_set_is_answered_with_each_labels_share() -> None:
    train = rows(("a", "dl"), ("b", "dl"), ("c", "d"), ("d", ""))
    found = common_set_predictions(train, TEST, labels=LABELS)
    assert {p.answer for p in found} == {'["damaged", "late"]'}
    assert {p.probabilities for p in found} == {(0.75, 0.5, 0.0)}
    assert [p.reference for p in found] == ['["damaged"]', '["damaged", "late"]', "[]"]


def test_keyword_model_finds_each_label_by_its_words() -> None:
    said = {"d": "broken", "l": "late", "r": "rude"}
    train = rows(
        *((" ".join(said[c] for c in s) + f" well {i}", s) for i in range(6) for s in ("d", "l", "r", "dl", ""))
    )
    found = keyword_set_predictions(train, TEST, labels=LABELS, seed=0)
    assert [p.answer for p in found] == ['["damaged"]', '["damaged", "late"]', "[]"]


def test_keyword_model_answers_trains_shares_without_a_word() -> None:
    found = keyword_set_predictions(rows((":)", "d"), (":(", "dl")), TEST, labels=LABELS, seed=0)
    assert {p.answer for p in found} == {'["damaged", "late"]'}
    assert {tuple(p.probabilities) for p in found} == {(1.0, 0.5, 0.0)}


def test_probe_is_one_logistic_regression_a_label() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(40, 4)).astype(np.float32)
    target = (vectors[:, :3] > 0).astype(float)
    found = set_probe_predictions(
        TEST,
        vectors_NH=vectors[:3],
        train=(vectors, target),
        validation=(vectors[:0], target[:0]),
        labels=LABELS,
    )
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for c, label in enumerate(LABELS):
        own = LogisticRegression(C=10.0, max_iter=1000).fit(unit, target[:, c]).predict_proba(unit[:3])[:, 1]
        assert [p.probabilities[c] for p in found] == pytest.approx(own.tolist(), abs=1e-6), label


def test_sets_have_no_column_for_a_label_that_train_does_not_know() -> None:
    [row] = rows(("a", "dr"))
    assert sets([row], labels=("rude",)).tolist() == [[1.0]]

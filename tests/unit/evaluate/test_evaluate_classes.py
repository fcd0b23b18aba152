"""Label metrics equal scikit-learn's, whatever stands in references and answers."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from tunewright.core.values import Prediction
from tunewright.evaluate.metrics import confusion, metrics, per_class

LABELS = ("a", "b", "c")
PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abc")), min_size=1, max_size=40)
"""(reference, answer): the label d is unseen in train, so nobody answers it."""


def answered(pairs: list[tuple[str, str]]) -> list[Prediction]:
    return [Prediction(f"test:{i}", "tuned", answer=a, reference=r) for i, (r, a) in enumerate(pairs)]


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_label_metrics_equal_sklearn_when_labels_are_unseen_or_unanswered(pairs: list[tuple[str, str]]) -> None:
    truth, given_ = [r for r, _ in pairs], [a for _, a in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sklearn warns about answers without references
        expected = {
            "accuracy": oracle.accuracy_score(truth, given_),
            "balanced_accuracy": oracle.balanced_accuracy_score(truth, given_),
            "precision_macro": oracle.precision_score(truth, given_, average="macro", zero_division=0),
            "recall_macro": oracle.recall_score(truth, given_, average="macro", zero_division=0),
            "f1_macro": oracle.f1_score(truth, given_, average="macro", zero_division=0),
            "f1_weighted": oracle.f1_score(truth, given_, average="weighted", zero_division=0),
        }
    found = metrics(answered(pairs), task="classify", labels=LABELS)
    assert {name: metric.value for name, metric in found.items()} == pytest.approx(expected)
    assert all(m.n == len(pairs) and m.ci95[0] <= m.ci95[1] for m in found.values() if len(pairs) > 1)


@settings(max_examples=30, deadline=None)
@given(PAIRS)
def test_confusion_and_per_class_equal_sklearn_when_labels_are_unseen(pairs: list[tuple[str, str]]) -> None:
    truth, given_ = [r for r, _ in pairs], [a for _, a in pairs]
    found = confusion(answered(pairs), LABELS)
    assert found.matrix == tuple(map(tuple, oracle.confusion_matrix(truth, given_, labels=list(found.labels)).tolist()))
    table = per_class(answered(pairs), LABELS)
    assert tuple(table) == found.labels
    columns = oracle.precision_recall_fscore_support(truth, given_, labels=list(found.labels), zero_division=math.nan)
    for name, precision, recall, f1, n in zip(found.labels, *columns, strict=True):
        expected = {"precision": precision, "recall": recall, "f1": f1, "n": n}
        assert table[name] == pytest.approx(expected, nan_ok=True)


def test_log_loss_equals_sklearn_when_every_label_is_known() -> None:
    p = [(0.7, 0.2, 0.1), (0.1, 0.1, 0.8), (0.3, 0.4, 0.3)]
    rows = [Prediction(f"test:{i}", "tuned", answer="a", reference=r, probabilities=p[i]) for i, r in enumerate("acb")]
    found = metrics(rows, task="classify", labels=LABELS, wanted=("log_loss",))["log_loss"]
    assert found.value == pytest.approx(oracle.log_loss(list("acb"), p, labels=list(LABELS)))


def test_metrics_say_nan_with_a_reason_when_no_row_has_a_label() -> None:
    found = metrics([Prediction("test:1", "tuned", answer="a")], task="classify", labels=LABELS)
    assert all(math.isnan(m.value) and m.n == 0 and m.reason and math.isnan(m.ci95[0]) for m in found.values())


def test_metrics_name_the_reason_when_the_task_has_no_such_metric() -> None:
    found = metrics(answered([("a", "a")]), task="classify", labels=LABELS, wanted=("chrf",))["chrf"]
    assert (found.n, "not a metric of classify" in found.reason) == (0, True)

"""Metrics of written answers and likelihoods: by hand, with the rows that count and no others."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tunewright.core.errors import EvalError
from tunewright.core.values import Prediction
from tunewright.evaluate.measures.definition import METRICS, TASK_METRICS
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.score import row_scores

WRITTEN = Prediction(
    "test:1",
    "tuned",
    answer="the cat sat",
    reference="The cat sat.",
    is_stopped=True,
    n_tokens=3,
    reference_nats=8 * math.log(2),
    reference_bytes=16,
    is_end_argmax=True,
)
ONLY_SCORED = Prediction(
    "test:2", "tuned", reference="A dog.", reference_nats=16 * math.log(2), reference_bytes=8, is_end_argmax=False
)
"""Beyond evaluate.limit: a likelihood, no answer."""


def test_bits_per_byte_divides_sums_and_uses_all_rows() -> None:
    found = metrics([WRITTEN, ONLY_SCORED], task="generate")["bits_per_byte"]
    assert (found.value, found.n, found.unit) == (pytest.approx((8 + 16) / (16 + 8)), 2, "bits/byte")
    assert not found.is_higher_better


def test_answer_metrics_leave_out_rows_that_nothing_was_written_for() -> None:
    found = metrics([WRITTEN, ONLY_SCORED], task="generate")
    for name in ("exact_match", "token_f1", "rouge1", "rouge2", "rougeL", "chrf", "stops"):
        assert found[name].n == 1, name
    assert (found["exact_match"].value, found["stops"].value) == (1.0, 1.0)
    assert (found["end_argmax"].value, found["end_argmax"].n) == (0.5, 2)
    assert (found["repetition"].n, found["repetition"].reason) == (0, "no answer has four words")


def test_an_empty_answer_counts_as_wrong_when_it_was_written() -> None:
    found = metrics([replace(WRITTEN, answer="", is_stopped=True)], task="generate")
    assert [(found[name].value, found[name].n) for name in ("exact_match", "token_f1", "rouge1")] == [(0.0, 1)] * 3


def test_every_metric_is_nan_with_a_reason_when_there_is_no_row() -> None:
    for task in TASK_METRICS:
        for metric in metrics([], task=task, wanted=TASK_METRICS[task]).values():
            assert math.isnan(metric.value)
            assert (metric.n, bool(metric.reason), bool(metric.signature)) == (0, True, True)


def test_every_metric_names_how_it_was_made_and_which_interval_it_has() -> None:
    for name, metric in metrics([WRITTEN, ONLY_SCORED], task="generate").items():
        assert metric.signature.startswith(f"{name}|")
        assert "|ci95:" in metric.signature
    assert {name for names in TASK_METRICS.values() for name in names} == METRICS.keys()


def test_rouge_has_no_value_when_the_reference_is_in_another_script() -> None:
    found = metrics([replace(WRITTEN, reference="고양이", answer="고양이")], task="generate")
    assert (found["rouge1"].n, found["exact_match"].value) == (0, 1.0)


def test_the_interval_does_not_collapse_when_every_row_is_alike() -> None:
    rows = [replace(WRITTEN, row_id=f"test:{i}", answer="The cat sat.") for i in range(30)]
    low, high = metrics(rows, task="generate")["token_f1"].ci95
    assert (low, high) == (pytest.approx(30 / (30 + 1.96**2), abs=1e-4), 1.0)  # Wilson at 30 of 30


def test_the_same_metric_has_the_same_interval_whatever_else_is_asked() -> None:
    rows = [replace(WRITTEN, row_id=f"test:{i}", answer="the cat " * (i % 3 + 1)) for i in range(9)]
    assert metrics(rows, task="generate")["chrf"] == metrics(rows, task="generate", wanted=("chrf",))["chrf"]


def test_metrics_refuse_a_row_that_was_answered_twice() -> None:
    with pytest.raises(EvalError, match="twice"):
        metrics([WRITTEN, WRITTEN], task="generate")


def test_metrics_refuse_probabilities_that_are_not_one_a_label() -> None:
    row = Prediction("test:1", "tuned", answer="a", reference="a", probabilities=(0.5, 0.5))
    with pytest.raises(EvalError, match="2 probabilities for 3 labels"):
        metrics([row], task="classify", labels=("a", "b", "c"))


def test_row_scores_agree_with_the_metric_when_there_is_one_row() -> None:
    found = metrics([WRITTEN], task="generate")
    for score in row_scores(WRITTEN, task="generate"):
        assert score.value == pytest.approx(found[score.metric].value, nan_ok=True)

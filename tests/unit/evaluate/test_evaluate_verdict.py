"""The verdict's sentence is plain and true in every case a person can meet."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewright.core.values import Comparison, Metric, Verdict
from tunewright.evaluate.verdict import VerdictText, rows_needed, verdict

SCORES = {"tuned": 0.9, "base": 0.4, "tfidf": 0.897, "majority": 0.1}


def test_verdict_is_better_when_every_rival_is_beaten() -> None:
    found = said(base="better", majority="better")
    assert found.status == "better"
    assert found.sentence == (
        "The tuned model answers 90.0 % of 200 test rows correctly: better than the same model before tuning (40.0 %) "
        "and always giving the most common answer (10.0 %)."
    )


def test_verdict_says_plainly_that_the_keyword_model_is_not_beaten() -> None:
    found = said(base="better", tfidf="not distinguishable")
    assert found.status == "not distinguishable"
    assert found.sentence.endswith(
        "better than the same model before tuning (40.0 %), but not distinguishable from the keyword model (89.7 %)."
    )
    assert any("Against the keyword model" in line and "four times in five" in line for line in found.details)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (0.2, "show a true difference of 0.4286 four times in five, the measured one with about 720 more (t)."),
        (0.4275, "four times in five, the measured one with about 1 more (t)."),
        (0.45, "four times in five (t)."),
        (0.001, "the measured one only with more than 1,000,000 more (t)."),
        (0.0, "four times in five (t)."),
    ],
)
def test_verdict_says_how_many_more_rows_would_show_the_difference(difference: float, words: str) -> None:
    found = said(base="not distinguishable", differences={"base": difference})
    assert found.details[0].endswith(words)


def test_rows_needed_show_a_true_difference_four_times_in_five() -> None:
    """Simulated: paired differences of known size and spread, a z-test on the number of rows that 100 rows ask for."""
    random, true, spread = np.random.default_rng(0), 0.05, 0.4
    needed = rows_needed(true, width=3.92 * spread / math.sqrt(100), n=100)
    means = random.normal(true, spread, size=(4000, round(needed))).mean(axis=1)
    found = float(np.mean(means > 1.96 * spread / math.sqrt(needed)))
    assert 0.78 < found < 0.82
    assert rows_needed(0.0, width=0.1, n=100) == math.inf


def test_verdict_is_worse_when_one_rival_is_better() -> None:
    found = said(base="better", majority="not distinguishable", tfidf="worse")
    assert found.status == "worse"
    assert found.sentence.endswith(
        "better than the same model before tuning (40.0 %), but worse than the keyword model (89.7 %) "
        "and not distinguishable from always giving the most common answer (10.0 %)."
    )


def test_verdict_claims_nothing_when_no_difference_is_clear() -> None:
    found = said(base="not distinguishable")
    assert found.status == "not distinguishable"
    assert found.sentence.endswith("correctly: not distinguishable from the same model before tuning (40.0 %).")


def test_verdict_names_the_base_when_it_did_not_run() -> None:
    found = said(tfidf="better", not_run={"base": "it has no chat template"})
    assert found.status == "better"
    assert found.sentence.endswith("the keyword model (89.7 %); not compared with the same model before tuning.")
    assert "Against the same model before tuning: not run (it has no chat template)." in found.details


def test_verdict_proves_nothing_when_there_is_no_rival() -> None:
    found = said()
    assert found.status == "not distinguishable"
    assert found.sentence.endswith("correctly: it was compared with nothing, so nothing is proven.")


def test_verdict_names_a_rival_when_no_row_is_common() -> None:
    found = said(base="better", tfidf="not distinguishable", differences={"tfidf": math.nan})
    assert found.status == "better"
    assert found.sentence.endswith("; not compared with the keyword model.")


def test_verdict_says_so_when_the_test_set_is_small() -> None:
    found = said(base="better", rows=12)
    assert "of 12 test rows" in found.sentence
    assert found.sentence.endswith("; the test set is small (12 rows), so only large differences can show.")
    assert "small" not in said(base="better", rows=30).sentence


def test_verdict_warns_when_the_test_set_was_used_before() -> None:
    assert any("has been scored 3 times" in line for line in said(base="better", test_set_uses=3).details)
    assert not any("has been scored" in line for line in said(base="better", test_set_uses=1).details)


def test_verdict_says_which_direction_is_better_when_the_task_is_generate() -> None:
    systems = {
        name: {"bits_per_byte": Metric(value, 180, "bits/byte", "s", is_higher_better=False)}
        for name, value in (("tuned", 0.812), ("base", 1.204))
    }
    comparison = Comparison("tuned", "base", "bits_per_byte", -0.392, (-0.41, -0.37), 0.0002, "permutation", "better")
    found = verdict(
        [comparison], primary_metric="bits_per_byte", metrics_by_system=systems, not_run={}, rows=200, test_set_uses=1
    )
    assert found.sentence == (
        "The tuned model needs 0.812 bits a byte (fewer is better) to predict the reference text of 180 of 200 test "
        "rows: better than the same model before tuning (1.204 bits a byte)."
    )
    assert found.details[0].startswith("Against the same model before tuning: difference -0.3920 bits/byte, 95 % inter")


def test_verdict_gives_the_reason_when_the_tuned_model_could_not_be_measured() -> None:
    systems = {"tuned": {"accuracy": Metric(math.nan, 0, "share", "s", reason="no row has a reference label")}}
    found = verdict([], primary_metric="accuracy", metrics_by_system=systems, not_run={}, rows=5, test_set_uses=1)
    assert found.sentence == "The tuned model could not be measured by accuracy: no row has a reference label."


def test_verdict_is_about_the_folder_when_another_tool_has_trained_the_model() -> None:
    system = "path:/home/me/my-adapter"
    systems = {name: {"accuracy": Metric(value, 200, "share", "s")} for name, value in ((system, 0.9), ("base", 0.4))}
    comparison = Comparison(system, "base", "accuracy", 0.5, (0.4, 0.6), 0.0002, "McNemar", "better")
    found = verdict(
        [comparison],
        primary_metric="accuracy",
        metrics_by_system=systems,
        not_run={},
        rows=200,
        test_set_uses=1,
        subject=system,
        provenance=("my-adapter is /home/me/my-adapter.",),
    )
    assert found.sentence == (
        "The model my-adapter answers 90.0 % of 200 test rows correctly: better than the same model before tuning "
        "(40.0 %)."
    )
    assert "my-adapter is /home/me/my-adapter." in found.details


def test_verdict_names_a_model_of_another_tool_when_it_is_a_rival() -> None:
    system = "path:/home/me/my-adapter"
    systems = {name: {"accuracy": Metric(value, 200, "share", "s")} for name, value in (("tuned", 0.9), (system, 0.8))}
    comparison = Comparison("tuned", system, "accuracy", 0.1, (0.02, 0.2), 0.01, "McNemar", "better")
    found = verdict(
        [comparison], primary_metric="accuracy", metrics_by_system=systems, not_run={}, rows=200, test_set_uses=1
    )
    assert found.sentence.endswith("correctly: better than the model my-adapter (80.0 %).")


def said(
    *,
    rows: int = 200,
    test_set_uses: int = 1,
    not_run: dict[str, str] | None = None,
    differences: dict[str, float] | None = None,
    **verdicts: Verdict,
) -> VerdictText:
    comparisons = [
        Comparison(
            "tuned", b, "accuracy", (differences or {}).get(b, SCORES["tuned"] - SCORES[b]), (-0.1, 0.5), 0.04, "t", v
        )
        for b, v in verdicts.items()
    ]
    systems = {name: {"accuracy": Metric(SCORES[name], rows, "share", "s")} for name in ("tuned", *verdicts)}
    return verdict(
        comparisons,
        primary_metric="accuracy",
        metrics_by_system=systems,
        not_run=not_run or {},
        rows=rows,
        test_set_uses=test_set_uses,
    )

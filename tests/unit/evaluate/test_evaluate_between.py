"""Runs on shared rows, and p values that hold for all comparisons together."""

from __future__ import annotations

import gc
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from tunewright.core.errors import EvalError
from tunewright.core.values import Comparison, Prediction, Verdict
from tunewright.evaluate.statistics.between import FEWEST_ROWS, Answered, corrected, holm, shared_rows


def answered(name: str, rows: range, *, text: str = "", reference: str = "a") -> Answered:
    predictions = tuple(Prediction(f"test:{i}", name, answer="a", reference=reference) for i in rows)
    return Answered(name, predictions, {f"test:{i}": f"row {i}{text}" for i in rows})


def comparison(p_value: float, verdict: Verdict = "better") -> Comparison:
    return Comparison("a", "b", "accuracy", 0.1, (0.05, 0.15), p_value, "a test", verdict)


@pytest.fixture(scope="module", autouse=True)
def _nothing_old_to_collect() -> None:
    """statsmodels collects garbage at every call: half a second each beside all that earlier tests have loaded."""
    gc.collect()
    gc.freeze()


@given(st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=30))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(st.lists(st.floats(min_value=0, max_value=1), max_size=10))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(p_values: list[float]) -> None:
    found = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, found, strict=True))
    assert sorted(found) == [found[i] for i in sorted(range(len(found)), key=lambda i: (p_values[i], found[i]))]


def test_corrected_takes_a_claim_back_when_it_does_not_survive_the_correction() -> None:
    strong, weak = corrected([comparison(0.001), comparison(0.04)])
    assert (strong.verdict, weak.verdict) == ("better", "better")
    *_, weak = corrected([comparison(0.001), comparison(0.03), comparison(0.04)])
    assert weak.comparison.verdict == "better"
    assert (weak.p_holm, weak.verdict) == (0.06, "not distinguishable")


def test_corrected_makes_no_claim_that_the_interval_did_not_support() -> None:
    [one] = corrected([comparison(0.001, verdict="not distinguishable")])
    assert one.verdict == "not distinguishable"


def test_corrected_does_not_count_what_could_not_be_compared() -> None:
    made, missing = corrected([comparison(0.04), comparison(math.nan, verdict="not distinguishable")])
    assert made.p_holm == 0.04
    assert math.isnan(missing.p_holm)
    assert missing.verdict == "not distinguishable"


def test_shared_rows_are_the_common_ones_in_one_order_and_the_rest_is_counted() -> None:
    found = shared_rows([answered("a", range(30)), answered("b", range(50, 4, -1))])
    ids = [[p.row_id for p in side] for side in found.predictions]
    assert ids[0] == ids[1] == [f"test:{i}" for i in range(5, 30)]
    assert found.left_out == (5, 21)


@pytest.mark.parametrize("other", [{"text": "!"}, {"reference": "b"}])
def test_shared_rows_are_refused_when_ids_agree_and_content_does_not(other: dict[str, str]) -> None:
    with pytest.raises(EvalError, match="share 0 test rows") as caught:
        shared_rows([answered("a", range(40)), answered("b", range(40), **other)])
    assert caught.value.fix.startswith("give both runs one test file: tunewright run")


def test_shared_rows_begin_to_suffice_at_twenty() -> None:
    shared_rows([answered("a", range(FEWEST_ROWS)), answered("b", range(100))])
    with pytest.raises(EvalError, match="share 19 test rows"):
        shared_rows([answered("a", range(FEWEST_ROWS - 1)), answered("b", range(100))])

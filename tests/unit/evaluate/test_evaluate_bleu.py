"""BLEU equals sacrebleu's, for one row and for sums of rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from tunewright.core.values import Prediction
from tunewright.evaluate.measures.bleu import bleu, counts
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.compare import compare

ROWS = st.lists(st.tuples(*[st.text(alphabet="abc dE.,", max_size=40)] * 2), min_size=1, max_size=6)
ORACLE = BLEU()  # sacrebleu's defaults: 13a, exponential smoothing, no effective order


@settings(max_examples=200, deadline=None)
@given(ROWS)
@example([("a b c d e", "a b c d e")])
@example([("a b c", "a b c")])  # no 4-gram: 0 by the corpus formula
@example([("a b c d e f", "a b x d e f g h i"), ("", "a b")])  # 3-grams are missed, and one answer is empty
@example([("x y z w", "a b c d")])
def test_bleu_equals_sacrebleu(rows: list[tuple[str, str]]) -> None:
    sums = np.array([counts(answer, reference=reference) for answer, reference in rows]).sum(axis=0)
    expected = ORACLE.corpus_score([answer for answer, _ in rows], [[reference for _, reference in rows]]).score
    found = float(bleu(sums[None])[0])
    assert found == pytest.approx(expected, abs=1e-9) if sums[-1] else math.isnan(found)


def written(system: str, answers: list[str], references: list[str]) -> list[Prediction]:
    pairs = zip(answers, references, strict=True)
    return [Prediction(f"r:{i}", system, answer=a, reference=r, is_stopped=True) for i, (a, r) in enumerate(pairs)]


def test_metric_and_comparison_are_made_from_sums_over_rows() -> None:
    random = np.random.default_rng(0)
    references = [" ".join(random.choice(list("abcdefgh"), size=12)) for _ in range(60)]
    noisy = [" ".join(w if random.random() < 0.9 else "z" for w in ref.split()) for ref in references]
    found = metrics(written("tuned", noisy, references), task="generate", wanted=("bleu",))["bleu"]
    assert found.value == pytest.approx(ORACLE.corpus_score(noisy, [references]).score)
    assert found.ci95[0] < found.value < found.ci95[1]
    worse = [" ".join(w if random.random() < 0.6 else "z" for w in ref.split()) for ref in references]
    sides = (written("tuned", noisy, references), written("base", worse, references))
    one = compare(*sides, metric="bleu", task="generate")
    assert one.verdict == "better"
    expected = found.value - ORACLE.corpus_score(worse, [references]).score
    assert one.difference == pytest.approx(expected)
    same = compare(sides[0], sides[0], metric="bleu", task="generate")
    assert (same.difference, same.p_value, same.verdict) == (0.0, 1.0, "not distinguishable")


def test_rows_that_nothing_was_written_for_do_not_count() -> None:
    rows = [*written("tuned", ["a b c d"], ["a b c d"]), Prediction("r:x", "tuned", reference="e f g h")]
    assert metrics(rows, task="generate", wanted=("bleu",))["bleu"].n == 1
    found = metrics(rows[1:], task="generate", wanted=("bleu",))["bleu"]
    assert (found.n, math.isnan(found.value), found.reason) == (0, True, "no answered row whose reference has a word")

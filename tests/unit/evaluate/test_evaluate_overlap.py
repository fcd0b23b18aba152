"""ROUGE, chrF, token F1 and exact match equal the published implementations."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import CHRF

from tunewright.evaluate.measures import overlap

TEXTS = st.text(alphabet="abc AB1.,-é한", max_size=30)
LINES = st.text(alphabet="abc AB1.\n", max_size=60)
_ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=False)


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
@example("the cat sat on the mat", "the cat was on the mat")
def test_rouge_equals_rouge_score_without_stemming(answer: str, reference: str) -> None:
    expected = _ROUGE.score(reference, answer)
    assert overlap.rouge_n(answer, reference=reference, n=1) == pytest.approx(expected["rouge1"].fmeasure)
    assert overlap.rouge_n(answer, reference=reference, n=2) == pytest.approx(expected["rouge2"].fmeasure)
    assert overlap.rouge_l(answer, reference=reference) == pytest.approx(expected["rougeL"].fmeasure)


@settings(max_examples=200, deadline=None)
@given(LINES, LINES)
@example("a b c\nd e a", "d a b\n\nc a e\nb")
@example("b b a c", "b c\nc b")  # of several longest common subsequences the same one is taken
def test_rouge_over_lines_equals_rouge_score(answer: str, reference: str) -> None:
    expected = _ROUGE.score(reference, answer)["rougeLsum"].fmeasure
    assert overlap.rouge_lsum(answer, reference=reference) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(TEXTS, TEXTS)
def test_chrf_equals_sacrebleu(answer: str, reference: str) -> None:
    expected = CHRF(char_order=6, word_order=0, beta=2).sentence_score(answer, [reference]).score
    assert overlap.chrf(answer, reference=reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "reference", "f1"),
    [
        ("the red cat", "a cat", 2 / 3),  # articles go: precision 1/2, recall 1
        ("Paris, France!", "paris france", 1.0),  # punctuation and case go
        ("yes yes no", "yes", 0.5),  # one of three words, counted with repetition: 2 * 1 / (3 + 1)
        ("the", "a", 1.0),  # nothing is left on both sides
        ("the", "cat", 0.0),
    ],
)
def test_token_f1_follows_squad(answer: str, reference: str, f1: float) -> None:
    assert overlap.token_f1(answer, reference=reference) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [(" Hello,  world! ", "hello world", 1.0), ("hello", "hello world", 0.0), ("?!", "...", 0.0), ("🙂", "🙂", 1.0)],
)
def test_exact_match_compares_once_normalised(answer: str, reference: str, same: float) -> None:
    assert overlap.exact_match(answer, reference=reference) == same


def test_repetition_counts_repeated_four_grams() -> None:
    assert overlap.repetition("a b c d a b c d") == pytest.approx(1 / 5)
    assert overlap.repetition("a b c") is None
    assert overlap.repetition("我喜欢你我喜欢你") == pytest.approx(1 / 5)  # no spaces: every character is a word

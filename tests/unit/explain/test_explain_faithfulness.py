"""Faithfulness: random pictures pass as often as chance says, real ones pass, and sums are right by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tunewright.explain.confidence import Confidence
from tunewright.explain.explanation import sentence
from tunewright.explain.faithfulness import Check, check, p_words, random_orders, removals, sizes, summary
from tunewright.explain.occlusion import Gone, by_importance, importances_nats, single_removals


class Asked(dict[Gone, Confidence]):
    """A model: what it says of a set of removed words, asked once for each set."""

    def __init__(self, probability: Callable[[Gone], float]) -> None:
        super().__init__()
        self.probability = probability

    def __missing__(self, gone: Gone) -> Confidence:
        self[gone] = Confidence(math.log(self.probability(gone)), 1)
        return self[gone]


def checked(asked: Asked, *, n_words: int, n_orders: int, seed: int) -> Check:
    for gone in single_removals(n_words):
        asked[gone]
    ours = by_importance(importances_nats(asked, n_pieces=n_words))
    return check(asked, ours=ours, chance=random_orders(n_words, n_orders=n_orders, seed=str(seed)))


@pytest.mark.parametrize(("n_words", "n_orders"), [(8, 20), (25, 20), (12, 99)])
def test_check_passes_noise_as_seldom_as_it_says(n_words: int, n_orders: int) -> None:
    """A model that only jitters: 5 % of pictures may pass. With the single words in the test it would be 18 to 24 %."""
    random = np.random.default_rng(0)
    noisy = [Asked(lambda _: float(0.8 * np.exp(random.normal(0, 0.05)))) for _ in range(600)]
    passed = [
        checked(asked, n_words=n_words, n_orders=n_orders, seed=i).is_better_than_random
        for i, asked in enumerate(noisy)
    ]
    assert np.mean(passed) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_check_passes_a_picture_whose_words_carry_the_answer() -> None:
    """Three of twenty words lower the probability by .25 each: ours finds them, chance does not."""
    found = checked(Asked(lambda gone: 0.9 - 0.25 * len(gone & {3, 7, 11})), n_words=20, n_orders=20, seed=0)
    assert found.is_better_than_random
    assert found.p_value == pytest.approx(1 / 21)
    # sizes 1, 1, 2, 4, 10: falls of .25, .25, .5, .75, .75
    assert found.comprehensiveness == pytest.approx(0.5)
    assert found.random < found.comprehensiveness / 2


def test_check_counts_ties_against_us_when_no_word_matters() -> None:
    found = checked(Asked(lambda _: 0.9), n_words=20, n_orders=20, seed=0)
    assert (found.p_value, found.is_better_than_random) == (1.0, False)
    assert found.comprehensiveness == found.random == 0


@pytest.mark.parametrize("n_words", [0, 1, 2])
def test_check_says_nothing_when_no_two_words_can_be_taken_out_together(n_words: int) -> None:
    found = checked(Asked(lambda gone: 0.9 - 0.4 * len(gone)), n_words=n_words, n_orders=20, seed=0)
    assert math.isnan(found.p_value)
    assert not found.is_better_than_random


@pytest.mark.parametrize("where", [{3}, set(range(9))], ids=["to one text", "to every text"])
def test_check_is_not_better_than_random_when_the_model_answers_nan(where: set[int]) -> None:
    """Also to a text of the single words: what chose the order was nothing then."""
    found = checked(Asked(lambda gone: math.nan if gone and gone <= where else 0.9), n_words=9, n_orders=20, seed=0)
    assert math.isnan(found.p_value)
    assert math.isnan(found.joint_difference)
    assert not found.is_better_than_random
    assert sentence(found, n_pieces=9).startswith("the model's answer has no probability")


def test_removals_are_nested_and_at_least_one_word() -> None:
    found = removals((4, 2, 0, 1, 3))
    assert [sorted(gone) for gone in found] == [[4], [4], [4], [4], [0, 2, 4]]
    assert sizes(100) == (1, 5, 10, 20, 50)


def test_random_orders_are_the_same_for_the_same_seed_only() -> None:
    first, again, other = (random_orders(9, n_orders=5, seed=seed) for seed in ("0:a", "0:a", "1:a"))
    assert first == again != other
    assert all(sorted(order) == list(range(9)) for order in first)


def test_summary_is_clear_when_every_row_gains() -> None:
    checks = [Check(0.5 + i / 100, 0.1, 0.3 + i / 100, 1 / 21, True) for i in range(10)]
    found = summary([*checks, Check(math.nan, math.nan, math.nan, math.nan, False)], seed=0)
    assert (found.n, found.share_better_than_random) == (10, 1.0)
    assert found.difference == pytest.approx(0.345), "of the sets of two words and more"
    assert found.ci95[0] < found.difference < found.ci95[1]
    assert found.p_value == pytest.approx(2**-10)  # one of the 1,024 ways to choose signs
    assert found.verdict == "better than random"


def test_summary_is_not_better_when_only_the_single_words_gain() -> None:
    """What chose the words must not prove them."""
    checks = [Check(0.5 + i / 100, 0.1, 0.1 * (-1) ** i, 0.5, False) for i in range(20)]
    assert summary(checks, seed=0).verdict == "not better than random"


def test_summary_is_not_better_when_its_interval_holds_zero_though_p_is_small() -> None:
    """A one-sided p of .045 beside an interval of 95 % on both sides: the verdict asks for both."""
    differences = (0.3, 0.3, 0.5, -0.6, 0.2, 0.4, 0.0, 0.2, 0.2, 0.8)
    found = summary([Check(d + 0.1, 0.1, d, 0.5, False) for d in differences], seed=0)
    assert found.p_value < 0.05
    assert found.ci95[0] < 0 < found.ci95[1]
    assert found.verdict == "not better than random"


def test_summary_shows_no_gain_of_the_single_words_that_chose_the_order() -> None:
    """A model that only jitters: with the single words its difference would be .02 and more, its interval above 0."""
    random = np.random.default_rng(0)
    noisy = [Asked(lambda _: float(0.8 * np.exp(random.normal(0, 0.05)))) for _ in range(200)]
    found = summary([checked(one, n_words=25, n_orders=20, seed=i) for i, one in enumerate(noisy)], seed=0)
    assert found.ci95[0] < 0 < found.ci95[1]
    assert found.verdict == "not better than random"
    assert found.comprehensiveness - found.random > 0.01, "what ERASER shows has the single words"


@pytest.mark.parametrize(("p_value", "words"), [(0.0496, "p .0496"), (0.0499999, "p .0499999"), (0.052, "p .052")])
def test_p_in_words_lies_on_its_side_of_the_limit(p_value: float, words: str) -> None:
    assert p_words(p_value) == words


@pytest.mark.parametrize("n", [0, 1])
def test_summary_has_no_interval_when_there_are_too_few_rows(n: int) -> None:
    found = summary([Check(0.5, 0.1, 0.4, 1 / 21, True)] * n, seed=0)
    assert (found.n, found.verdict) == (n, "not better than random")
    assert math.isnan(found.p_value)
    assert math.isnan(found.ci95[0])


def test_summary_does_not_stumble_when_all_rows_are_alike() -> None:
    found = summary([Check(0.5, 0.1, 0.4, 1 / 21, True)] * 8, seed=0)
    assert found.ci95 == pytest.approx((0.4, 0.4))

"""Blind votes: the sign test errs no more than it says, several people's votes on a row are one, sentences hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from tunewright.core.values import Prediction
from tunewright.evaluate.statistics.intervals import wilson
from tunewright.evaluate.statistics.preferences import Preference, agreement, preference, row_sign, sign_p
from tunewright.evaluate.statistics.units import Units, units_of
from tunewright.evaluate.votes import counted

SYSTEMS = ("tuned", "base")


def alone(n: int) -> Units:
    return Units(np.arange(n), n)


def of(wins: int, losses: int, ties: int = 0) -> Preference:
    signs = [1] * wins + [-1] * losses + [0] * ties
    return preference(signs, alone(len(signs)), seed=0)


def test_sign_test_equals_scipy_and_leaves_ties_out() -> None:
    for wins, losses in ((0, 0), (5, 0), (7, 3), (31, 11), (60, 61)):
        expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert sign_p(wins, losses) == pytest.approx(expected, abs=1e-12)
    assert of(31, 11, ties=8).p_value == of(31, 11).p_value
    assert of(31, 11, ties=8).ci95 == wilson(31, 42)
    assert (of(31, 11, ties=8).share, of(31, 11, ties=8).ties) == (31 / 42, 8)


def test_preference_turned_round_says_the_opposite() -> None:
    one, other = of(31, 11), of(11, 31)
    assert (one.verdict, other.verdict) == ("better", "worse")
    assert one.p_value == other.p_value
    assert one.share == pytest.approx(1 - other.share)


def test_equal_systems_are_called_different_in_no_more_than_5_of_100_samples_of_any_size() -> None:
    """Every outcome is enumerated: no sample is drawn."""
    rates, mid_p_rates = [], []
    for n in range(1, 121):
        found = {wins: of(wins, n - wins) for wins in range(n + 1)}
        rates.append(sum(binom.pmf(w, n, 0.5) for w, one in found.items() if one.verdict != "not distinguishable"))
        mid_p_rates.append(sum(binom.pmf(w, n, 0.5) for w, one in found.items() if one.mid_p < 0.05))
    assert max(rates) <= 0.05
    assert max(mid_p_rates) > 0.075, "why the verdict does not take mid-p"


def test_no_preference_is_no_verdict() -> None:
    found = of(0, 0, ties=9)
    assert (found.p_value, found.verdict, found.ties) == (1.0, "not distinguishable", 9)
    assert math.isnan(found.share)
    assert all(map(math.isnan, found.ci95))


def test_rows_of_one_group_are_one_piece_of_evidence() -> None:
    """Two patients with 12 rows each: 24 of 24 preferred by row, and yet only two throws of a coin."""
    signs = [1] * 24
    groups = units_of([Prediction(f"r:{i}", "tuned", group=f"patient {i // 12}") for i in range(24)])
    assert preference(signs, alone(24), seed=0).verdict == "better"
    found = preference(signs, groups, seed=0)
    assert found.p_value == pytest.approx(0.5, abs=0.03)
    assert found.verdict == "not distinguishable"
    assert found.ci95 == wilson(2, 2)


def test_equal_systems_over_groups_are_called_different_in_about_5_of_100_samples() -> None:
    """30 groups of 4 rows whose votes are alike (3 in 4 follow the group); over rows it is far more often."""
    random, n_draws = np.random.default_rng(5), 200
    grouped = by_row = 0
    units = units_of([Prediction(f"r:{i}", "tuned", group=f"g{i // 4}") for i in range(120)])
    for seed in range(n_draws):
        lead = np.repeat(random.choice([-1, 1], size=30), 4)
        signs = [int(sign) for sign in np.where(random.random(120) < 0.75, lead, random.choice([-1, 1], size=120))]
        grouped += preference(signs, units, seed=seed).verdict != "not distinguishable"
        by_row += preference(signs, alone(120), seed=seed).verdict != "not distinguishable"
    assert grouped / n_draws <= 0.08  # 5.5 % and two standard errors of 200 draws would be 8.7 %
    assert by_row / n_draws > 0.15


def test_agreement_equals_the_published_example() -> None:
    """Krippendorff 2011, section C: 12 units, 4 observers, nominal alpha .743."""
    observers = (
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    )
    votes = [[said for said in row if said is not None] for row in zip(*observers, strict=True)]
    found = agreement(votes, seed=0)
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert found.rows == 11, "the last unit has one observer"


def test_agreement_of_two_who_always_agree_and_of_nobody() -> None:
    assert agreement([[1, 1], [-1, -1], [0, 0]], seed=0).alpha == 1.0
    assert agreement([[1, 1], [-1, -1]], seed=0).share == 1.0
    assert math.isnan(agreement([[1, 1], [1, 1]], seed=0).alpha)
    assert agreement([[1], [-1]], seed=0).rows == 0


def test_several_votes_on_a_row_count_once_by_majority() -> None:
    votes = {
        "Ann": {"r:1": -1, "r:2": -1, "r:3": 0, "r:4": None},
        "Ben": {"r:1": 1, "r:2": 1, "r:3": -1},
        "Cem": {"r:1": 1, "r:3": None},
    }
    found = counted(votes, systems=SYSTEMS, groups={}, rows=5, seed=0)
    preferred = found.preference
    assert (preferred.wins, preferred.losses, preferred.ties) == (1, 1, 1)  # r:2 is even
    assert found.rows_voted == 3
    assert [(one.wins, one.losses, one.ties, one.skipped) for one in found.raters] == [
        *((0, 2, 1, 1), (2, 1, 0, 0), (1, 0, 0, 1))
    ]
    assert [row_sign(signs) for signs in ([1, 1, -1], [-1, 1], [0, -1])] == [1, 0, -1]


def test_sentence_says_who_is_preferred_and_how_sure_that_is() -> None:
    votes = {"Ann": {f"r:{i}": 1 if i < 31 else -1 if i < 42 else 0 for i in range(50)}}
    found = counted(votes, systems=SYSTEMS, groups={}, rows=50, seed=0)
    assert found.sentence == (
        "The tuned model is better than the same model before tuning: its answer is preferred on 31 of 42 rows with a "
        "preference (74 %, 95 % interval 59 % to 85 %, p = .0029; 8 ties)."
    )
    assert found.agreement is None
    assert found.more_votes is None


def test_open_verdict_says_how_many_more_rows_would_show_it() -> None:
    votes = {"Ann": {f"r:{i}": 1 if i < 24 else -1 for i in range(40)}}
    found = counted(votes, systems=SYSTEMS, groups={}, rows=60, seed=0)
    low, high = wilson(24, 40)
    needed = 40 * ((2.8 / 3.92) * (high - low) / 0.1) ** 2 - 40
    assert found.preference.verdict == "not distinguishable"
    assert found.more_votes == round(needed, -1)  # two digits
    assert any("20 rows of the page have none yet" in detail for detail in found.details)
    assert any("decide before you look" in detail for detail in found.details)
    even = counted({"Ann": {"r:1": 1, "r:2": -1}}, systems=SYSTEMS, groups={}, rows=2, seed=0)
    assert even.more_votes is None

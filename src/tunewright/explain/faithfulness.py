"""Does a picture of important words say more than words drawn by chance? What does not is greyed out.

In: the probability of the answer with sets of words left out: the most important first, and seeded random orders.
Out: Check of one row, Summary of a sample. Its own file because it judges any method by the same rule.

Comprehensiveness (ERASER: DeYoung et al., ACL 2020, eq. 2): how far the probability falls when the most important 1,
5, 10, 20 and 50 % of the words are taken out together, averaged over these shares.

What chose the words must not prove them: importance was measured by leaving out single words, so of all single words
the first one lowers the confidence most by construction, even in pure noise. P-values therefore use only the sets of
two or more words, which nothing has looked at before; the comprehensiveness that is shown has all shares, as ERASER's.
Measured on a model that only jitters (1,000 texts each of 8, 12, 25 words): 4.2 to 4.6 % pass; with the single words
in the test 18 to 24 % would.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import numpy as np
from scipy import stats

from tunewright.explain.confidence import Confidence
from tunewright.explain.occlusion import NOTHING, Gone

SHARES_PERCENT = (1, 5, 10, 20, 50)
"""Source: ERASER, section 5.2."""
ALPHA = 0.05
N_RESAMPLES = 4999
"""Of the paired test and the interval of a sample: the error of a p-value at .05 is .003."""
TIE_TOLERANCE = 1e-12
"""Means of the same numbers are the same number."""

Verdict = Literal["better than random", "not better than random"]
Order = Sequence[int]


@dataclass(frozen=True, slots=True)
class Check:
    """One row's picture against chance."""

    comprehensiveness: float
    """Mean fall of the probability over all shares; nan for a text of one piece."""
    random: float
    """Mean of the same over the random orders."""
    joint_difference: float
    """Ours minus the random mean over the sets of two or more pieces; nan when there is none, or the model answered nan
    to any of the texts."""
    p_value: float
    """Share of orders, ours included, that do at least as well on those sets; nan as above."""
    is_better_than_random: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """A sample of rows against chance."""

    n: int
    """Rows that could be checked."""
    comprehensiveness: float
    random: float
    difference: float
    """Mean joint_difference: what stands in the interval and the test, so that they cannot contradict each other."""
    ci95: tuple[float, float]
    """Of the difference; BCa bootstrap over rows."""
    p_value: float
    """Of the difference; paired permutation test over rows."""
    verdict: Verdict
    share_better_than_random: float
    sentence: str
    """The verdict and its numbers in words."""


def sizes(n_pieces: int) -> tuple[int, ...]:
    """How many pieces each share takes: rounded up, so at least one.

    >>> sizes(12)
    (1, 1, 2, 3, 6)
    """
    return tuple(max(1, -(-n_pieces * percent // 100)) for percent in SHARES_PERCENT)


def removals(order: Order) -> tuple[Gone, ...]:
    """For each share the pieces that are taken out together: the first of the order."""
    return tuple(frozenset(order[:size]) for size in sizes(len(order)))


def random_orders(n_pieces: int, *, n_orders: int, seed: str) -> tuple[Order, ...]:
    """Orders of chance; the first pieces of one are a random set of any size."""
    draw = random.Random(f"explain:{seed}")
    return tuple(tuple(draw.sample(range(n_pieces), n_pieces)) for _ in range(n_orders))


def check(confidence: Mapping[Gone, Confidence], *, ours: Order, chance: Sequence[Order]) -> Check:
    """Rank of our order among random ones.

    confidence: of NOTHING and of every set that `removals` names.
    """
    if len(ours) < 2:
        return Check(math.nan, math.nan, math.nan, math.nan, is_better_than_random=False)
    mine, theirs = _falls(confidence, ours), [_falls(confidence, order) for order in chance]
    joint = [i for i, size in enumerate(sizes(len(ours))) if size > 1]
    difference = p_value = math.nan
    if joint and all(math.isfinite(one.probability) for one in confidence.values()):
        value = fmean(mine[i] for i in joint)
        drawn = [fmean(falls[i] for i in joint) for falls in theirs]
        difference = value - fmean(drawn)
        p_value = (1 + sum(other >= value - TIE_TOLERANCE for other in drawn)) / (1 + len(drawn))
    return Check(
        comprehensiveness=fmean(mine),
        random=fmean(fmean(falls) for falls in theirs),
        joint_difference=difference,
        p_value=p_value,
        is_better_than_random=p_value < ALPHA,
    )


def summary(checks: Sequence[Check], *, seed: int) -> Summary:
    """Over the rows that have a set of two or more words to take out."""
    known = [check for check in checks if math.isfinite(check.joint_difference)]
    ours_N = np.array([check.comprehensiveness for check in known])
    chance_N = np.array([check.random for check in known])
    joint_N = np.array([check.joint_difference for check in known])
    ci95, p_value = (math.nan, math.nan), math.nan
    if len(known) > 1:
        ci95 = _interval(joint_N, seed=seed)
        p_value = _paired_p(joint_N, seed=seed)
    found = Summary(
        n=len(known),
        comprehensiveness=float(ours_N.mean()) if known else math.nan,
        random=float(chance_N.mean()) if known else math.nan,
        difference=float(joint_N.mean()) if known else math.nan,
        ci95=ci95,
        p_value=p_value,
        verdict="better than random" if p_value < ALPHA and ci95[0] > 0 else "not better than random",
        share_better_than_random=fmean(c.is_better_than_random for c in known) if known else math.nan,
        sentence="",
    )
    return replace(found, sentence=_sentence(found))


def _sentence(found: Summary) -> str:
    if found.n < 2:
        return f"{found.n} rows have words enough to be checked: nothing can be said of them together"
    falls = (
        f"without them the answers lose {_short(found.comprehensiveness)} of their probability, "
        f"without as many random words {_short(found.random)}"
    )
    low, high = (_short(end) for end in found.ci95)
    difference = f"difference where words go together {_short(found.difference)} [{low}, {high}]"
    numbers = f"{found.n} rows, {difference}, {p_words(found.p_value)}"
    if found.verdict == "better than random":
        return f"the words found here carry the answers: {falls} ({numbers})"
    return (
        f"the words found here are not better than random words, so do not read anything into them: {falls} ({numbers})"
    )


def p_words(p_value: float) -> str:
    """p .048, p < .001; as many digits as show on which side of ALPHA it lies.

    >>> p_words(0.0476), p_words(0.0002), p_words(0.0503), p_words(0.05)
    ('p .048', 'p < .001', 'p .0503', 'p .05, which is not below .05')
    """
    if p_value < 0.001:
        return "p < .001"
    digits = next((n for n in range(2, 17) if float(f"{p_value:.{n}g}") != ALPHA), 2)
    words = f"p {p_value:.{digits}g}".replace(" 0.", " .")
    return f"{words}, which is not below {ALPHA:g}".replace(" 0.", " .") if p_value == ALPHA else words


def _short(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1)


def _falls(confidence: Mapping[Gone, Confidence], order: Order) -> list[float]:
    whole = confidence[NOTHING].probability
    return [whole - confidence[gone].probability for gone in removals(order)]


def _interval(differences_N: np.ndarray, *, seed: int) -> tuple[float, float]:
    if np.ptp(differences_N) <= TIE_TOLERANCE:  # nothing to resample; scipy's BCa would warn and return nan
        return float(differences_N[0]), float(differences_N[0])
    found = stats.bootstrap((differences_N,), np.mean, n_resamples=N_RESAMPLES, method="BCa", rng=seed)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _paired_p(differences_N: np.ndarray, *, seed: int) -> float:
    """Each row's sign by coin; one-sided, because a picture worse than random is no better picture."""
    found = stats.permutation_test(
        (differences_N,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=N_RESAMPLES,
        vectorized=True,
        rng=seed,
    )
    return float(found.pvalue)

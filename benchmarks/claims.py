"""Do the claims hold? False alarms of "better" and "worse", and how often intervals cover, over simulated systems.

In: nothing. Out: tables on stdout and in results/claims.md. Every number goes through the functions that a run
uses. Takes about fifteen minutes on two cores.
usage: python benchmarks/claims.py [SHARE], of the draws: .01 for a try
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import binom

from tunewright.core.values import Comparison, Prediction
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.secondary import secondary
from tunewright.evaluate.statistics.compare import ALPHA, compare, mid_p_mcnemar
from tunewright.evaluate.statistics.intervals import paired_difference, wilson

HERE = Path(__file__).parent
LABELS = ("a", "b", "c", "d")
N_NULL = 20_000
HEAD = """# Do the claims hold?

`python benchmarks/claims.py`. Asked: false alarms at most 5.5 % (right/wrong with 500 to 3,000 rows: at least 3.5 %),
coverage 93 to 97 % on average over the shares.
"""


@cache
def _mcnemar(only_a: int, only_b: int) -> float:
    return mid_p_mcnemar(only_a=only_a, only_b=only_b)


def null_right_or_wrong(n: int, disagree: float, *, draws: int) -> tuple[float, float]:
    """Two systems that are right equally often: share of draws with p below .05, and with a verdict."""
    random = np.random.default_rng([n, int(1000 * disagree)])
    apart = random.binomial(n, disagree, size=draws)
    only_a = random.binomial(apart, 0.5)
    both = random.binomial(n - apart, 0.85)
    p = np.array([_mcnemar(int(a), int(d - a)) for a, d in zip(only_a, apart, strict=True)])
    verdicts = 0
    for i in np.flatnonzero(p < ALPHA):
        counts = {"both": int(both[i]), "only_a": int(only_a[i]), "only_b": int(apart[i] - only_a[i])}
        low, high = paired_difference(**counts, neither=n - sum(counts.values()))
        verdicts += low > 0 or high < 0
    return float((p < ALPHA).mean()), verdicts / draws


def mean_coverage(n: int) -> tuple[float, float]:
    """Of Wilson's interval over shares from .01 to .99, exactly; and of the worst share from .05 to .95."""
    shares = np.linspace(0.01, 0.99, 197)
    ends = np.array([wilson(k, n) for k in range(n + 1)])
    covered = np.array([binom.pmf(np.arange(n + 1), n, p)[(ends[:, 0] <= p) & (p <= ends[:, 1])].sum() for p in shares])
    inner = (shares > 0.05) & (shares < 0.95)
    return float(covered.mean()), float(covered[inner].min())


def rows_of(n: int, *, seed: int, system: str, likely: float) -> list[Prediction]:
    """Labels and answers; a system's nats go with how likely the label is to it."""
    random = np.random.default_rng(seed)
    truth = random.integers(4, size=n)  # the same labels for every system of one seed
    random = np.random.default_rng([seed, sum(map(ord, system))])
    answers = np.where(random.random(n) < likely, truth, random.integers(4, size=n))
    nats = random.gamma(2.0, 20.0, size=n)
    return [
        Prediction(
            f"r:{i}", system, LABELS[answers[i]], LABELS[truth[i]], reference_nats=float(nats[i]), reference_bytes=60
        )
        for i in range(n)
    ]


METRICS = (("accuracy", "classify"), ("f1_macro", "classify"), ("bits_per_byte", "text"))


def null_verdicts(metric: str, task: str, n: int, *, draws: int) -> float:
    """Two systems made in the same way: share of draws that are called better or worse."""
    alarms = 0
    for seed in range(draws):
        a, b = (rows_of(n, seed=seed, system=system, likely=0.7) for system in ("tuned", "base"))
        alarms += compare(a, b, metric=metric, task=task, labels=LABELS, seed=seed).verdict != "not distinguishable"  # type: ignore[arg-type]
    return alarms / draws


def swapped(metric: str, task: str, *, draws: int) -> float:
    """Two different systems whose answers are swapped at random for each row: share called not distinguishable."""
    good, bad = rows_of(500, seed=1, system="tuned", likely=0.9), rows_of(500, seed=1, system="base", likely=0.3)
    bad = [replace(row, reference_nats=2 * row.reference_nats) for row in bad]
    alike = 0
    for seed in range(draws):
        coins = np.random.default_rng(seed).random(500) < 0.5
        pairs = [(y, x) if coin else (x, y) for x, y, coin in zip(good, bad, coins, strict=True)]
        a, b = ([replace(pair[i], system=name) for pair in pairs] for i, name in enumerate(("tuned", "base")))
        alike += compare(a, b, metric=metric, task=task, labels=LABELS, seed=seed).verdict == "not distinguishable"  # type: ignore[arg-type]
    return alike / draws


def coverage(metric: str, task: str, n: int, *, draws: int) -> float:
    """Of a metric's interval, beside its value on 200,000 rows made in the same way."""
    many = rows_of(200_000, seed=10**6, system="tuned", likely=0.7)
    value = _value(metric, many)
    covered = 0
    for seed in range(draws):
        rows = rows_of(n, seed=seed, system="tuned", likely=0.7)
        low, high = metrics(rows, task=task, labels=LABELS, seed=seed, wanted=(metric,))[metric].ci95  # type: ignore[arg-type]
        covered += low < value < high
    return covered / draws


def _value(metric: str, rows: list[Prediction]) -> float:
    """By its definition, without an interval."""
    if metric == "bits_per_byte":
        return sum(row.reference_nats for row in rows) / (np.log(2) * sum(row.reference_bytes for row in rows))
    right = np.array([row.answer == row.reference for row in rows])
    if metric == "accuracy":
        return float(right.mean())
    scores = []
    for label in LABELS:
        is_said, is_so = (np.array([getattr(row, name) == label for row in rows]) for name in ("answer", "reference"))
        scores.append(2 * (is_said & is_so).sum() / (is_said.sum() + is_so.sum()))
    return float(np.mean(scores))


OTHERS = {
    "classify": ("balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "log_loss", "brier", "roc_auc"),
    "generate": ("exact_match", "token_f1", "rouge1", "rougeL", "chrf", "stops", "repetition"),
}
"""Beside the primary metric: what a run compares too."""


def judged_rows(n: int, *, seed: int, system: str) -> list[Prediction]:
    """Answers with probabilities, and words: half of an answer's words are the reference's."""
    random = np.random.default_rng([seed, sum(map(ord, system))])
    made = []
    for row in rows_of(n, seed=seed, system=system, likely=0.7):
        likely = random.dirichlet(np.ones(len(LABELS))) * 0.4
        likely[LABELS.index(row.answer)] += 0.6
        made.append(replace(row, probabilities=tuple(likely)))
    return made


def written_rows(n: int, *, seed: int, system: str) -> list[Prediction]:
    words = np.array([f"w{i}" for i in range(40)])
    references = np.random.default_rng(seed).choice(words, size=(n, 6))
    random = np.random.default_rng([seed, sum(map(ord, system))])
    kept = random.random((n, 6)) < random.beta(2, 2, size=(n, 1))
    answers = np.where(kept, references, random.choice(words, size=(n, 6)))
    stops = random.random(n) < 0.8
    return [
        Prediction(
            f"r:{i}", system, " ".join(answers[i]), " ".join(references[i]), is_stopped=bool(stops[i]), n_tokens=6
        )
        for i in range(n)
    ]


def family(task: str, n: int, *, draws: int) -> tuple[float, float]:
    """Two systems made in the same way: share of draws with a difference in any other metric, alone and after Holm."""
    rows = judged_rows if task == "classify" else written_rows
    alone = remaining = 0
    for seed in range(draws):
        a, b = (rows(n, seed=seed, system=system) for system in ("tuned", "base"))

        def compared(name: str, a: list[Prediction] = a, b: list[Prediction] = b, seed: int = seed) -> list[Comparison]:
            return [compare(a, b, metric=name, task=task, labels=LABELS, seed=seed)]  # type: ignore[arg-type]

        found = secondary(OTHERS[task], compared=compared, primary_metric="")
        alone += any(one.comparison.verdict != "not distinguishable" for one in found)
        remaining += any(one.verdict != "not distinguishable" for one in found)
    return alone / draws, remaining / draws


def family_lines(share: float) -> Iterator[str]:
    draws = max(10, round(1000 * share))
    yield f"\n## Any of seven other metrics of equal systems, {draws:,} draws of 100 rows\n"
    yield "| task | better or worse in one at least, alone | after Holm |\n|---|---|---|"
    for task in OTHERS:
        alone, remaining = family(task, 100, draws=draws)
        yield f"| {task} | {100 * alone:.1f} % | {100 * remaining:.1f} % |"


def lines(share: float) -> Iterator[str]:
    n_null = max(10, round(N_NULL * share))
    yield f"## Right or wrong: mid-p McNemar, {n_null:,} draws of equal systems\n"
    yield "| rows | they disagree on | p below .05 | better or worse |\n|---|---|---|---|"
    for n in (100, 200, 500, 1000, 3000):
        for disagree in (0.05, 0.1, 0.2):
            p, verdicts = null_right_or_wrong(n, disagree, draws=n_null)
            yield f"| {n:,} | {100 * disagree:.0f} % | {100 * p:.2f} % | {100 * verdicts:.2f} % |"
    yield "\n## Wilson's interval, exactly\n"
    yield "| rows | mean over shares | worst share of .05 to .95 |\n|---|---|---|"
    for n in (50, 100, 200, 500, 1000, 2000):
        mean, worst = mean_coverage(n)
        yield f"| {n:,} | {100 * mean:.2f} % | {100 * worst:.2f} % |"
    draws = max(10, round(1000 * share))
    yield f"\n## Verdicts of equal systems and coverage, {draws:,} draws of 200 rows\n"
    yield "| metric | better or worse | interval covers | rows swapped at random: not distinguishable (of 100) |"
    yield "|---|---|---|---|"
    for metric, task in METRICS:
        alarms, covers = null_verdicts(metric, task, 200, draws=draws), coverage(metric, task, 200, draws=draws)
        alike = swapped(metric, task, draws=100)
        yield f"| {metric} | {100 * alarms:.1f} % | {100 * covers:.1f} % | {100 * alike:.0f} |"
    yield from family_lines(share)


def main() -> None:
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    out = [HEAD, f"{time.strftime('%Y-%m-%d')}.\n"]
    for line in lines(share):
        print(line, flush=True)
        out.append(line)
    if share == 1.0:
        (HERE / "results" / "claims.md").write_text("\n".join([*out, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()

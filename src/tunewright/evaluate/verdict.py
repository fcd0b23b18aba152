"""The answer to "is it really better?" in one plain sentence, and the facts behind it.

In: the comparisons, every system's metrics, how many rows, how often this test set was used. Out: VerdictText.
Its own file because the words are a promise: they say no more than the tests support.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewright.core.values import Comparison, Metric, Verdict

TUNED = "tuned"

PLAIN_NAMES = {
    TUNED: "the tuned model",
    "base": "the same model before tuning",
    "few_shot": "the same model before tuning with examples in its prompt",
    "majority": "always the most common answer",
    "tfidf": "the keyword model",
    "linear_probe": "a linear classifier on the untuned model's vectors",
    "scratch": "the same architecture trained from scratch",
}

SMALL_TEST_ROWS = 30
"""Below this only large differences show: at 30 rows the interval of a share of .5 is 34 points wide (Wilson)."""
WORN_TEST_USES = 2
"""From the second scoring on, choices may have been made after seeing the first."""

_QUANTITIES = {
    "balanced_accuracy": "a balanced accuracy",
    "precision_macro": "a macro precision",
    "recall_macro": "a macro recall",
    "f1_macro": "a macro F1",
    "f1_weighted": "a weighted F1",
    "log_loss": "a log loss",
    "token_f1": "a token F1",
    "rouge1": "a ROUGE-1",
    "rouge2": "a ROUGE-2",
    "rougeL": "a ROUGE-L",
    "chrf": "a chrF",
    "repetition": "a repetition rate",
}


@dataclass(frozen=True, slots=True)
class VerdictText:
    """What a person reads first."""

    status: Verdict
    """better: than every rival that could be compared. worse: than at least one. Else not distinguishable."""
    sentence: str
    details: tuple[str, ...]
    """One sentence for each comparison, then what limits the claim."""


def verdict(
    comparisons: Sequence[Comparison],
    *,
    primary_metric: str,
    metrics_by_system: Mapping[str, Mapping[str, Metric]],
    rows: int,
    test_set_uses: int,
) -> VerdictText:
    """What the comparisons of the tuned model on the primary metric say together.

    rows: size of the test set. A comparison that had no common row counts for nothing and is named.
    "better" needs every test to succeed, which needs no correction for their number (intersection-union test,
    Berger 1982).
    """
    ours = [c for c in comparisons if c.a == TUNED and c.metric == primary_metric]
    made = [c for c in ours if math.isfinite(c.difference)]
    status = _status(made)
    tuned = metrics_by_system.get(TUNED, {}).get(primary_metric)
    if tuned is None or tuned.n == 0:
        reason = f": {tuned.reason}" if tuned is not None and tuned.reason else ""
        return VerdictText(status, f"The tuned model could not be measured by {primary_metric}{reason}.", ())
    clauses = [
        _clause(word, [c for c in made if c.verdict == word], metric=primary_metric, metrics=metrics_by_system)
        for word in ("better", "worse", "not distinguishable")
    ]
    missing = [_plain(c.b) for c in ours if c not in made]
    clauses.append(f"not compared with {_listed(missing)}" if missing else "")
    limits = [_conclusion(status, n_rivals=len(made)), _size_limit(tuned.n)]
    text = "; ".join(part for part in (*clauses, *limits) if part)
    return VerdictText(
        status,
        f"{_achievement(tuned, metric=primary_metric, rows=rows)}: {text}.",
        (*(_detail(c, unit=tuned.unit) for c in ours), *_limits(test_set_uses)),
    )


def _status(made: Sequence[Comparison]) -> Verdict:
    verdicts = {comparison.verdict for comparison in made}
    if verdicts == {"better"}:
        return "better"
    return "worse" if "worse" in verdicts else "not distinguishable"


def _achievement(tuned: Metric, *, metric: str, rows: int) -> str:
    of_rows = f"{tuned.n:,} test {_rows(tuned.n)}" if tuned.n == rows else f"{tuned.n:,} of {rows:,} test {_rows(rows)}"
    value = _number(tuned.value, metric)
    if metric == "accuracy":
        return f"The tuned model answers {value} of {of_rows} correctly"
    if metric == "exact_match":
        return f"The tuned model gives exactly the reference answer in {value} of {of_rows}"
    if metric == "bits_per_byte":
        return f"The tuned model needs {value} (fewer is better) to predict the reference text of {of_rows}"
    if metric == "stops":
        return f"The tuned model ends its answer by itself in {value} of {of_rows}"
    if metric == "end_argmax":
        return f"The tuned model knows the reference's end in {value} of {of_rows}"
    direction = "" if tuned.is_higher_better else " (lower is better)"
    return f"The tuned model reaches {_QUANTITIES.get(metric, metric)} of {value}{direction} on {of_rows}"


def _clause(
    word: Verdict, of: Sequence[Comparison], *, metric: str, metrics: Mapping[str, Mapping[str, Metric]]
) -> str:
    if not of:
        return ""
    rivals = []
    for comparison in of:
        score = metrics.get(comparison.b, {}).get(metric)
        shown = f" ({_number(score.value, metric)})" if score is not None and score.n else ""
        rivals.append(_plain(comparison.b) + shown)
    return f"{word} {'from' if word == 'not distinguishable' else 'than'} {_listed(rivals)}"


def _conclusion(status: Verdict, *, n_rivals: int) -> str:
    if not n_rivals:
        return "it was compared with no rival, so nothing is proven"
    if status == "better":
        rivals = "the one rival compared" if n_rivals == 1 else f"all {n_rivals} rivals compared"
        return f"for this trained model (one seed) it is better than {rivals}"
    return "for this trained model (one seed) it is not better than every rival"


def _size_limit(n: int) -> str:
    return f"the test set is small ({n} {_rows(n)}): only large differences can show" if n < SMALL_TEST_ROWS else ""


def _limits(test_set_uses: int) -> tuple[str, ...]:
    if test_set_uses < WORN_TEST_USES:
        return ()
    return (
        f"This test set has been scored {test_set_uses} times from this runs folder: "
        "choices made after seeing its scores make the result look better than it is.",
    )


def _detail(comparison: Comparison, *, unit: str) -> str:
    against = f"Against {_plain(comparison.b)}: "
    if not math.isfinite(comparison.difference):
        return f"{against}not compared ({comparison.test})."
    low, high = comparison.ci95
    interval = f"95 % interval {low:+.4f} to {high:+.4f}" if math.isfinite(low) else "no interval"
    return (
        f"{against}difference {comparison.difference:+.4f} {unit}, {interval}, {_p(comparison.p_value)}: "
        f"{comparison.verdict} ({comparison.test})."
    )


def _p(value: float) -> str:
    return "p < .0001" if value < 0.0001 else f"p = {value:.4f}".replace("0.", ".", 1)


def _number(value: float, metric: str) -> str:
    if metric in ("accuracy", "exact_match", "stops", "end_argmax", "repetition"):
        return f"{100 * value:.1f} %"
    if metric == "bits_per_byte":
        return f"{value:.3f} bits a byte"
    return f"{value:.1f}" if metric == "chrf" else f"{value:.3f}"


def _plain(system: str) -> str:
    return PLAIN_NAMES.get(system, system)


def _rows(n: int) -> str:
    return "row" if n == 1 else "rows"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

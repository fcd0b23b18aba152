"""The answer to "is it really better?" in one plain sentence, and the facts behind it.

In: the comparisons, every system's metrics, who did not run, how often this test set was used. Out: VerdictText.
Its own file because the words are a promise: they say no more than the tests support.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tunewright.core.evaluate_plan import API, OUTSIDE
from tunewright.core.systems import SCRATCH, TUNED, is_scratch, outside_name, scratch_times
from tunewright.core.values import Comparison, Metric, Verdict
from tunewright.evaluate.leaked import WithoutLeaked
from tunewright.evaluate.measures.definition import METRICS, UNIT
from tunewright.evaluate.statistics.over_seeds import OVER_SEEDS

PLAIN_NAMES = {
    TUNED: "the tuned model",
    "base": "the same model before tuning",
    "few_shot": "the same model before tuning with examples in its prompt",
    "majority": "always giving the most common answer",
    "mean": "always giving the mean of the training numbers",
    "tfidf": "the keyword model",
    "linear_probe": "a linear model on the untuned model's vectors",
    "scratch": "the same architecture trained from scratch",
}

BUDGETS = {1.0: " with as many operations", math.inf: " as long as it gets better"}
"""What a scratch system's word asks for."""
ONE_MODEL = "This is said of this trained model: training again with another seed gives a somewhat different one."
SMALL_TEST_ROWS = 30
"""Below this only large differences show: at 30 rows the interval of a share of .5 is 34 points wide (Wilson)."""
WORN_TEST_USES = 2
"""From the second scoring on, choices may have been made after seeing the first."""
EFFECT_PER_WIDTH = 2.8 / 3.92
"""A 95 % interval is 3.92 standard errors wide; a true difference of 2.8 is found with 80 % power. Source: Miller
2024, arXiv 2411.00640, section 5."""

MOST_ROWS = 1_000_000
"""Beyond it the number says only that there is next to no difference."""

_QUANTITIES = {
    "balanced_accuracy": "a balanced accuracy",
    "precision_macro": "a macro precision",
    "recall_macro": "a macro recall",
    "f1_macro": "a macro F1",
    "f1_weighted": "a weighted F1",
    "log_loss": "a log loss",
    "brier": "a Brier score",
    "ece": "a calibration error",
    "roc_auc": "an area under the ROC curve",
    "pr_auc": "an area under the precision-recall curve",
    "f1_micro": "a micro F1",
    "hamming_loss": "a Hamming loss",
    "rmse": "a root mean square error",
    "r2": "an R²",
    "spearman": "a rank correlation",
    "token_f1": "a token F1",
    "rouge1": "a ROUGE-1",
    "rouge2": "a ROUGE-2",
    "rougeL": "a ROUGE-L",
    "rougeLsum": "a ROUGE-Lsum",
    "bleu": "a BLEU",
    "chrf": "a chrF",
    "json_f1": "a field F1",
    "scorer": "a mean of your own metric",
    "repetition": "a repetition rate",
}

MetricsBySystem = Mapping[str, Mapping[str, Metric]]


@dataclass(frozen=True, slots=True)
class VerdictText:
    """What a person reads first."""

    status: Verdict
    """better: than every rival that could be compared. worse: than at least one. Else not distinguishable."""
    sentence: str
    details: tuple[str, ...]
    """One sentence for each comparison, then one for each rival that did not run, then what limits the claim."""


def verdict(
    comparisons: Sequence[Comparison],
    *,
    primary_metric: str,
    metrics_by_system: MetricsBySystem,
    not_run: Mapping[str, str],
    rows: int,
    test_set_uses: int,
    subject: str = TUNED,
    provenance: Sequence[str] = (),
) -> VerdictText:
    """What the comparisons of the subject on the primary metric say together.

    not_run: system -> why. rows: size of the test set. provenance: what must be said of models of another tool.
    A comparison without a common row counts for nothing and is named. "better" needs every test to succeed, which
    needs no correction for their number (intersection-union test, Berger 1982).
    """
    ours = [c for c in comparisons if c.a == subject and c.metric == primary_metric]
    made = [c for c in ours if math.isfinite(c.difference)]
    missing = [c.b for c in ours if c not in made] + list(not_run)
    score = metrics_by_system.get(subject, {}).get(primary_metric)
    limits = (*_not_run(not_run), *provenance, *_limits(test_set_uses))
    if score is None or score.n == 0:
        reason = f": {score.reason}" if score is not None and score.reason else ""
        sentence = f"{_capital(subject)} could not be measured by {primary_metric}{reason}."
        return VerdictText("not distinguishable", sentence, limits)
    claim = _claim(made, metric=primary_metric, metrics=metrics_by_system)
    rest = [f"not compared with {_listed([plain(name) for name in missing])}"] if missing else []
    if score.n < SMALL_TEST_ROWS:
        rest.append(f"the test set is small ({_rows(score.n)}), so only large differences can show")
    achieved = f"{_capital(subject)} {_achievement(score, metric=primary_metric, rows=rows)}"
    sentence = f"{achieved}: {'; '.join([claim, *rest])}."
    details = (_detail(c, unit=score.unit, n=score.n) for c in ours)
    return VerdictText(status_of(made), sentence, (*details, *limits))


def rows_needed(difference: float, *, width: float, n: int) -> float:
    """Rows that would show a true difference of this size four times in five; inf for no difference.

    width: of the 95 % interval that n rows gave. Its square shrinks with the rows: n (EFFECT_PER_WIDTH width / d)^2.
    """
    return n * (EFFECT_PER_WIDTH * width / difference) ** 2 if difference else math.inf


def and_without_leaked(
    told: VerdictText, without: Sequence[WithoutLeaked], *, metric: str, with_them: Metric, subject: str = TUNED
) -> VerdictText:
    """The verdict, and how the subject does without the test rows that were learned from, each time they are more."""
    memory = (_memory(some, with_them, metric=metric, subject=subject, status=told.status) for some in without)
    return replace(told, details=(*told.details, *memory))


def status_of(comparisons: Sequence[Comparison]) -> Verdict:
    """What comparisons with one subject say together; those that could not be made count for nothing."""
    verdicts = {comparison.verdict for comparison in comparisons if math.isfinite(comparison.difference)}
    if verdicts == {"better"}:
        return "better"
    return "worse" if "worse" in verdicts else "not distinguishable"


def _achievement(score: Metric, *, metric: str, rows: int) -> str:
    of_rows = f"{score.n:,} test rows" if score.n == rows else f"{score.n:,} of {rows:,} test rows"
    of_rows = "1 test row" if score.n == rows == 1 else of_rows
    value = number_words(score.value, metric)
    if metric == "accuracy":
        return f"answers {value} of {of_rows} correctly"
    if metric == "exact_match":
        return f"gives exactly the reference answer in {value} of {of_rows}"
    if metric == "number_match":
        return f"gets the number right in {value} of {of_rows}"
    if metric == "json_valid":
        return f"answers {value} of {of_rows} in JSON"
    if metric == "subset_accuracy":
        return f"finds exactly the labels of {value} of {of_rows}"
    if metric == "mae":
        return f"is {value} off on average over {of_rows}"
    if metric == "bits_per_byte":
        return f"needs {value} (fewer is better) to predict the reference text of {of_rows}"
    if metric == "stops":
        return f"ends its answer by itself in {value} of {of_rows}"
    if metric == "end_argmax":
        return f"knows the reference's end in {value} of {of_rows}"
    direction = "" if score.is_higher_better else " (lower is better)"
    return f"reaches {_QUANTITIES.get(metric, metric)} of {value}{direction} on {of_rows}"


def _memory(some: WithoutLeaked, with_them: Metric, *, metric: str, subject: str, status: Verdict) -> str:
    """The score without the rows that may be remembered, beside the score with them."""
    is_one = some.left_out == 1
    told = "1 test row stands" if is_one else f"{some.left_out:,} test rows stand"
    told += " in train or validation too" + ("" if some.is_equal else ", nearly or in part")
    score = some.systems.get(subject, {}).get(metric)
    if score is None or score.n == 0:
        return f"{told}: without {'it' if is_one else 'them'} nothing is left to measure."
    verdict = "the verdict stays" if some.status == status else f"the verdict would be {some.status!r}"
    return (
        f"{told}: without {'it' if is_one else 'them'} {plain(subject)} "
        f"{_achievement(score, metric=metric, rows=some.rows)} (with {'it' if is_one else 'them'} "
        f"{number_words(with_them.value, metric)}), and {verdict}."
    )


def _claim(made: Sequence[Comparison], *, metric: str, metrics: MetricsBySystem) -> str:
    """better than these, but worse than those and not distinguishable from the others."""
    if not made:
        return "it was compared with nothing, so nothing is proven"

    def rivals(word: Verdict) -> str:
        return _listed([_with_score(c.b, metric=metric, metrics=metrics) for c in made if c.verdict == word])

    better, worse, open_ = rivals("better"), rivals("worse"), rivals("not distinguishable")
    against = [f"worse than {worse}"] if worse else []
    against += [f"not distinguishable from {open_}"] if open_ else []
    if not better:
        return " and ".join(against)
    return f"better than {better}" + (f", but {' and '.join(against)}" if against else "")


def _with_score(system: str, *, metric: str, metrics: MetricsBySystem) -> str:
    score = metrics.get(system, {}).get(metric)
    return plain(system) + (f" ({number_words(score.value, metric)})" if score is not None and score.n else "")


def _not_run(not_run: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"Against {plain(system)}: not run ({why})." for system, why in not_run.items())


def _limits(test_set_uses: int) -> tuple[str, ...]:
    if test_set_uses < WORN_TEST_USES:
        return (ONE_MODEL,)
    return (
        ONE_MODEL,
        f"This test set has been scored {test_set_uses} times from this runs folder: "
        "choices made after seeing its scores make the result look better than it is.",
    )


def _detail(comparison: Comparison, *, unit: str, n: int) -> str:
    against = f"Against {plain(comparison.b)}: "
    if not math.isfinite(comparison.difference):
        return f"{against}not compared ({comparison.test})."
    low, high = comparison.ci95
    has_interval = math.isfinite(low)
    digits, in_unit = ("+.4g", "") if unit == UNIT else ("+.4f", f" {unit}")
    interval = f"95 % interval {low:{digits}} to {high:{digits}}" if has_interval else "no interval"
    power = ""
    if comparison.verdict == "not distinguishable" and has_interval:
        least = f"{EFFECT_PER_WIDTH * (high - low):{digits[1:]}}"
        power = f"; these rows would show a true difference of {least} four times in five"
        power += (
            ""
            if OVER_SEEDS in comparison.test
            else _more_rows(rows_needed(comparison.difference, width=high - low, n=n) - n)
        )
    return (
        f"{against}difference {comparison.difference:{digits}}{in_unit}, {interval}, {p_words(comparison.p_value)}: "
        f"{comparison.verdict}{power} ({comparison.test})."
    )


def _more_rows(n: float) -> str:
    """To two digits: the measured difference is itself uncertain."""
    if n < 1 or math.isinf(n):
        return ""
    if n > MOST_ROWS:
        return f", the measured one only with more than {MOST_ROWS:,} more"
    about = max(1, round(n, 1 - math.floor(math.log10(n))))
    return f", the measured one with about {about:,.0f} more"


def p_words(value: float) -> str:
    """p < .0001, p = .0312."""
    return "p < .0001" if value < 0.0001 else f"p = {value:.4f}".replace("0.", ".", 1)


def number_words(value: float, metric: str) -> str:
    """As a sentence says it: 93.6 %, 1.234 bits a byte."""
    if metric in ("accuracy", "subset_accuracy", "exact_match", "stops", "end_argmax", "repetition"):
        return f"{100 * value:.1f} %"
    if metric == "bits_per_byte":
        return f"{value:.3f} bits a byte"
    if METRICS[metric].unit == UNIT:  # dollars or millimetres: digits, not places
        return f"{value:.4g}"
    return f"{value:.1f}" if metric == "chrf" else f"{value:.3f}"


def plain(system: str) -> str:
    """The system inside a sentence."""
    if is_scratch(system):
        times = scratch_times(system)
        return PLAIN_NAMES[SCRATCH] + BUDGETS.get(times, f" with {times:g} times the operations")
    if system.startswith(API):
        return f"the model behind {system}"
    return f"the model {outside_name(system)}" if system.startswith(OUTSIDE) else PLAIN_NAMES.get(system, system)


def _capital(system: str) -> str:
    return f"The{plain(system).removeprefix('the')}"


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)

"""Several trainings on the same rows: both are samples, and the interval of their mean must cover both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tunewright.core.errors import EvalError
from tunewright.core.values import Prediction, Task
from tunewright.evaluate.measures.definition import definition_of
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.compare import compare
from tunewright.evaluate.statistics.over_seeds import (
    OVER_SEEDS,
    compare_over_seeds,
    crossed,
    metric_over_seeds,
    value_of,
)

Floats = NDArray[np.float64]
LABELS = ("no", "yes")


def answered(right_N: Sequence[bool] | NDArray[np.bool_], *, system: str = "tuned", group: int = 1) -> list[Prediction]:
    """One row each, right or wrong; so many rows a group."""
    return [
        Prediction(
            f"test:{i}",
            system,
            answer="yes" if is_right else "no",
            reference="yes",
            group=f"g{i // group}" if group > 1 else "",
        )
        for i, is_right in enumerate(right_N)
    ]


def compared(ours: Sequence[Sequence[Prediction]], theirs: Sequence[Prediction], *, metric: str = "accuracy"):  # type: ignore[no-untyped-def]
    return compare_over_seeds(ours, theirs, metric=metric, task="classify", labels=LABELS)


def test_rows_and_seeds_that_add_up_have_variances_that_add_up() -> None:
    """Without an interaction: variance of the rows' effects over F, plus that of the seeds' effects over S."""
    rows_F, seeds_S = np.array([0.0, 1.0, 5.0, 2.0]), np.array([0.0, 3.0, 0.0])
    parts_FS = rows_F[:, None] + seeds_S
    found = crossed(parts_FS.mean(0), parts_FS)
    assert found.mean == pytest.approx(2.0 + 1.0)
    assert found.of_rows == pytest.approx(rows_F.var(ddof=1) / 4)
    assert found.of_seeds == pytest.approx(seeds_S.var(ddof=1) / 3)


def test_trainings_that_are_all_alike_leave_the_t_interval_of_the_rows() -> None:
    rows_F = np.array([0.2, 0.9, 0.4, 0.7, 0.1])
    parts_FS = np.repeat(rows_F[:, None], 3, axis=1)
    found, oracle = crossed(parts_FS.mean(0), parts_FS), stats.ttest_1samp(rows_F, 0.0)
    assert found.ci95 == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(float(oracle.pvalue))


def test_two_trainings_say_little_of_the_next_one() -> None:
    """With the rows' part gone, two seeds have one degree of freedom: the t value is 12.7, not 2."""
    values_S = np.array([0.4, 0.6])
    found = crossed(values_S, np.tile(values_S, (50, 1)))
    assert found.ci95[1] - 0.5 == pytest.approx(12.706 * 0.1, rel=1e-3)


def test_the_p_value_is_the_level_whose_interval_ends_at_nothing() -> None:
    parts_FS = np.random.default_rng(4).normal(0.3, 1.0, (30, 4)) + np.array([0.1, -0.2, 0.0, 0.3])
    found = crossed(parts_FS.mean(0), parts_FS)
    shifted = crossed(parts_FS.mean(0) - found.ci95[0], parts_FS - found.ci95[0])
    assert shifted.p_value == pytest.approx(0.05)
    assert crossed(np.zeros(2), np.array([[1.0, -1.0], [-1.0, 1.0]])).p_value == pytest.approx(1.0)


def test_one_training_or_one_row_has_no_interval() -> None:
    for shape in ((5, 1), (1, 5)):
        found = crossed(np.zeros(shape[1]), np.zeros(shape))
        assert math.isnan(found.ci95[0])
        assert math.isnan(found.p_value)


def test_intervals_cover_the_mean_of_all_trainings_on_all_rows() -> None:
    """Drawn 600 times: some seeds and rows of a world whose true mean is known; rows alone cover too seldom."""
    random, n_covered, n_of_rows, n = np.random.default_rng(3), 0, 0, 600
    for _ in range(n):
        # a latent score: what the seed is worth, how hard the row is, the seed's luck with this row
        latent_NS = 1.0 + random.normal(0, 0.25, 4) + random.normal(0, 1.0, (80, 1)) + random.normal(0, 0.6, (80, 4))
        is_right_NS = (latent_NS > 0).astype(float)
        true = stats.norm.cdf(1.0 / math.hypot(0.25, 1.0, 0.6))
        found = crossed(is_right_NS.mean(0), is_right_NS)
        n_covered += found.ci95[0] <= true <= found.ci95[1]
        of_rows = is_right_NS.mean(1)
        n_of_rows += abs(of_rows.mean() - true) <= 1.99 * of_rows.std(ddof=1) / math.sqrt(80)
    assert 0.90 <= n_covered / n <= 0.98
    assert n_of_rows / n < 0.90


def test_the_difference_is_of_the_mean_over_trainings() -> None:
    random = np.random.default_rng(0)
    ours = [answered(random.random(60) < p) for p in (0.7, 0.8, 0.9)]
    theirs = answered(random.random(60) < 0.4, system="tfidf")
    found = compared(ours, theirs)
    means = [np.mean([p.answer == "yes" for p in one]) for one in (*ours, theirs)]
    assert found.difference == pytest.approx(np.mean(means[:3]) - means[3])
    assert (found.a, found.b, found.verdict) == ("tuned", "tfidf", "better")
    assert f"{OVER_SEEDS} 60 rows and 3 trainings" in found.test
    assert (found.p_value < 0.05) == (found.ci95[0] > 0)


def test_one_lucky_training_does_not_make_a_plan_better() -> None:
    theirs = answered([True] * 60 + [False] * 40, system="tfidf")
    lucky, others = answered([True] * 80 + [False] * 20), answered([True] * 56 + [False] * 44)
    assert compare(lucky, theirs, metric="accuracy", task="classify").verdict == "better"
    assert compared([lucky, others, others], theirs).verdict == "not distinguishable"


def test_trainings_that_answer_alike_are_compared_as_one_where_no_row_differs() -> None:
    ours, theirs = answered([True] * 20), answered([False] * 20, system="majority")
    assert compared([ours, ours], theirs) == compare(ours, theirs, metric="accuracy", task="classify")


def test_rows_of_one_group_count_once() -> None:
    random = np.random.default_rng(1)
    single = [random.random(12) < 0.7 for _ in range(3)]
    alone = compared([answered(one) for one in single], answered([False] * 12, system="x"))
    groups = [answered(np.repeat(one, 5), group=5) for one in single]
    found = compared(groups, answered([False] * 60, system="x", group=5))
    assert found.difference == pytest.approx(alone.difference)
    assert found.ci95 == pytest.approx(alone.ci95)
    assert "12 groups" in found.test


def test_trainings_must_have_answered_the_same_rows() -> None:
    with pytest.raises(EvalError, match="same rows"):
        compared([answered([True, False]), answered([True])], answered([True, False], system="x"))


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        *(("classify", metric) for metric in ("f1_macro", "ece", "roc_auc", "log_loss")),
        *(("regress", "rmse"), ("regress", "mae"), ("multilabel", "f1_macro"), ("multilabel", "f1_micro")),
    ],
)
def test_metrics_of_whole_rows_are_made_as_everywhere(task: Task, metric: str) -> None:
    random, ours = np.random.default_rng(2), []
    for _ in range(3):
        one = []
        for i, p in enumerate(random.random(40)):
            answer, reference = LABELS[int(p > 0.5)], LABELS[i % 2]
            if task == "regress":
                answer, reference = f"{p * 3:.3f}", f"{i % 4}"
            elif task == "multilabel":
                answer, reference = f'["{answer}"]', f'["{reference}"]'
            one.append(Prediction(f"t:{i}", "tuned", answer, reference, probabilities=(1 - p, p)))
        ours.append(one)
    definition = definition_of(metric, task=task)
    found = [metrics(one, task=task, labels=LABELS, wanted=(metric,))[metric] for one in ours]
    for one, measured in zip(ours, found, strict=True):
        if definition.kind == "ratio":
            continue  # its columns are summed, not made anew
        assert value_of(one, definition=definition, labels=LABELS) == pytest.approx(measured.value)
    mean = metric_over_seeds(ours, of=found[0], metric=metric, task=task, labels=LABELS)
    assert mean.value == pytest.approx(np.mean([one.value for one in found]))
    assert mean.ci95[0] < mean.value < mean.ci95[1]
    assert (mean.n, mean.unit, mean.is_higher_better) == (40, found[0].unit, found[0].is_higher_better)
    assert "3 trainings" in mean.signature


def test_a_metric_of_summed_counts_is_compared_over_trainings() -> None:
    """BLEU, which no mean over rows gives: the first value is that of all rows."""
    words = [" ".join(np.random.default_rng(i).choice(list("abcdefgh"), size=12)) for i in range(40)]

    def written(seed: int, noise: float) -> list[Prediction]:
        random = np.random.default_rng(seed)
        said = [" ".join(w if random.random() > noise else "z" for w in text.split()) for text in words]
        rows = zip(said, words, strict=True)
        return [Prediction(f"r:{i}", "tuned", answer, text, is_stopped=True) for i, (answer, text) in enumerate(rows)]

    ours, rival = [written(seed, 0.1) for seed in range(3)], written(9, 0.5)
    found = compare_over_seeds(ours, rival, metric="bleu", task="generate", labels=())
    values = [metrics(one, task="generate", wanted=("bleu",))["bleu"].value for one in (*ours, rival)]
    assert found.difference == pytest.approx(np.mean(values[:3]) - values[3])
    assert found.verdict == "better"

"""A plan instead of one trained model: what several trainings reach on the same rows, and against a rival.

In: the answers of each training, of a rival. Out: Metric, Comparison: of the mean over trainings, with an interval that
covers both the rows that were drawn and the seeds. Its own file because two things vary at once, which no resampling of
rows alone can see.
Axes: N rows, F parts of the rows, S trainings, P columns of sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit

from tunewright.core.errors import EvalError
from tunewright.core.values import Comparison, Metric, Prediction, Task, Verdict
from tunewright.evaluate.confidence import calibration
from tunewright.evaluate.measures import classes, label_sets, numbers, ranking
from tunewright.evaluate.measures.definition import Definition, definition_of
from tunewright.evaluate.score import of_sums, row_parts
from tunewright.evaluate.statistics.aligned import aligned, answered_by_all
from tunewright.evaluate.statistics.compare import ALPHA, compare
from tunewright.evaluate.statistics.units import Units, units_of

Floats = NDArray[np.float64]
Answers = Sequence[Prediction]

OVER_SEEDS = "two-way variance over"
"""In Comparison.test and Metric.signature: more rows would not narrow the part of the seeds."""
MOST_PARTS = 50
"""Of the rows, for a metric that is made anew without each part; sums are made without each row."""
_OF_SUMS = ("proportion", "ratio", "corpus")
SMALLEST_P = 1e-100
"""Below it a p-value is told as 0."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """The mean over rows and trainings, both of them samples."""

    mean: float
    of_rows: float
    """Variance of the mean that the drawn rows bring; nan with fewer than two."""
    of_seeds: float
    """And the seeds, beside that."""
    n_parts: int
    n_seeds: int

    @property
    def ci95(self) -> tuple[float, float]:
        half = self._half_width(ALPHA)
        return self.mean - half, self.mean + half

    @property
    def p_value(self) -> float:
        """Two-sided, of a true mean of 0: the level whose interval ends there."""
        if not math.isfinite(self.of_rows + self.of_seeds):
            return math.nan
        if self.mean == 0:
            return 1.0

        def beyond(power: float) -> float:
            return self._half_width(10.0**power) - abs(self.mean)

        least = math.log10(SMALLEST_P)
        return 10.0 ** float(brentq(beyond, least, 0.0)) if beyond(least) > 0 else 0.0

    def _half_width(self, level: float) -> float:
        """Each part with the t of its own degrees of freedom, so that few seeds count as few. Source: Cochran 1964."""
        if not math.isfinite(self.of_rows + self.of_seeds):
            return math.nan
        rows, seeds = (float(stdtrit(n - 1, level / 2)) for n in (self.n_parts, self.n_seeds))
        return math.hypot(rows * math.sqrt(self.of_rows), seeds * math.sqrt(self.of_seeds))


def compare_over_seeds(
    ours: Sequence[Answers], theirs: Answers, *, metric: str, task: Task, labels: tuple[str, ...]
) -> Comparison:
    """The mean over our trainings minus one rival, which is the same for each of them.

    The verdict needs p below .05, which is when the interval is without 0.
    """
    definition = definition_of(metric, task=task)
    first = ours[0]
    *ours, theirs = answered_by_all(first, *(aligned(first, side) for side in (*ours[1:], theirs)))
    table = _table((*ours, theirs), definition=definition, labels=labels)
    values_S, parts_FS = table.values_S[:-1] - table.values_S[-1], table.parts_FS[:, :-1] - table.parts_FS[:, -1:]
    found = crossed(values_S, parts_FS)
    if found.of_rows + found.of_seeds == 0:  # nothing varies: what one training says is all there is to say
        return compare(ours[0], theirs, metric=metric, task=task, labels=labels)
    words = _words(found, table.units, n_seeds=len(ours))
    return Comparison(
        a=ours[0][0].system,
        b=theirs[0].system,
        metric=metric,
        difference=found.mean,
        ci95=found.ci95,
        p_value=found.p_value,
        test=words if math.isfinite(found.mean) else f"not run: {definition.missing}, for all of them",
        verdict=_verdict(found, definition),
    )


def metric_over_seeds(
    ours: Sequence[Answers], *, of: Metric, metric: str, task: Task, labels: tuple[str, ...]
) -> Metric:
    """The mean over our trainings.

    of: of the first training, whose unit and direction it keeps.
    """
    table = _table(ours, definition=definition_of(metric, task=task), labels=labels)
    found = crossed(table.values_S, table.parts_FS)
    made = of.signature.partition("|ci95:")[0]
    signature = f"{made}|mean of trainings|ci95:{_words(found, table.units, n_seeds=len(ours))}"
    return Metric(found.mean, of.n, of.unit, signature, found.ci95, of.is_higher_better, of.reason)


def crossed(values_S: Floats, parts_FS: Floats) -> Crossed:
    """From each training's value, and what each part of the rows says of it (their mean is about that value).

    Variances of a mean over two crossed samples, one observation in each cell: the rows' mean square, and what the
    seeds' is above that of their interaction, over F S.
    Source: Searle, Casella & McCulloch 1992, section 4.3 (two-way random model).
    """
    n_parts, n_seeds = parts_FS.shape
    mean = float(values_S.mean())
    if n_parts < 2 or n_seeds < 2 or not (math.isfinite(mean) and np.isfinite(parts_FS).all()):
        return Crossed(mean, math.nan, math.nan, n_parts, n_seeds)
    rows_F = parts_FS.mean(1, keepdims=True)
    columns_S = parts_FS.mean(0, keepdims=True)
    of_rows = n_seeds * float(rows_F.var(ddof=1))
    of_seeds = n_parts * float(values_S.var(ddof=1))
    rest = float(((parts_FS - rows_F - columns_S + parts_FS.mean()) ** 2).sum()) / ((n_parts - 1) * (n_seeds - 1))
    n = n_parts * n_seeds
    return Crossed(mean, of_rows / n, max(0.0, of_seeds - rest) / n, n_parts, n_seeds)


@dataclass(frozen=True, slots=True)
class _Table:
    values_S: Floats
    parts_FS: Floats
    """Jackknife pseudo-values: for a mean over rows, the mean of the part. Source: Tukey 1958."""
    units: Units


def _table(answers: Sequence[Answers], *, definition: Definition, labels: tuple[str, ...]) -> _Table:
    first = answers[0]
    ids = [prediction.row_id for prediction in first]
    if any([prediction.row_id for prediction in one] != ids for one in answers):
        raise EvalError(
            "the trainings did not answer the same rows in one order",
            where="evaluate",
            fix="remove the run's evaluate folder and run again",
        )
    if definition.kind in _OF_SUMS:
        columns = [row_parts(one, metric=definition.name, labels=labels) for one in answers]
        is_known_N = np.all([np.isfinite(parts_NP[:, 0]) for parts_NP in columns], axis=0)
        units = units_of([prediction for prediction, is_known in zip(first, is_known_N, strict=True) if is_known])
        statistic = of_sums(definition.name)
        made = [_of_sums(statistic, units.sums(parts_NP[is_known_N])) for parts_NP in columns]
    else:
        units = units_of(first)
        parts = _parts(units)
        made = [_made_anew(one, parts, definition=definition, labels=labels) for one in answers]
    values_S = np.array([value for value, _ in made])
    left_FS = np.stack([left_F for _, left_F in made], axis=1)
    n_parts = len(left_FS)
    return _Table(values_S, n_parts * values_S - (n_parts - 1) * left_FS, units)


def _of_sums(statistic: Callable[[Floats], Floats], parts_UP: Floats) -> tuple[float, Floats]:
    """The value, and the values without each unit."""
    total_P = parts_UP.sum(axis=0)
    return float(statistic(total_P[None])[0]), statistic(total_P - parts_UP)


def _parts(units: Units) -> list[NDArray[np.int64]]:
    """Rows of each of at most MOST_PARTS parts, units kept whole, by a fixed draw."""
    n_parts = min(MOST_PARTS, units.n)
    part_U = np.random.default_rng(0).permutation(units.n) % max(1, n_parts)
    part_N = part_U[units.of_N]
    return [np.flatnonzero(part_N == part) for part in range(n_parts)]


def _made_anew(
    answers: Answers, parts: Sequence[NDArray[np.int64]], *, definition: Definition, labels: tuple[str, ...]
) -> tuple[float, Floats]:
    left = []
    for part in parts:
        out = set(part.tolist())
        kept = [prediction for i, prediction in enumerate(answers) if i not in out]
        left.append(value_of(kept, definition=definition, labels=labels))
    return value_of(answers, definition=definition, labels=labels), np.array(left)


def value_of(predictions: Answers, *, definition: Definition, labels: tuple[str, ...]) -> float:
    """A metric of whole rows, without its interval; nan where `metrics` says so too."""
    if definition.kind in ("classes", "sets"):
        known = [prediction for prediction in predictions if prediction.reference]
        cells = classes.cells_of([p.reference for p in known], [p.answer for p in known])
        count = classes.class_counts if definition.kind == "classes" else label_sets.label_counts
        counts = count(cells, system=0, weights_BC=cells.counts_C[None, :].astype(np.float64))
        return float(classes.average(definition.name, counts)[0])
    if definition.kind == "numbers":
        numbers_N, answers_N = numbers.numbers_of(predictions)
        is_known_N = np.isfinite(numbers_N) & np.isfinite(answers_N)
        return numbers.value_of(numbers.STATISTICS[definition.name], numbers_N[is_known_N], answers_N[is_known_N])
    if definition.kind == "confidence":
        columns = calibration.confidence_columns(calibration.confident(predictions))
        return calibration.calibration_error(calibration.ranked(*columns))
    return ranking.area_of(ranking.ranked_rows(predictions, labels), labels, metric=definition.name).value


def _verdict(found: Crossed, definition: Definition) -> Verdict:
    if not found.p_value < ALPHA:  # nan lands here too
        return "not distinguishable"
    return "better" if (found.mean > 0) == definition.is_higher_better else "worse"


def _words(found: Crossed, units: Units, *, n_seeds: int) -> str:
    """How the interval was made."""
    over = f"{OVER_SEEDS} {units.n} {units.words} and {n_seeds} trainings"
    if not math.isfinite(found.of_rows):
        return f"{over}: not known, as it has no value without some of the {units.words}"
    return f"{over}, each with the t of its own degrees of freedom"

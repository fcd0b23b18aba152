"""Is system a really better than system b? Both answered the same rows.

In: two systems' Predictions, a metric, a seed. Out: Comparison: the difference, its 95 % interval, a p-value and a
verdict that both must support. Its own file because a claim of "better" stands or falls here.
Axes: N rows, R resamples or permutations, C cells (kinds of row).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from tunewright.core.errors import EvalError
from tunewright.core.values import Comparison, Prediction, Task, Verdict
from tunewright.evaluate.confidence.calibration import confidence_columns, errors_of
from tunewright.evaluate.measures import classes, label_sets, numbers
from tunewright.evaluate.measures.definition import TASK_METRICS, Definition, definition_of
from tunewright.evaluate.measures.ranking import area_difference, area_of, of_units, ranked_rows
from tunewright.evaluate.metrics import metric_seed
from tunewright.evaluate.score import of_sums, row_parts
from tunewright.evaluate.statistics import intervals
from tunewright.evaluate.statistics.aligned import aligned, answered_by_all
from tunewright.evaluate.statistics.intervals import UNKNOWN, Interval
from tunewright.evaluate.statistics.permutation import N_PERMUTATIONS, permutation_p
from tunewright.evaluate.statistics.units import Units, units_of

Floats = NDArray[np.float64]

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class _Paired:
    difference: float
    ci95: Interval
    p_value: float
    test: str


def compare(
    a: Sequence[Prediction],
    b: Sequence[Prediction],
    *,
    metric: str,
    task: Task,
    labels: tuple[str, ...] = (),
    seed: int = 0,
) -> Comparison:
    """a minus b with interval, p-value and verdict; rows that only one of them has a value for are left out.

    Right/wrong metrics: mid-p McNemar and Newcombe's paired interval. All others: the answers of each row are swapped
    by coin (permutation test), rows are resampled jointly (BCa bootstrap). Rows of one group are swapped and resampled
    together, right/wrong metrics then too. The verdict needs both: p below .05 and an interval without 0. Without a
    common row: nan, "not distinguishable".
    Raises EvalError when the rows differ, or the task has no such metric, or none by which anything is better.
    """
    definition = definition_of(metric, task=task)
    if definition.is_higher_better is None:
        raise EvalError(
            f"nothing is better or worse by {metric}",
            where="evaluate.primary_metric",
            why="it is best at 1, neither high nor low",
            fix=f"evaluate.primary_metric={TASK_METRICS[task][0]}",
        )
    names = (a[0].system if a else "", b[0].system if b else "")
    a, b = answered_by_all(a, aligned(a, b))
    paired = _paired(a, b, definition=definition, labels=labels, seed=metric_seed(seed, f"compare:{metric}"))
    return Comparison(
        a=names[0],
        b=names[1],
        metric=metric,
        difference=paired.difference,
        ci95=paired.ci95,
        p_value=paired.p_value,
        test=paired.test,
        verdict=_verdict(paired, is_higher_better=definition.is_higher_better),
    )


def mid_p_mcnemar(*, only_a: int, only_b: int) -> float:
    """Two-sided p-value that a and b are right equally often; 1.0 when they never disagree.

    Twice the binomial tail with half of the observed point. Source: Lancaster 1961; Fagerland, Lydersen & Laake 2013.

    >>> mid_p_mcnemar(only_a=0, only_b=5)  # 2 * (1/32) - 1/32
    0.03125
    """
    n, least = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0
    tail = float(bdtr(least, n, 0.5))
    point = tail - float(bdtr(least - 1, n, 0.5)) if least else tail
    return min(1.0, 2 * tail - point)


def _paired(
    a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, labels: tuple[str, ...], seed: int
) -> _Paired:
    if definition.kind in ("classes", "sets"):
        return _over_classes(a, b, definition=definition, seed=seed)
    if definition.kind == "numbers":
        return _over_numbers(a, b, definition=definition, seed=seed)
    if definition.kind == "ranking":
        return _over_ranks(a, b, definition=definition, labels=labels)
    if definition.kind == "confidence":
        return _over_confidence(a, b, definition=definition, seed=seed)
    return _over_rows(a, b, definition=definition, labels=labels, seed=seed)


def _nothing(definition: Definition) -> _Paired:
    return _Paired(math.nan, UNKNOWN, math.nan, f"not run: {definition.missing}, for both systems")


def _over_rows(
    a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, labels: tuple[str, ...], seed: int
) -> _Paired:
    a_NP, b_NP = (row_parts(side, metric=definition.name, labels=labels) for side in (a, b))
    is_common_N = np.isfinite(a_NP[:, 0]) & np.isfinite(b_NP[:, 0])
    a_NP, b_NP, units = a_NP[is_common_N], b_NP[is_common_N], units_of(list(compress(a, is_common_N)))
    statistic, width = of_sums(definition.name), a_NP.shape[1]

    def difference(sums_BP: Floats) -> Floats:
        """Columns of the first system, then of the second."""
        return np.asarray(statistic(sums_BP[:, :width]) - statistic(sums_BP[:, width:]))

    parts_UP = units.sums(np.column_stack([a_NP, b_NP]))
    total_P = parts_UP.sum(axis=0)
    observed = float(difference(total_P[None])[0])
    if not math.isfinite(observed):
        return _nothing(definition)
    if definition.kind == "proportion" and not units.is_grouped:
        return _right_or_wrong(a_NP[:, 0] > 0, b_NP[:, 0] > 0)
    swap_UP = np.roll(parts_UP, width, axis=1) - parts_UP
    swapped = _coins(units, seed=seed)

    def permuted(n_lines: int) -> Floats:
        return difference(total_P + swapped(n_lines) @ swap_UP)

    p_value = permutation_p(permuted, observed=observed, width=units.n)
    ci95 = intervals.sums_interval(difference, parts_UP, seed=seed)
    return _Paired(observed, ci95, p_value, _test_name(units))


def _right_or_wrong(a_N: NDArray[np.bool_], b_N: NDArray[np.bool_]) -> _Paired:
    only_a, only_b = int((a_N & ~b_N).sum()), int((b_N & ~a_N).sum())
    both = int((a_N & b_N).sum())
    n = len(a_N)
    return _Paired(
        difference=(only_a - only_b) / n,
        ci95=intervals.paired_difference(both=both, only_a=only_a, only_b=only_b, neither=n - both - only_a - only_b),
        p_value=mid_p_mcnemar(only_a=only_a, only_b=only_b),
        test=f"mid-p McNemar, Newcombe paired interval; {n} rows, {only_a} only a right, {only_b} only b right",
    )


def _over_classes(a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, seed: int) -> _Paired:
    known = [(first, second) for first, second in zip(a, b, strict=True) if first.reference]
    if not known:
        return _nothing(definition)
    cells = classes.cells_of(
        [first.reference for first, _ in known],
        [first.answer for first, _ in known],
        [second.answer for _, second in known],
    )
    counts_C, units = cells.counts_C.astype(np.float64), units_of([first for first, _ in known])
    class_counts = classes.class_counts if definition.kind == "classes" else label_sets.label_counts

    def difference(kept_BC: Floats, swapped_BC: Floats) -> Floats:
        """a minus b when of each cell some rows keep their two answers and the others swap them."""
        sides = (
            class_counts(cells, system=system, weights_BC=kept_BC)
            + class_counts(cells, system=1 - system, weights_BC=swapped_BC)
            for system in (0, 1)
        )
        first, second = (classes.average(definition.name, side) for side in sides)
        return np.asarray(first - second)

    def resampled(weights_BC: Floats) -> Floats:
        return difference(weights_BC, np.zeros_like(weights_BC))

    random = np.random.default_rng([seed, 1])
    if units.is_grouped:
        parts_UC = units.sums(cells.one_hot())
        ci95 = intervals.sums_interval(resampled, parts_UC, seed=seed)
    else:
        ci95 = intervals.cell_interval(resampled, counts_C=cells.counts_C, seed=seed)

    def permuted(n_lines: int) -> Floats:
        if units.is_grouped:
            swapped_BC = (random.random((n_lines, units.n)) < 0.5) @ parts_UC
        else:
            swapped_BC = random.binomial(cells.counts_C, 0.5, size=(n_lines, len(counts_C))).astype(np.float64)
        return difference(counts_C - swapped_BC, swapped_BC)

    observed = float(resampled(counts_C[None, :])[0])
    p_value = permutation_p(permuted, observed=observed, width=4 * max(len(counts_C), len(cells.names), units.n // 4))
    return _Paired(observed, ci95, p_value, _test_name(units))


def _over_numbers(a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, seed: int) -> _Paired:
    (numbers_N, first_N), (_, second_N) = numbers.numbers_of(a), numbers.numbers_of(b)
    is_known_N = np.isfinite(numbers_N) & np.isfinite(first_N) & np.isfinite(second_N)
    columns, units = (
        [of_N[is_known_N] for of_N in (numbers_N, first_N, second_N)],
        units_of(list(compress(a, is_known_N))),
    )
    statistic = numbers.STATISTICS[definition.name]

    def difference(numbers_RN: Floats, first_RN: Floats, second_RN: Floats) -> Floats:
        return np.asarray(statistic(numbers_RN, first_RN) - statistic(numbers_RN, second_RN))

    def swapped(is_swapped_RN: NDArray[np.bool_]) -> Floats:
        sides = (np.where(is_swapped_RN, one, other) for one, other in ((columns[2], columns[1]), columns[1:]))
        return difference(np.broadcast_to(columns[0], is_swapped_RN.shape), *sides)

    return _of_columns(difference, swapped, columns, units=units, seed=seed) or _nothing(definition)


def _over_confidence(a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, seed: int) -> _Paired:
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x.probabilities and y.probabilities and x.reference]
    sides = (confidence_columns([pair[side] for pair in pairs]) for side in (0, 1))
    columns, units = [column_N for side in sides for column_N in side], units_of([first for first, _ in pairs])

    def difference(*sides_RN: Floats) -> Floats:
        """Said and found of the first system, then of the second."""
        return errors_of(*sides_RN[:2]) - errors_of(*sides_RN[2:])

    def swapped(is_swapped_RN: NDArray[np.bool_]) -> Floats:
        return difference(*(np.where(is_swapped_RN, columns[i - 2], columns[i]) for i in range(4)))

    return _of_columns(difference, swapped, columns, units=units, seed=seed) or _nothing(definition)


def _of_columns(
    difference: Callable[..., Floats],
    swapped: Callable[[NDArray[np.bool_]], Floats],
    columns: Sequence[Floats],
    *,
    units: Units,
    seed: int,
) -> _Paired | None:
    """Permutation test and interval of a difference that needs all rows in order; None where it is not defined.

    swapped: for each line, which rows swap their answers -> the difference then.
    """
    observed = float(difference(*(column_N[None] for column_N in columns))[0]) if units.n else math.nan
    if not math.isfinite(observed):
        return None
    coins = _coins(units, seed=seed)
    p_value = permutation_p(lambda n: swapped(coins(n)[:, units.of_N]), observed=observed, width=len(units.of_N))
    ci95 = numbers.interval(difference, *columns, seed=seed, units=units)
    return _Paired(observed, ci95, p_value, _test_name(units))


def _over_ranks(
    a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, labels: tuple[str, ...]
) -> _Paired:
    common = [(x, y) for x, y in zip(a, b, strict=True) if len(ranked_rows((x, y), labels)) == 2]
    units = units_of([first for first, _ in common])
    sides = (area_of([pair[i] for pair in common], labels, metric=definition.name) for i in (0, 1))
    difference, ci95, p_value = area_difference(*(of_units(side, units) for side in sides))
    if not math.isfinite(difference):
        return _nothing(definition)
    test = "DeLong's paired test" if definition.name == "roc_auc" else "paired normal test, jackknife"
    return _Paired(difference, ci95, p_value, f"{test}, mean over labels; {_counted(units)}")


def _coins(units: Units, *, seed: int) -> Callable[[int], NDArray[np.bool_]]:
    """Number of lines -> for each, which units swap their answers."""
    random = np.random.default_rng([seed, 1])
    return lambda n_lines: random.random((n_lines, units.n)) < 0.5


def _test_name(units: Units) -> str:
    return (
        f"paired permutation test, {N_PERMUTATIONS + 1} swaps; "
        f"paired BCa bootstrap interval, {intervals.N_RESAMPLES} resamples; {_counted(units)}"
    )


def _counted(units: Units) -> str:
    n = len(units.of_N)
    return f"{n} rows" + (f" in {units.n} groups, each drawn and swapped as a whole" if units.is_grouped else "")


def _verdict(paired: _Paired, *, is_higher_better: bool) -> Verdict:
    low, high = paired.ci95
    is_clear = paired.p_value < ALPHA and (low > 0 or high < 0)
    if not is_clear:  # nan lands here too
        return "not distinguishable"
    return "better" if (paired.difference > 0) == is_higher_better else "worse"

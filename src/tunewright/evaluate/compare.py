"""Is system a really better than system b? Both answered the same rows.

In: two systems' Predictions, a metric, a seed. Out: Comparison: the difference, its 95 % interval, a p-value and a
verdict that both must support. Its own file because a claim of "better" stands or falls here.
Axes: N rows, R resamples or permutations, C cells (kinds of row).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from tunewright.core.errors import EvalError
from tunewright.core.values import Comparison, Prediction, Task, Verdict
from tunewright.evaluate import classes, intervals, label_sets, numbers
from tunewright.evaluate.calibration import confidence_columns, errors_of
from tunewright.evaluate.definition import Definition, definition_of
from tunewright.evaluate.intervals import UNKNOWN, Interval
from tunewright.evaluate.metrics import metric_seed
from tunewright.evaluate.permutation import N_PERMUTATIONS, permutation_p
from tunewright.evaluate.ranking import area_difference, area_of, ranked_rows
from tunewright.evaluate.score import RowParts, row_parts

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
    by coin (permutation test), rows are resampled jointly (BCa bootstrap). The verdict needs both: p below .05 and an
    interval without 0. Without a common row: nan, "not distinguishable".
    Raises EvalError when the rows differ, or the task has no such metric.
    """
    definition = definition_of(metric, task=task)
    b = _aligned(a, b)
    paired = _paired(a, b, definition=definition, labels=labels, seed=metric_seed(seed, f"compare:{metric}"))
    return Comparison(
        a=a[0].system if a else "",
        b=b[0].system if b else "",
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
        cells = _cells(a, b)
        return _over_classes(cells, definition=definition, seed=seed) if cells.counts_C.sum() else _nothing(definition)
    if definition.kind == "numbers":
        return _over_numbers(a, b, definition=definition, seed=seed)
    if definition.kind == "ranking":
        return _over_ranks(a, b, definition=definition, labels=labels)
    if definition.kind == "confidence":
        return _over_confidence(a, b, definition=definition, seed=seed)
    parts_a, parts_b = _common(a, b, definition=definition, labels=labels)
    if not len(parts_a.numerators_N) or not (parts_a.denominators_N.sum() and parts_b.denominators_N.sum()):
        return _nothing(definition)
    if definition.kind == "proportion":
        return _right_or_wrong(parts_a.numerators_N > 0, parts_b.numerators_N > 0)
    return _ratios(parts_a, parts_b, seed=seed)


def _nothing(definition: Definition) -> _Paired:
    return _Paired(math.nan, UNKNOWN, math.nan, f"not run: {definition.missing}, for both systems")


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


def _ratios(a: RowParts, b: RowParts, *, seed: int) -> _Paired:
    parts_NP = np.column_stack([a.numerators_N, a.denominators_N, b.numerators_N, b.denominators_N])
    total_P = parts_NP.sum(axis=0)
    difference = float(_ratio_difference(total_P[None, :])[0])
    n = len(parts_NP)
    ci95 = UNKNOWN
    if n > 1:
        ci95 = intervals.bca(
            _ratio_difference(intervals.ratio_draws(parts_NP, seed=seed)),
            value=difference,
            left_out_C=_ratio_difference(total_P - parts_NP),
            counts_C=np.ones(n),
        )
    swap_NP = parts_NP[:, [2, 3, 0, 1]] - parts_NP
    random = np.random.default_rng([seed, 1])

    def permuted(n_lines: int) -> Floats:
        is_swapped_RN = random.random((n_lines, n)) < 0.5
        return _ratio_difference(total_P + is_swapped_RN @ swap_NP)

    return _Paired(difference, ci95, permutation_p(permuted, observed=difference, width=n), _test_name(n))


def _over_classes(cells: classes.Cells, *, definition: Definition, seed: int) -> _Paired:
    counts_C, metric = cells.counts_C, definition.name
    class_counts = classes.class_counts if definition.kind == "classes" else label_sets.label_counts
    random = np.random.default_rng([seed, 1])

    def difference(kept_BC: Floats, swapped_BC: Floats) -> Floats:
        """a minus b when of each cell some rows keep their two answers and the others swap them."""
        a, b = (
            class_counts(cells, system=system, weights_BC=kept_BC)
            + class_counts(cells, system=1 - system, weights_BC=swapped_BC)
            for system in (0, 1)
        )
        return np.asarray(classes.average(metric, a) - classes.average(metric, b))

    def resampled(weights_BC: Floats) -> Floats:
        return difference(weights_BC, np.zeros_like(weights_BC))

    def permuted(n_lines: int) -> Floats:
        swapped_BC = random.binomial(counts_C, 0.5, size=(n_lines, len(counts_C))).astype(np.float64)
        return difference(counts_C - swapped_BC, swapped_BC)

    observed = float(resampled(counts_C[None, :].astype(np.float64))[0])
    p_value = permutation_p(permuted, observed=observed, width=4 * max(len(counts_C), len(cells.names)))
    ci95 = intervals.cell_interval(resampled, counts_C=counts_C, seed=seed)
    return _Paired(observed, ci95, p_value, _test_name(int(counts_C.sum())))


def _over_numbers(a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, seed: int) -> _Paired:
    (numbers_N, first_N), (_, second_N) = numbers.numbers_of(a), numbers.numbers_of(b)
    is_known_N = np.isfinite(numbers_N) & np.isfinite(first_N) & np.isfinite(second_N)
    columns = tuple(column_N[is_known_N] for column_N in (numbers_N, first_N, second_N))
    statistic, n = numbers.STATISTICS[definition.name], int(is_known_N.sum())

    def difference(numbers_RN: Floats, first_RN: Floats, second_RN: Floats) -> Floats:
        return np.asarray(statistic(numbers_RN, first_RN) - statistic(numbers_RN, second_RN))

    observed = float(difference(*(column_N[None] for column_N in columns))[0]) if n else math.nan
    if not math.isfinite(observed):
        return _nothing(definition)
    random = np.random.default_rng([seed, 1])

    def permuted(n_lines: int) -> Floats:
        is_swapped_RN = random.random((n_lines, n)) < 0.5
        numbers_RN = np.broadcast_to(columns[0], is_swapped_RN.shape)
        pair = (np.where(is_swapped_RN, one, other) for one, other in ((columns[2], columns[1]), columns[1:]))
        return difference(numbers_RN, *pair)

    p_value = permutation_p(permuted, observed=observed, width=n)
    return _Paired(observed, numbers.interval(difference, *columns, seed=seed), p_value, _test_name(n))


def _over_confidence(a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, seed: int) -> _Paired:
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x.probabilities and y.probabilities and x.reference]
    if not pairs:
        return _nothing(definition)
    columns = [column_N for side in (0, 1) for column_N in confidence_columns([pair[side] for pair in pairs])]
    n, random = len(pairs), np.random.default_rng([seed, 1])

    def difference(*sides_RN: Floats) -> Floats:
        """Said and found of the first system, then of the second."""
        return errors_of(*sides_RN[:2]) - errors_of(*sides_RN[2:])

    def permuted(n_lines: int) -> Floats:
        is_swapped_RN = random.random((n_lines, n)) < 0.5
        return difference(*(np.where(is_swapped_RN, columns[i - 2], columns[i]) for i in range(4)))

    observed = float(difference(*(column_N[None] for column_N in columns))[0])
    p_value = permutation_p(permuted, observed=observed, width=n)
    return _Paired(observed, numbers.interval(difference, *columns, seed=seed), p_value, _test_name(n))


def _over_ranks(
    a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, labels: tuple[str, ...]
) -> _Paired:
    common = [(x, y) for x, y in zip(a, b, strict=True) if len(ranked_rows((x, y), labels)) == 2]
    difference, ci95, p_value = area_difference(*(area_of([pair[i] for pair in common], labels) for i in (0, 1)))
    if not math.isfinite(difference):
        return _nothing(definition)
    return _Paired(difference, ci95, p_value, f"DeLong's paired test, mean over labels; {len(common)} rows")


def _test_name(n: int) -> str:
    return (
        f"paired permutation test, {N_PERMUTATIONS + 1} swaps; "
        f"paired BCa bootstrap interval, {intervals.N_RESAMPLES} resamples; {n} rows"
    )


def _ratio_difference(sums_RP: Floats) -> Floats:
    return intervals.ratio(sums_RP[:, 0], sums_RP[:, 1]) - intervals.ratio(sums_RP[:, 2], sums_RP[:, 3])


def _common(
    a: Sequence[Prediction], b: Sequence[Prediction], *, definition: Definition, labels: tuple[str, ...]
) -> tuple[RowParts, RowParts]:
    parts_a, parts_b = (row_parts(side, metric=definition.name, labels=labels) for side in (a, b))
    is_common_N = parts_a.is_known & parts_b.is_known
    return parts_a.take(is_common_N), parts_b.take(is_common_N)


def _cells(a: Sequence[Prediction], b: Sequence[Prediction]) -> classes.Cells:
    pairs = [(first, second) for first, second in zip(a, b, strict=True) if first.reference]
    return classes.cells_of(
        [first.reference for first, _ in pairs],
        [first.answer for first, _ in pairs],
        [second.answer for _, second in pairs],
    )


def _aligned(a: Sequence[Prediction], b: Sequence[Prediction]) -> list[Prediction]:
    """b in the order of a.

    Raises EvalError when they are not about the same rows and references.
    """
    of_b = {prediction.row_id: prediction for prediction in b}
    ids_a = {prediction.row_id for prediction in a}
    if ids_a != of_b.keys() or len(ids_a) != len(a) or len(of_b) != len(b):
        raise EvalError(
            f"{a[0].system if a else 'a'} and {b[0].system if b else 'b'} did not answer the same rows",
            where="evaluate",
            why=_why_rows_differ(a, b),
            fix="score both systems on the same rows: remove the run's evaluate folder and run again",
        )
    matched = [of_b[prediction.row_id] for prediction in a]
    for first, second in zip(a, matched, strict=True):
        if first.reference != second.reference:
            raise EvalError(
                f"{first.system} and {second.system} have different references",
                where=first.row_id,
                fix="remove the run's evaluate folder and run again",
            )
    return matched


def _why_rows_differ(a: Sequence[Prediction], b: Sequence[Prediction]) -> str:
    ids_a, ids_b = [p.row_id for p in a], [p.row_id for p in b]
    facts = {
        "only in the first": sorted(set(ids_a) - set(ids_b)),
        "only in the second": sorted(set(ids_b) - set(ids_a)),
        "twice": sorted({row_id for ids in (ids_a, ids_b) for row_id, n in Counter(ids).items() if n > 1}),
    }
    return "; ".join(
        f"{where}: {', '.join(ids[:5])}{f' and {len(ids) - 5} more' if len(ids) > 5 else ''}"
        for where, ids in facts.items()
        if ids
    )


def _verdict(paired: _Paired, *, is_higher_better: bool) -> Verdict:
    low, high = paired.ci95
    is_clear = paired.p_value < ALPHA and (low > 0 or high < 0)
    if not is_clear:  # nan lands here too
        return "not distinguishable"
    return "better" if (paired.difference > 0) == is_higher_better else "worse"

"""Two systems' answers to the same rows, in one order.

In: their Predictions. Out: the second's in the order of the first's. Its own file because every paired number depends
on it: a row that only one of them answered must not slip in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress

from tunewright.core.errors import EvalError
from tunewright.core.values import Prediction


def aligned(a: Sequence[Prediction], b: Sequence[Prediction]) -> list[Prediction]:
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


def answered_by_all(*sides: Sequence[Prediction]) -> tuple[Sequence[Prediction], ...]:
    """The rows that nobody's answer is missing of; sides in one order."""
    kept = [not any(p.is_missing for p in row) for row in zip(*sides, strict=True)]
    return sides if all(kept) else tuple(tuple(compress(side, kept)) for side in sides)


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

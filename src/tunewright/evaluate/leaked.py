"""The scores once more, without the test rows that stand in train or validation too.

In: evidence.json's records and the ids of the rows on each side. Out: Leaked, one for each wider meaning of "too", and
the form of the scores without them. Its own file because it answers another question than the score itself: how much of
it may be memory.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.values import Comparison, Metric, Prediction, Verdict

CHECK = "leakage"
EQUAL_KINDS = ("exact", "normalised")
"""Kinds of evidence that say a row asks the same; every other kind says it is similar."""
HARMLESS_KINDS = ("answer",)
"""A row that gives the same answer to another question gives no question away."""


@dataclass(frozen=True, slots=True)
class Leaked:
    """Test rows whose question a row that was learned from asks too, by id."""

    kinds: tuple[str, ...]
    """Of the evidence, as prepare calls them."""
    row_ids: frozenset[str]
    is_equal: bool
    """They ask the same; else some are only similar."""


@dataclass(frozen=True, slots=True)
class WithoutLeaked:
    """Every system on the test rows that are left."""

    kinds: tuple[str, ...]
    is_equal: bool
    left_out: int
    rows: int
    """Test rows that are left."""
    systems: Mapping[str, Mapping[str, Metric]]
    comparisons: tuple[Comparison, ...]
    status: Verdict
    """What the verdict would be."""


def leaked(
    evidence: Iterable[Mapping[str, Any]], *, learned: Collection[str], tested: Collection[str]
) -> tuple[Leaked, ...]:
    """Rows that ask the same, then those and the similar ones; only what adds rows. Empty: no row leaked.

    learned: ids of the rows of train and validation: what was taken out of them gives nothing away any more.
    """
    found: dict[str, set[str]] = {}
    for record in evidence:
        ids = record["row_ids"]
        if record["check"] != CHECK or record["kind"] in HARMLESS_KINDS:
            continue
        if any(row_id in learned for row_id in ids):
            found.setdefault(record["kind"], set()).update(row_id for row_id in ids if row_id in tested)
    kinds = sorted(kind for kind, ids in found.items() if ids)
    equal = tuple(kind for kind in kinds if kind in EQUAL_KINDS)
    made = [
        Leaked(some, frozenset().union(*(found[kind] for kind in some)), some == equal)
        for some in dict.fromkeys((equal, tuple(kinds)))
        if some
    ]
    return tuple(made[:1] if len(made) > 1 and made[0].row_ids == made[1].row_ids else made)


def kept(predictions: Sequence[Prediction], *, out: Leaked) -> tuple[Prediction, ...]:
    """The answers to rows that did not leak, in order."""
    return tuple(prediction for prediction in predictions if prediction.row_id not in out.row_ids)


def read_evidence(prepared: Path) -> tuple[Mapping[str, Any], ...]:
    """What the findings of a finished prepare stage stand on; none when its checks wrote none."""
    path = prepared / "evidence.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))["evidence"]) if path.is_file() else ()

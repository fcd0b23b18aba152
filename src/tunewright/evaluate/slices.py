"""Where is the model weak? Its score on parts of the test rows: short and long texts, labels, languages, columns.

In: the subject's and a rival's Predictions, the rows. Out: Slices, each beside all other rows. Its own file because one
number over all rows hides a part that fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import py3langid
from numpy.typing import NDArray

from tunewright.core.label_sets import labels_of
from tunewright.core.values import Metric, Prediction, Row, Task
from tunewright.evaluate.measures.definition import definition_of
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.score import of_sums, row_parts
from tunewright.evaluate.statistics.between import holm
from tunewright.evaluate.statistics.compare import ALPHA
from tunewright.evaluate.statistics.permutation import permutation_ps
from tunewright.evaluate.statistics.units import units_of
from tunewright.text.render import prompt_of

Floats = NDArray[np.float64]

LEAST_ROWS = 20
"""Of a slice and of the rest: with fewer the interval of a share of .5 is 40 points wide (Wilson)."""
MOST_VALUES = 50
"""Values of one feature, the most frequent: a column with a value for each row slices nothing."""
LANGUAGE_BYTES = 60
"""A shorter text is no evidence of a language (prepare.checks.languages)."""
N_LENGTHS = 4
"""Parts of about equally many rows."""
ROW_KINDS = ("proportion", "ratio", "corpus")
"""Kinds of metric that a part of the rows can be compared with the rest in."""

Word = Literal["weaker", "stronger", ""]
"""Beside the rest; empty where chance explains it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Test rows that have something in common."""

    feature: str
    """length, label, language, group, or a column of data.slice_columns."""
    value: str
    n: int
    subject: Metric
    """On these rows."""
    rival: Metric | None
    """The rival on these rows."""
    rival_system: str
    """Who that is; empty for none."""
    difference: float
    """The subject's metric here less on all other rows; nan where it cannot be compared."""
    p_value: float
    """That rows drawn at random would differ as much, corrected for all slices (Holm); nan where not compared."""
    word: Word = ""


def slices(
    rows: Sequence[Row],
    subject: Sequence[Prediction],
    rival: Sequence[Prediction] | None,
    *,
    metric: str,
    task: Task,
    labels: tuple[str, ...],
    seed: int,
) -> tuple[Slice, ...]:
    """Every value of every feature that has LEAST_ROWS rows and leaves as many, in the order of the features."""

    def measured(answers: Sequence[Prediction], ids: set[str]) -> Metric:
        kept = [p for p in answers if p.row_id in ids]
        return metrics(kept, task=task, labels=labels, seed=seed, wanted=(metric,))[metric]

    name = rival[0].system if rival else ""

    def of_rival(ids: set[str]) -> Metric | None:
        return None if rival is None else measured(rival, ids)

    named = [
        (feature, value, ids)
        for feature, by_value in features(rows, task=task).items()
        for value, ids in _large(by_value, n=len(rows))
    ]
    beside = _against_the_rest(subject, [ids for *_, ids in named], metric=metric, task=task, labels=labels, seed=seed)
    adjusted = iter(holm([p for _, p in beside if math.isfinite(p)]))
    return tuple(
        _judged(
            Slice(feature, value, len(ids), measured(subject, ids), of_rival(ids), name, difference, p),
            p_holm=next(adjusted) if math.isfinite(p) else math.nan,
        )
        for (feature, value, ids), (difference, p) in zip(named, beside, strict=True)
    )


def _judged(one: Slice, *, p_holm: float) -> Slice:
    is_good = (one.difference > 0) == one.subject.is_higher_better
    word: Word = ("stronger" if is_good else "weaker") if p_holm < ALPHA and one.difference else ""
    return replace(one, p_value=p_holm, word=word)


def features(rows: Sequence[Row], *, task: Task) -> dict[str, dict[str, set[str]]]:
    """Feature -> value -> ids of the rows that have it. A row has one value, but of several labels each."""
    texts = {row.row_id: _text(row) for row in rows}
    named: list[tuple[str, str, str]] = []
    for row in rows:
        if row.label is not None and task in ("classify", "multilabel"):
            found = labels_of(row.label) if task == "multilabel" else (row.label,)
            named += [("label", label, row.row_id) for label in found]
        named.append(("language", _language(texts[row.row_id]), row.row_id))
        if row.group:
            named.append(("group", row.group, row.row_id))
        named += [(column, value, row.row_id) for column, value in row.columns]
    out: dict[str, dict[str, set[str]]] = {"length": _by_length(texts)}
    for feature, value, row_id in named:
        out.setdefault(feature, {}).setdefault(value, set()).add(row_id)
    return out


def _against_the_rest(
    subject: Sequence[Prediction],
    parts: Sequence[set[str]],
    *,
    metric: str,
    task: Task,
    labels: tuple[str, ...],
    seed: int,
) -> list[tuple[float, float]]:
    """For each part the difference to all other rows, and the p-value: as many units drawn at random differ as much.

    nan where a part cuts through groups: drawing their rows singly would promise more than is known. One shuffle of the
    units serves all parts: the first k of it are a random draw of k.
    """
    nothing = [(math.nan, math.nan)] * len(parts)
    if definition_of(metric, task=task).kind not in ROW_KINDS:
        return nothing
    parts_NP = row_parts(subject, metric=metric, labels=labels)
    known = [i for i, has in enumerate(np.isfinite(parts_NP[:, 0])) if has]
    units, statistic = units_of([subject[i] for i in known]), of_sums(metric)
    is_in_NS = np.array([[subject[i].row_id in ids for ids in parts] for i in known], dtype=np.float64)
    share_US = units.sums(is_in_NS.reshape(len(known), len(parts))) / units.sums(np.ones((len(known), 1)))
    is_whole_S = np.isin(share_US, (0, 1)).all(axis=0) & (share_US.sum(axis=0) > 0) & (share_US.sum(axis=0) < units.n)
    kept = np.flatnonzero(is_whole_S)
    if not len(kept):
        return nothing
    parts_UP, random = units.sums(parts_NP[known]), np.random.default_rng([seed, 2])
    total_P, sizes_S = parts_UP.sum(axis=0), share_US[:, kept].sum(axis=0).astype(np.int64)

    def difference(sums_BP: Floats) -> Floats:
        return np.asarray(statistic(sums_BP) - statistic(total_P - sums_BP))

    def shuffled(n_lines: int) -> Floats:
        order_RU = random.permuted(np.broadcast_to(np.arange(units.n), (n_lines, units.n)), axis=1)
        sums_RSP = parts_UP[order_RU].cumsum(axis=1)[:, sizes_S - 1]
        return difference(sums_RSP.reshape(-1, sums_RSP.shape[-1])).reshape(n_lines, len(kept))

    observed_S = difference(share_US[:, kept].T @ parts_UP)
    p_S = permutation_ps(shuffled, observed_S=observed_S, width=units.n * parts_UP.shape[1])
    found = dict(zip(kept.tolist(), zip(observed_S.tolist(), p_S.tolist(), strict=True), strict=True))
    return [found.get(place, nothing[0]) for place in range(len(parts))]


def _large(by_value: Mapping[str, set[str]], *, n: int) -> Iterator[tuple[str, set[str]]]:
    """Those with enough rows, in the order they came; at most MOST_VALUES of the largest."""
    kept = {value: ids for value, ids in by_value.items() if LEAST_ROWS <= len(ids) <= n - LEAST_ROWS}
    largest = sorted(kept, key=lambda value: -len(kept[value]))[:MOST_VALUES]
    return ((value, ids) for value, ids in kept.items() if value in largest)


def _by_length(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Characters of what is read, in parts of about equally many rows."""
    lengths = {row_id: len(text) for row_id, text in texts.items()}
    parts = [k / N_LENGTHS for k in range(1, N_LENGTHS)]
    edges = sorted({int(edge) for edge in np.quantile(list(lengths.values()), parts)}) if lengths else []
    out: dict[str, set[str]] = {}
    for place in range(len(edges) + 1):
        low, high = edges[place - 1] if place else -1, edges[place] if place < len(edges) else None
        name = f"over {low:,} characters" if high is None else f"{low + 1:,} to {high:,} characters"
        ids = {row_id for row_id, n in lengths.items() if n > low and (high is None or n <= high)}
        if ids:
            out[name] = ids
    return out


def _text(row: Row) -> str:
    """What the model reads of a row."""
    return row.text or "\n".join(message.content for message in prompt_of(row.messages))


def _language(text: str) -> str:
    if len(text.encode("utf-8", "replace")) < LANGUAGE_BYTES:
        return "too short to tell"
    return str(py3langid.classify(text)[0])

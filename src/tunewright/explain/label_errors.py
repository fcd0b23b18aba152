"""Train labels that the tuned model itself doubts, when it has not learned from them.

In: the resolved plan, train rows, the training verb. Out: label_errors.csv, which `prepare.review` takes, and a record
of what was found. Its own file because it asks about the data, while every other explanation asks about an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.events import Tracker
from tunewright.core.values import Row
from tunewright.explain.folds import N_FOLDS, Folds, folds_of
from tunewright.explain.held_out import HeldOut, Retrain, held_out
from tunewright.text.doubts import HARDLY_LEARNED, MARGIN_NATS, doubts_of, suspects
from tunewright.text.private import masked
from tunewright.text.review_table import shown_text, write_table

FILE = "label_errors.csv"
FOLDER = "held_out"
LISTED = 20
"""Suspicious rows in the record, for a report; all stand in label_errors.csv."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """A row whose label is probably wrong."""

    row: Row
    seems: str
    """The label it looks like."""
    p_own: float
    p_seems: float


def label_errors(
    rows: Sequence[Row],
    *,
    labels: tuple[str, ...],
    seed: int,
    retrain: Retrain,
    prepared: Path,
    work: Path,
    tell: Tracker,
) -> dict[str, Any]:
    """The record; label_errors.csv and held_out/ are written into `work`.

    labels: of the run, in the order of the model's classes.
    """
    folds = folds_of(rows, seed=seed)
    if len(folds.labels) < 2:
        write_table(work / FILE, ())
        return {"not_run": f"it needs two labels with {N_FOLDS} different train texts each", "rows": []}
    found = held_out(
        rows,
        folds.fold_of,
        retrain=retrain,
        prepared=prepared,
        folder=work / FOLDER,
        n_labels=len(labels),
        tell=tell,
    )
    doubted, n_looked = _doubted(rows, folds, found, labels=labels)
    write_table(work / FILE, [review_line(one) for one in doubted])
    return {
        "file": FILE,
        "n_looked": n_looked,
        "n_suspects": len(doubted),
        "not_looked": {"labels with too few rows": folds.n_rare, "more rows than can be held": folds.n_too_many},
        "n_models": N_FOLDS,
        "seconds": found.seconds,
        "sentence": sentence(doubted, n_looked=n_looked),
        "signature": signature(seed=seed),
        "labels": list(labels),
        "rows": [_record(one) for one in doubted[:LISTED]],
    }


def review_line(one: Doubted) -> tuple[str, ...]:
    """Cells of the table that `prepare.review` reads; the decision is a person's."""
    label = str(one.row.label)
    reason = masked(
        f"label errors: {label!r} looks like {one.seems!r} to a model that never saw the row "
        f"({one.p_seems:.0%} against {one.p_own:.0%})"
    )
    return one.row.row_id, shown_text(one.row.text), label, one.seems, reason, ""


def sentence(doubted: Sequence[Doubted], *, n_looked: int) -> str:
    """What was found, in words that end where a person may stop reading."""
    if not doubted:
        return f"no label of {n_looked:,} train rows is probably wrong"
    first, share = doubted[0], len(doubted) / n_looked
    rows = f"{len(doubted):,} of {n_looked:,} train rows ({share:.1%})"
    if share > HARDLY_LEARNED:
        return f"{rows} have a label that hardly follows from their text: is it the right column?"
    have = "has" if len(doubted) == 1 else "have"
    example = masked(f"as {first.row.row_id}: {first.row.label!r} looks like {first.seems!r}")
    return f"{rows} {have} a label that is probably wrong, {example}"


def signature(*, seed: int) -> str:
    """How the numbers were made, so that two reports can be compared."""
    return (
        f"label_errors: {N_FOLDS} models trained with the run's plan on the other {N_FOLDS - 1} of {N_FOLDS} parts of "
        f"the train rows (by label and text, seed {seed}); ranked by how many times, and by {MARGIN_NATS:g} nats times "
        "how much, another label is likelier; counted by confident learning (Northcutt et al. 2021)"
    )


def _doubted(
    rows: Sequence[Row], folds: Folds, found: HeldOut, *, labels: tuple[str, ...]
) -> tuple[tuple[Doubted, ...], int]:
    """The suspicious rows, the most suspicious first, and how many were looked at."""
    known = set(folds.labels)
    asked = [i for i, fold in enumerate(folds.fold_of) if fold is not None and rows[i].label in known]
    columns = [labels.index(label) for label in folds.labels]
    p_NC = found.p_NC[np.ix_(asked, columns)]
    place = {label: at for at, label in enumerate(folds.labels)}
    label_N = np.array([place[str(rows[i].label)] for i in asked])
    doubted = doubts_of(p_NC, label_N)
    return tuple(
        Doubted(
            rows[asked[n]],
            folds.labels[int(doubted.best_N[n])],
            p_own=float(p_NC[n, label_N[n]]),
            p_seems=float(p_NC[n, doubted.best_N[n]]),
        )
        for n in suspects(doubted, label_N)
    ), len(asked)


def _record(one: Doubted) -> dict[str, Any]:
    return {
        "row_id": one.row.row_id,
        "text": shown_text(one.row.text),
        "label": masked(str(one.row.label)),
        "suggestion": masked(one.seems),
        "probability": one.p_own,
        "probability_of_suggestion": one.p_seems,
    }

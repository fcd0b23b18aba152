"""Labels that are probably wrong.

In: train rows with labels. Out: the suspicious ones, the most suspicious first, each with the label it looks like. Its
own file because it is the one check that learns: a model that never saw a row is surprised by its label.
Axes: N rows, C labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from tunewright.core.values import Dropped, Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.prepare.split import drawn
from tunewright.tables.words import few, percent, rows
from tunewright.text.keywords import keyword_features, keyword_model

NAME = "label_errors"
FOLDS = 5
"""A label needs a row in each."""
LEAST_ROWS = 200
"""Fewer teach a model too little to doubt anybody."""
MOST_CELLS = 1_600_000
"""Rows times labels that are looked at; half as many (banking77) took 5 s. Of more, rows are drawn by seed,
and it is said."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """What out-of-fold models think of the labels, by row."""

    loss_N: NDArray[np.float64]
    """nats of the row's own label."""
    best_N: NDArray[np.int64]
    """The likeliest label."""
    n_wrong: int
    """How many labels are probably wrong."""


def look(shown: Look) -> Found:
    """drop leaves the suspicious rows out, fix gives them the label they look like; of train only."""
    counts = Counter(k.row.label for k in shown.rows["train"])
    able = [k.row for k in shown.rows["train"] if k.row.label is not None and counts[k.row.label] >= FOLDS]
    names = sorted({str(row.label) for row in able})
    if len(able) < LEAST_ROWS or len(names) < 2:
        return Found(not_run=f"it needs {LEAST_ROWS} train rows and two labels with {FOLDS} rows each")
    n_looked = min(len(able), MOST_CELLS // len(names))
    looked = [able[i] for i in drawn(len(able), n_looked, seed=shown.seed, name="label errors")]
    if not any(re.search(r"\w", row.text) for row in looked):
        return Found(not_run="the texts have no words")
    doubted = doubts([row.text for row in looked], [names.index(str(row.label)) for row in looked], seed=shown.seed)
    order = np.argsort(-doubted.loss_N, kind="stable")[: doubted.n_wrong]
    wrong = [(looked[i], names[doubted.best_N[i]]) for i in order if names[doubted.best_N[i]] != looked[i].label]
    return _found(wrong, shown=shown, n_looked=len(looked), n_able=len(able)) if wrong else Found()


CHECK = Check("label that is probably wrong", ("split",), look, actions=("report", "drop", "fix"), tasks=("classify",))


def doubts(texts: Sequence[str], labels: Sequence[int], *, seed: int) -> Doubts:
    """Out-of-fold probabilities of the keyword model; the loss ranks, confident learning counts.

    labels: 0 to C - 1, each at least FOLDS times.
    Source: Chong et al. 2022 (ranking by out-of-sample loss); Northcutt et al. 2021 (the count: rows whose probability
    of another label is at least that label's usual one).
    """
    features, label_N = keyword_features(texts).fit_transform(texts).tocsr(), np.asarray(labels)
    p_NC = np.zeros((len(texts), int(label_N.max()) + 1))
    for train, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, label_N):
        model = keyword_model(seed).fit(features[train], label_N[train])
        p_NC[np.ix_(held, model.classes_)] = model.predict_proba(features[held])
    own_N = p_NC[np.arange(len(texts)), label_N]
    usual_C = np.array([own_N[label_N == c].mean() for c in range(p_NC.shape[1])])
    sure_NC = np.where(p_NC >= usual_C, p_NC, -1.0)
    n_wrong = int(((sure_NC.max(1) >= 0) & (sure_NC.argmax(1) != label_N)).sum())
    return Doubts(-np.log(np.maximum(own_N, 1e-12)), p_NC.argmax(1), n_wrong)


def _found(wrong: Sequence[tuple[Row, str]], *, shown: Look, n_looked: int, n_able: int) -> Found:
    action = shown.actions[NAME]
    ids = tuple(row.row_id for row, _ in wrong)
    first, seems = wrong[0]
    of = f"{n_looked:,} looked at" if n_looked == n_able else f"{n_looked:,} drawn of {n_able:,}"
    done = {"report": "they stay as they are", "drop": "they are left out", "fix": "they get the label they look like"}
    message = (
        f"{rows(len(ids), 'train')} ({percent(len(ids), n_looked)} of {of}) have a label that is probably wrong, as "
        f"{first.row_id}: {first.label!r} looks like {seems!r}; {done[action]}"
    )
    suggestion = f"look at them first ({few(ids)}), then prepare.actions.{NAME}=drop"
    return Found(
        (Finding(NAME, "info", message, ids, suggestion, action),),
        dropped=tuple(Dropped(row.row_id, NAME, f"{row.label!r} looks like {seems!r}") for row, seems in wrong)
        if action == "drop"
        else (),
        repaired={row.row_id: replace(row, label=seems) for row, seems in wrong} if action == "fix" else {},
        suspects=tuple(Suspect(row.row_id, NAME, f"{row.label!r} looks like {seems!r}", seems) for row, seems in wrong),
    )

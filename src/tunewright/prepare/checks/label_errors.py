"""Labels that are probably wrong.

In: train rows with labels. Out: the suspicious ones, the most suspicious first, each with the label it looks like. Its
own file because it is the one check that learns: a model that never saw a row is surprised by its label.
Axes: N rows, C labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold

from tunewright.core.values import Dropped, Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.prepare.split import drawn
from tunewright.tables.words import few, percent, rows
from tunewright.text.doubts import HARDLY_LEARNED, Doubts, doubts_of, suspects
from tunewright.text.keywords import keyword_features, keyword_model

NAME = "label_errors"
FOLDS = 5
"""A label needs a row in each."""
LEAST_ROWS = 200
"""Fewer teach a model too little to doubt anybody."""
MOST_CELLS = 800_000
"""Rows times labels that are looked at; as many (banking77) took 10 s. Of more, rows are drawn by seed, and it is
said."""


def look(shown: Look) -> Found:
    """drop leaves the suspicious rows out, fix gives them the label they look like; of train only."""
    able, names = _able([k.row for k in shown.rows["train"]])
    if len(able) < LEAST_ROWS or len(names) < 2:
        return Found(not_run=f"it needs {LEAST_ROWS} train rows and two labels with {FOLDS} rows each")
    n_drawn, n_labels = MOST_CELLS // len(names), len(names)
    looked, names = _able([able[i] for i in drawn(len(able), n_drawn, seed=shown.seed, name="label errors")])
    if len(looked) < LEAST_ROWS or len(names) < 2:
        return Found(
            not_run=f"{n_labels:,} labels are too many: of the {rows(n_drawn, 'train')} that it can look at, "
            f"{len(looked):,} have a label with {FOLDS} rows each among them, and it needs {LEAST_ROWS} and two labels"
        )
    if not any(re.search(r"\w", row.text) for row in looked):
        return Found(not_run="the texts have no words")
    place = {name: i for i, name in enumerate(names)}
    label_N = np.array([place[str(row.label)] for row in looked])
    doubted = doubts([row.text for row in looked], label_N.tolist(), seed=shown.seed)
    wrong = [(looked[i], names[doubted.best_N[i]]) for i in suspects(doubted, label_N)]
    return _found(wrong, shown=shown, n_looked=len(looked), n_able=len(able)) if wrong else Found()


CHECK = Check("label that is probably wrong", ("split",), look, actions=("report", "drop", "fix"), tasks=("classify",))


def doubts(texts: Sequence[str], labels: Sequence[int], *, seed: int) -> Doubts:
    """What the keyword model, which never saw the row, thinks of its label.

    Asked twice: wrong labels teach wrong things, so the second time it does not learn from the suspects of the first.
    Average precision on confusable labels of banking77 rises from .85 to .88, as far as vectors of minilm-l6 get.
    labels: 0 to C - 1, each at least FOLDS times.
    """
    features, label_N = keyword_features(texts).fit_transform(texts).tocsr(), np.asarray(labels)
    is_trusted_N = np.ones(len(label_N), dtype=np.bool_)
    first = doubts_of(_out_of_fold(features, label_N, is_trusted_N, seed=seed), label_N)
    is_trusted_N[suspects(first, label_N)] = False
    left_C = np.bincount(label_N[is_trusted_N], minlength=int(label_N.max()) + 1)
    is_trusted_N |= (left_C < FOLDS)[label_N]  # of a label that is doubted as a whole nothing could be learned
    return doubts_of(_out_of_fold(features, label_N, is_trusted_N, seed=seed), label_N)


def _out_of_fold(
    features: csr_matrix, label_N: NDArray[np.int64], is_trusted_N: NDArray[np.bool_], *, seed: int
) -> NDArray[np.float64]:
    """Probabilities [N, C] by models that never saw the row and learned from trusted rows only."""
    p_NC = np.zeros((len(label_N), int(label_N.max()) + 1))
    for rest, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, label_N):
        learned = rest[is_trusted_N[rest]]
        model = keyword_model(seed).fit(features[learned], label_N[learned])
        p_NC[np.ix_(held, model.classes_)] = model.predict_proba(features[held])
    return p_NC


def _able(some: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Rows whose label has enough of them to learn from, and those labels."""
    counts = Counter(row.label for row in some)
    able = [row for row in some if row.label is not None and counts[row.label] >= FOLDS]
    return able, sorted({str(row.label) for row in able})


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
    if len(ids) > HARDLY_LEARNED * n_looked:
        suggestion = "labels hardly follow from these texts: is it the right column? data.label_column=COLUMN"
    return Found(
        (Finding(NAME, "info", message, ids, suggestion, action),),
        dropped=tuple(Dropped(row.row_id, NAME, f"{row.label!r} looks like {seems!r}") for row, seems in wrong)
        if action == "drop"
        else (),
        repaired={row.row_id: replace(row, label=seems) for row, seems in wrong} if action == "fix" else {},
        suspects=tuple(Suspect(row.row_id, NAME, f"{row.label!r} looks like {seems!r}", seems) for row, seems in wrong),
    )

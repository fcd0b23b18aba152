"""What a model answers to the test rows: one that the run trained, an outside one, or the one before tuning.

In: Contest, the system's name. Out: Answered. Its own file because every model is loaded, asked and its answers kept in
one way, whichever system it stands for.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core.files import file_digest
from tunewright.core.plan import plan_dict
from tunewright.core.scale import answer_text
from tunewright.core.tasks import LABELLED
from tunewright.core.values import Encoded, Prediction, Row, Subject
from tunewright.evaluate.asking import Asked, answered_rows, encoded_rows, label_predictions, language_predictions
from tunewright.evaluate.contest import Answers, Contest
from tunewright.evaluate.kept_answers import Answered, in_parts
from tunewright.evaluate.rivals.label_sets import set_predictions
from tunewright.model.classes import class_probabilities
from tunewright.model.head_outputs import predicted_numbers
from tunewright.model.load import Loaded
from tunewright.model.outside import outside_subject
from tunewright.model.subject import load_base, load_subject

WEIGHTS = ("adapter", "model")
"""Folders of a training that its model is loaded from."""
SETTINGS = {
    "model": ("dtype", "quantization", "trust_remote_code"),
    "prepare": ("max_length",),
    "evaluate": ("max_new_tokens", "label_scoring"),
    "run": ("device", "threads"),
}
"""Fields of the plan that an answer hangs on, beside the model and the row."""
Shown = Mapping[str, tuple[Row, ...]]


def measured(contest: Contest, system: str) -> Answered:
    """The model that the run trained, or a folder of another tool: loaded and asked in the same way."""
    subject = contest.subject
    if system != subject.name:
        subject = outside_subject(system, beside=subject)
    return _in_parts(contest, system, model=lambda: files_of(subject), load=lambda: load_subject(subject), shown={})


def before_tuning(contest: Contest, system: str, *, shown: Shown | None = None) -> Answered:
    """The model that the subject was made from. shown: train rows before each question, by row id."""
    card = contest.subject.card
    return _in_parts(
        contest,
        system,
        model=lambda: {"card": card.fingerprint, "few bits": contest.subject.quantization},
        load=lambda: load_base(contest.subject),
        shown=shown or {},
    )


def files_of(subject: Subject) -> dict[str, Any]:
    """What makes a model answer as it does: the content of its files, and what it was made from."""
    folder = Path(subject.folder)
    places = [place for name in WEIGHTS if (place := folder / name).is_dir()] or [folder]
    files = sorted(path for place in places for path in place.rglob("*") if path.is_file())
    return {
        "files": {str(path.relative_to(folder)): file_digest(path) for path in files},
        "subject": asdict(replace(subject, folder="", card=replace(subject.card, path="", name=""))),
    }


def _in_parts(
    contest: Contest,
    system: str,
    *,
    model: Callable[[], Mapping[str, Any]],
    load: Callable[[], Loaded],
    shown: Shown,
) -> Answered:
    """The model is loaded when the first part is not known."""
    plan = contest.plan
    written = {row.row_id for row in answered_rows(contest.test, limit=plan.evaluate.limit, seed=plan.run.seed)}
    loaded, about = cache(load), cache(model)
    sections = plan_dict(plan)
    settings = {name: {field: sections[name].get(field) for field in of} for name, of in SETTINGS.items()}

    def depends_on(part: Sequence[Row]) -> dict[str, Any]:
        return {
            "system": system,
            "task": plan.task,
            "labels": contest.facts.labels,
            "model": about(),
            "settings": settings,
            "written": [row.row_id for row in part if row.row_id in written],
            "shown": {row.row_id: [asdict(one) for one in shown.get(row.row_id, ())] for row in part},
        }

    def answer(part: tuple[Row, ...]) -> Answers:
        return model_predictions(contest, loaded(), system=system, rows=part, shown=shown)

    return in_parts(contest.test, folder=contest.kept, depends_on=depends_on, answer=answer)


def model_predictions(
    contest: Contest,
    loaded: Loaded,
    *,
    system: str,
    rows: tuple[Row, ...] | None = None,
    shown: Shown | None = None,
) -> Answers:
    """By the class head, by asking for the label names, or in words: what the task and the model allow.

    rows: a part of the test rows; None: all.
    """
    plan, labels, test = contest.plan, contest.facts.labels, contest.test
    rows = test if rows is None else rows
    asked = Asked(loaded, system, plan, labels, rows, contest.tell, shown or {}, whole=test)
    if plan.task == "regress":
        return _number_predictions(contest, loaded, rows, system=system)
    if plan.task not in LABELLED:
        return language_predictions(asked)
    return _class_predictions(contest, loaded, rows, system=system) if loaded.labels else label_predictions(asked)


def _encoded(contest: Contest, loaded: Loaded, rows: Sequence[Row]) -> tuple[Encoded, ...]:
    return encoded_rows(rows, plan=contest.plan, loaded=loaded, labels=contest.facts.labels)


def _number_predictions(contest: Contest, loaded: Loaded, rows: tuple[Row, ...], *, system: str) -> Answers:
    numbers_N = predicted_numbers(loaded, _encoded(contest, loaded, rows))
    return tuple(
        Prediction(row.row_id, system, answer=answer_text(float(number)), reference=row.label or "")
        for row, number in zip(rows, numbers_N, strict=True)
    )


def _class_predictions(contest: Contest, loaded: Loaded, rows: tuple[Row, ...], *, system: str) -> Answers:
    """The likeliest of the model's own classes; one that the rows do not have is a wrong answer."""
    p_NC = class_probabilities(loaded, _encoded(contest, loaded, rows))
    p_NL = in_label_order(p_NC, own=loaded.labels, labels=contest.facts.labels)
    if contest.plan.task == "multilabel":
        found = set_predictions(system, rows, p_NC, labels=loaded.labels)
        return tuple(replace(p, probabilities=array("d", p_L)) for p, p_L in zip(found, p_NL, strict=True))
    return tuple(
        Prediction(
            row.row_id,
            system,
            answer=loaded.labels[int(p_C.argmax())],
            reference=row.label or "",
            probabilities=array("d", p_L),
        )
        for row, p_C, p_L in zip(rows, p_NC, p_NL, strict=True)
    )


def in_label_order(p_NC: NDArray[np.float64], *, own: Sequence[str], labels: Sequence[str]) -> NDArray[np.float64]:
    """Columns by name; 0 for a label that the model does not know, classes that the rows do not have are left out."""
    known = [name for name in labels if name in own]
    p_NL = np.zeros((len(p_NC), len(labels)))
    p_NL[:, [list(labels).index(name) for name in known]] = p_NC[:, [list(own).index(name) for name in known]]
    return p_NL

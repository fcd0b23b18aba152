"""Who is compared, each answering the same test rows.

In: Contest. Out: Results. Its own file because a system is one function in one table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import EvalError
from tunewright.core.evaluate_plan import API, OUTSIDE
from tunewright.core.scale import answer_text
from tunewright.core.systems import SCRATCH, TUNED, is_scratch
from tunewright.core.tasks import LABELLED
from tunewright.core.values import Encoded, Example, Prediction, Row, Split
from tunewright.evaluate.able import unknown, why_not
from tunewright.evaluate.asking import Asked, encoded_rows, label_predictions, language_predictions
from tunewright.evaluate.contest import Answers, Contest, Results
from tunewright.evaluate.remote.answers import api_predictions
from tunewright.evaluate.rivals.few_shot import shown_rows
from tunewright.evaluate.rivals.keywords import keyword_predictions
from tunewright.evaluate.rivals.label_sets import (
    common_set_predictions,
    set_predictions,
    set_probe_predictions,
    sets,
)
from tunewright.evaluate.rivals.numbers import mean_predictions, number_probe_predictions
from tunewright.evaluate.rivals.probe import cosine_predictions, probe_predictions
from tunewright.evaluate.rivals.scratch import from_scratch
from tunewright.evaluate.rivals.simple import majority_predictions
from tunewright.model.classes import class_probabilities
from tunewright.model.head_outputs import predicted_numbers
from tunewright.model.load import Loaded
from tunewright.model.outside import outside_subject
from tunewright.model.subject import load_base, load_subject
from tunewright.model.vectors import text_vectors
from tunewright.text.encode import encode


def run_systems(contest: Contest) -> Results:
    """Every system of the plan, in its order; one that cannot run is named with the reason.

    Addresses are asked first: what is wrong with one is known before hours of our own answering.

    Raises EvalError when the subject is not among them: there is nothing to prove then.
    """
    if contest.subject.name not in contest.plan.evaluate.systems:
        raise EvalError("the tuned model is left out", where="evaluate.systems", fix="evaluate.systems=[tuned, base]")
    predictions: dict[str, Answers] = {}
    seconds: dict[str, float] = {}
    not_run: dict[str, str] = {}
    asked = contest.plan.evaluate.systems
    for system in sorted(asked, key=lambda name: not name.startswith(API)):
        why = _unable(system, contest)
        if why:
            not_run[system] = why
            continue
        started = time.perf_counter()
        predictions[system] = _answered(system, contest)
        seconds[system] = time.perf_counter() - started
    order = [system for system in asked if system in predictions]
    not_run = {system: not_run[system] for system in asked if system in not_run}
    return Results({name: predictions[name] for name in order}, {name: seconds[name] for name in order}, not_run)


def measured(contest: Contest, system: str) -> Answers:
    """The model that the run trained, or a folder of another tool: loaded and asked in the same way."""
    subject = contest.subject
    if system != subject.name:
        subject = outside_subject(system, beside=subject)
    return _model_predictions(contest, load_subject(subject), system=system)


def scratch(contest: Contest, system: str = SCRATCH) -> Answers:
    """The same architecture from random weights; evaluate/rivals/scratch.py says by which rules."""
    assert contest.trainer is not None
    return from_scratch(
        system,
        contest.plan,
        trainer=contest.trainer,
        answer=lambda subject: _model_predictions(contest, load_subject(subject), system=system),
    ).predictions


def tuned(contest: Contest) -> Answers:
    return measured(contest, TUNED)


def base(contest: Contest) -> Answers:
    """The same model before tuning. A fresh random head is never called base: labels are scored by name."""
    loaded = load_base(contest.subject)
    if contest.plan.task == "classify" and loaded.card.architecture == "encoder":
        names = tuple(Example(name, text=name.replace("_", " ")) for name in contest.facts.labels)
        return cosine_predictions(
            contest.test,
            vectors_NH=_vectors(contest, loaded, contest.test),
            names_CH=text_vectors(loaded, encode(names, tokenizer=loaded.tokenizer, task="classify")),
            labels=contest.facts.labels,
        )
    return _model_predictions(contest, loaded, system="base")


def linear_probe(contest: Contest) -> Answers:
    loaded = load_base(contest.subject)
    if contest.plan.task == "regress":
        return number_probe_predictions(
            contest.test,
            vectors_NH=_vectors(contest, loaded, contest.test),
            train=(_vectors(contest, loaded, contest.train), [float(row.label or "nan") for row in contest.train]),
            validation=(
                _vectors(contest, loaded, contest.validation),
                [float(row.label or "nan") for row in contest.validation],
            ),
        )
    if contest.plan.task == "multilabel":
        labels = contest.facts.labels
        train, held_out = (
            (_vectors(contest, loaded, rows), sets(rows, labels=labels)) for rows in (contest.train, contest.validation)
        )
        vectors_NH = _vectors(contest, loaded, contest.test)
        return set_probe_predictions(
            contest.test, vectors_NH=vectors_NH, train=train, validation=held_out, labels=labels
        )
    known, held = (
        [row for row in rows if row.label in contest.facts.labels] for rows in (contest.train, contest.validation)
    )
    return probe_predictions(
        contest.test,
        vectors_NH=_vectors(contest, loaded, contest.test),
        train=(_vectors(contest, loaded, known), [row.label or "" for row in known]),
        validation=(_vectors(contest, loaded, held), [row.label or "" for row in held]),
        labels=contest.facts.labels,
    )


def few_shot(contest: Contest) -> Answers:
    """The same model before tuning, with the most similar train rows and their answers before each question."""
    plan, labels = contest.plan, contest.facts.labels
    asked = _asked(
        contest, load_base(contest.subject), "few_shot", shown_rows(contest.train, contest.test, labels=labels)
    )
    return label_predictions(asked) if plan.task in LABELLED else language_predictions(asked)


def majority(contest: Contest) -> Answers:
    if contest.plan.task == "multilabel":
        return common_set_predictions(contest.train, contest.test, labels=contest.facts.labels)
    return majority_predictions(contest.train, contest.test, labels=contest.facts.labels)


def mean(contest: Contest) -> Answers:
    return mean_predictions(contest.train, contest.test)


def tfidf(contest: Contest) -> Answers:
    rows: dict[Split, Sequence[Row]]
    rows = {"train": contest.train, "validation": contest.validation, "test": contest.test}
    plan = contest.plan
    return keyword_predictions(rows, task=plan.task, labels=contest.facts.labels, seed=plan.run.seed)


SYSTEMS: Mapping[str, Callable[[Contest], Answers]] = {
    TUNED: tuned,
    "base": base,
    "majority": majority,
    "mean": mean,
    "tfidf": tfidf,
    "linear_probe": linear_probe,
    "few_shot": few_shot,
    SCRATCH: scratch,
}
"""The words of core/systems.py; path:FOLDER is `measured` too, scratch:10x `scratch`, api:NAME `api_predictions`."""


def _answered(system: str, contest: Contest) -> Answers:
    if is_scratch(system):
        return scratch(contest, system)
    if system.startswith(API):
        return api_predictions(contest, system)
    return measured(contest, system) if system.startswith(OUTSIDE) else SYSTEMS[system](contest)


def _unable(system: str, contest: Contest) -> str:
    if is_scratch(system) and contest.trainer is None:
        return "this run trains nothing, so there are no operations that it could have as well"
    is_known_api = system.startswith(API) and system.removeprefix(API) in contest.plan.evaluate.apis
    if system.startswith(OUTSIDE) or is_known_api or is_scratch(system) or system in SYSTEMS:
        return why_not(system, task=contest.plan.task, subject=contest.subject, train=contest.train)
    return unknown(system, known=tuple(SYSTEMS))


def _encoded(contest: Contest, loaded: Loaded, rows: Sequence[Row]) -> tuple[Encoded, ...]:
    return encoded_rows(rows, plan=contest.plan, loaded=loaded, labels=contest.facts.labels)


def _vectors(contest: Contest, loaded: Loaded, rows: Sequence[Row]) -> NDArray[np.float32]:
    return text_vectors(loaded, _encoded(contest, loaded, rows))


def _model_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    """By the class head, by asking for the label names, or in words: what the task and the model allow."""
    if contest.plan.task == "regress":
        return _number_predictions(contest, loaded, system=system)
    if contest.plan.task not in LABELLED:
        return language_predictions(_asked(contest, loaded, system))
    if not loaded.labels:
        return label_predictions(_asked(contest, loaded, system))
    return _class_predictions(contest, loaded, system=system)


def _asked(contest: Contest, loaded: Loaded, system: str, shown: Mapping[str, tuple[Row, ...]] | None = None) -> Asked:
    return Asked(loaded, system, contest.plan, contest.facts.labels, contest.test, contest.tell, shown or {})


def _number_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    numbers_N = predicted_numbers(loaded, _encoded(contest, loaded, contest.test))
    return tuple(
        Prediction(row.row_id, system, answer=answer_text(float(number)), reference=row.label or "")
        for row, number in zip(contest.test, numbers_N, strict=True)
    )


def _class_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    """The likeliest of the model's own classes; one that the rows do not have is a wrong answer."""
    p_NC = class_probabilities(loaded, _encoded(contest, loaded, contest.test))
    p_NL = in_label_order(p_NC, own=loaded.labels, labels=contest.facts.labels)
    if contest.plan.task == "multilabel":
        found = set_predictions(system, contest.test, p_NC, labels=loaded.labels)
        return tuple(replace(p, probabilities=tuple(p_L.tolist())) for p, p_L in zip(found, p_NL, strict=True))
    return tuple(
        Prediction(
            row.row_id,
            system,
            answer=loaded.labels[int(p_C.argmax())],
            reference=row.label or "",
            probabilities=tuple(float(p) for p in p_L),
        )
        for row, p_C, p_L in zip(contest.test, p_NC, p_NL, strict=True)
    )


def in_label_order(p_NC: NDArray[np.float64], *, own: Sequence[str], labels: Sequence[str]) -> NDArray[np.float64]:
    """Columns by name; 0 for a label that the model does not know, classes that the rows do not have are left out."""
    known = [name for name in labels if name in own]
    p_NL = np.zeros((len(p_NC), len(labels)))
    p_NL[:, [list(labels).index(name) for name in known]] = p_NC[:, [list(own).index(name) for name in known]]
    return p_NL

"""Who is compared, each answering the same test rows.

In: Contest. Out: Results. Its own file because a system is one function in one table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import EvalError
from tunewright.core.evaluate_plan import API, OUTSIDE
from tunewright.core.systems import SCRATCH, TUNED, is_scratch
from tunewright.core.values import Example, Row, Split
from tunewright.evaluate.able import unknown, why_not
from tunewright.evaluate.asking import CHUNK_ROWS, encoded_rows
from tunewright.evaluate.contest import Answers, Contest, Results
from tunewright.evaluate.kept_answers import Answered
from tunewright.evaluate.model_answers import before_tuning, measured, model_predictions
from tunewright.evaluate.remote.answers import api_predictions
from tunewright.evaluate.rivals.few_shot import shown_rows
from tunewright.evaluate.rivals.keywords import keyword_predictions
from tunewright.evaluate.rivals.label_sets import (
    common_set_predictions,
    set_probe_predictions,
    sets,
)
from tunewright.evaluate.rivals.numbers import mean_predictions, number_probe_predictions
from tunewright.evaluate.rivals.probe import cosine_predictions, probe_predictions
from tunewright.evaluate.rivals.scratch import from_scratch
from tunewright.evaluate.rivals.simple import majority_predictions
from tunewright.model.load import Loaded
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
    found: dict[str, Answered] = {}
    not_run: dict[str, str] = {}
    asked = contest.plan.evaluate.systems
    for system in sorted(asked, key=lambda name: not name.startswith(API)):
        why = _unable(system, contest)
        if why:
            not_run[system] = why
        else:
            found[system] = _answered(system, contest)
    in_order = {system: found[system] for system in asked if system in found}
    return Results(
        {system: answered.predictions for system, answered in in_order.items()},
        {system: answered.seconds for system, answered in in_order.items()},
        {system: not_run[system] for system in asked if system in not_run},
    )


def scratch(contest: Contest, system: str = SCRATCH) -> Answers:
    """The same architecture from random weights; evaluate/rivals/scratch.py says by which rules."""
    assert contest.trainer is not None
    return from_scratch(
        system,
        contest.plan,
        trainer=contest.trainer,
        answer=lambda subject: model_predictions(contest, load_subject(subject), system=system),
    ).predictions


def tuned(contest: Contest) -> Answered:
    return measured(contest, TUNED)


def base(contest: Contest) -> Answers | Answered:
    """The same model before tuning. A fresh random head is never called base: labels are scored by name."""
    if contest.plan.task == "classify" and contest.subject.card.architecture == "encoder":
        loaded = load_base(contest.subject)
        names = tuple(Example(name, text=name.replace("_", " ")) for name in contest.facts.labels)
        return cosine_predictions(
            contest.test,
            vectors_NH=_vectors(contest, loaded, contest.test),
            names_CH=text_vectors(loaded, encode(names, tokenizer=loaded.tokenizer, task="classify")),
            labels=contest.facts.labels,
        )
    return before_tuning(contest, "base")


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


def few_shot(contest: Contest) -> Answered:
    """The same model before tuning, with the most similar train rows and their answers before each question."""
    shown = shown_rows(contest.train, contest.test, labels=contest.facts.labels)
    return before_tuning(contest, "few_shot", shown=shown)


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


SYSTEMS: Mapping[str, Callable[[Contest], Answers | Answered]] = {
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


def _answered(system: str, contest: Contest) -> Answered:
    started = time.perf_counter()
    found: Answers | Answered
    if is_scratch(system):
        found = scratch(contest, system)
    elif system.startswith(API):
        found = api_predictions(contest, system)
    else:
        found = measured(contest, system) if system.startswith(OUTSIDE) else SYSTEMS[system](contest)
    return found if isinstance(found, Answered) else Answered(found, time.perf_counter() - started)


def _unable(system: str, contest: Contest) -> str:
    if is_scratch(system) and contest.trainer is None:
        return "this run trains nothing, so there are no operations that it could have as well"
    is_known_api = system.startswith(API) and system.removeprefix(API) in contest.plan.evaluate.apis
    if system.startswith(OUTSIDE) or is_known_api or is_scratch(system) or system in SYSTEMS:
        return why_not(system, task=contest.plan.task, subject=contest.subject, train=contest.train)
    return unknown(system, known=tuple(SYSTEMS))


def _vectors(contest: Contest, loaded: Loaded, rows: Sequence[Row]) -> NDArray[np.float32]:
    """A part of the rows is encoded at a time: the ids of all would take more than the vectors."""
    parts = [rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS)] or [rows]
    labels = contest.facts.labels
    return np.concatenate(
        [text_vectors(loaded, encoded_rows(part, plan=contest.plan, loaded=loaded, labels=labels)) for part in parts]
    )

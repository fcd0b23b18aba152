"""Who is compared, each answering the same test rows.

In: Contest. Out: Results. Its own file because a system is one function in one table.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import EvalError
from tunewright.core.evaluate_plan import OUTSIDE
from tunewright.core.events import ProgressEvent
from tunewright.core.scale import answer_text
from tunewright.core.systems import TUNED, outside_name
from tunewright.core.tasks import LABELLED
from tunewright.core.values import Encoded, Example, Prediction, Row, Split
from tunewright.evaluate.able import unknown, why_not
from tunewright.evaluate.contest import Answers, Contest, Results
from tunewright.evaluate.keyword_rival import keyword_predictions
from tunewright.evaluate.label_set_rivals import (
    common_set_predictions,
    set_predictions,
    set_probe_predictions,
    sets,
)
from tunewright.evaluate.number_rivals import mean_predictions, number_probe_predictions
from tunewright.evaluate.probe import cosine_predictions, probe_predictions
from tunewright.evaluate.rivals import majority_predictions
from tunewright.model.classes import class_probabilities
from tunewright.model.generate import answers
from tunewright.model.head_outputs import predicted_numbers
from tunewright.model.load import Loaded
from tunewright.model.outside import outside_subject
from tunewright.model.score import answer_scores, label_log_probabilities
from tunewright.model.subject import load_base, load_subject
from tunewright.model.vectors import text_vectors
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import label_question, prompt_of, reference_of, render


def run_systems(contest: Contest) -> Results:
    """Every system of the plan, in its order; one that cannot run is named with the reason.

    Raises EvalError when the subject is not among them: there is nothing to prove then.
    """
    if contest.subject.name not in contest.plan.evaluate.systems:
        raise EvalError("the tuned model is left out", where="evaluate.systems", fix="evaluate.systems=[tuned, base]")
    predictions: dict[str, Answers] = {}
    seconds: dict[str, float] = {}
    not_run: dict[str, str] = {}
    for system in contest.plan.evaluate.systems:
        why = _unable(system, contest)
        if why:
            not_run[system] = why
            continue
        started = time.perf_counter()
        predictions[system] = measured(contest, system) if system.startswith(OUTSIDE) else SYSTEMS[system](contest)
        seconds[system] = time.perf_counter() - started
    return Results(predictions, seconds, not_run)


def measured(contest: Contest, system: str) -> Answers:
    """The model that the run trained, or a folder of another tool: loaded and asked in the same way."""
    subject = contest.subject
    if system != subject.name:
        subject = outside_subject(system, beside=subject)
    return _model_predictions(contest, load_subject(subject), system=system)


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
}
"""The words of core/systems.py; path:FOLDER is `measured` too."""


def _unable(system: str, contest: Contest) -> str:
    if system.startswith(OUTSIDE) or system in SYSTEMS:
        return why_not(system, task=contest.plan.task, subject=contest.subject, train=contest.train)
    return unknown(system, known=tuple(SYSTEMS))


def _encoded(contest: Contest, loaded: Loaded, rows: Sequence[Row]) -> tuple[Encoded, ...]:
    task, labels = contest.plan.task, contest.facts.labels
    examples = [render(row, task=task, labels=labels) for row in rows]
    length = min(contest.plan.prepare.max_length, loaded.card.context_tokens)
    return encode(examples, tokenizer=loaded.tokenizer, task=task, max_length=length)


def _vectors(contest: Contest, loaded: Loaded, rows: Sequence[Row]) -> NDArray[np.float32]:
    return text_vectors(loaded, _encoded(contest, loaded, rows))


def _model_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    """By the class head, by asking for the label names, or in words: what the task and the model allow."""
    if contest.plan.task == "regress":
        return _number_predictions(contest, loaded, system=system)
    if contest.plan.task not in LABELLED:
        return _language_predictions(contest, loaded, system=system)
    if not loaded.labels:
        return _label_predictions(contest, loaded, system=system)
    return _class_predictions(contest, loaded, system=system)


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


def _label_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    """The label name that a chat model without a class head finds likeliest per byte."""
    labels = contest.facts.labels
    what = f"{outside_name(system)}: asking for labels"
    scores_NL = label_log_probabilities(
        loaded,
        [label_question(row.text, labels=labels) for row in contest.test],
        labels=labels,
        progress=lambda n: contest.tell(ProgressEvent(what, n, len(contest.test))),
    )
    return tuple(
        Prediction(row.row_id, system, answer=labels[int(best)], reference=row.label or "")
        for row, best in zip(contest.test, scores_NL.argmax(1), strict=True)
    )


def _language_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    """Likelihood of every reference; for generate also written answers for a seeded part of the rows."""
    scored = _reference_predictions(contest, loaded, system=system)
    if contest.plan.task != "generate":
        return scored
    written_rows = answered_rows(contest.test, limit=contest.plan.evaluate.limit, seed=contest.plan.run.seed)
    limit = loaded.card.context_tokens - contest.plan.evaluate.max_new_tokens
    prompts = [
        encode_prompt(prompt_of(row.messages), tokenizer=loaded.tokenizer, max_length=limit) for row in written_rows
    ]
    what = f"{outside_name(system)}: writing answers"
    written = answers(
        loaded,
        prompts,
        max_new_tokens=contest.plan.evaluate.max_new_tokens,
        progress=lambda n: contest.tell(ProgressEvent(what, n, len(prompts))),
    )
    by_row = {row.row_id: answer for row, answer in zip(written_rows, written, strict=True)}
    return tuple(
        replace(p, answer=a.text, is_stopped=a.is_stopped, n_tokens=len(a.ids)) if (a := by_row.get(p.row_id)) else p
        for p in scored
    )


def answered_rows(rows: Sequence[Row], *, limit: int | None, seed: int) -> tuple[Row, ...]:
    """The rows that answers are written for: a seeded draw, in the file's order."""
    if limit is None or len(rows) <= limit:
        return tuple(rows)
    drawn = set(random.Random(f"answers:{seed}").sample(range(len(rows)), limit))
    return tuple(row for i, row in enumerate(rows) if i in drawn)


def _reference_predictions(contest: Contest, loaded: Loaded, *, system: str) -> Answers:
    encoded = _encoded(contest, loaded, contest.test)
    what = f"{outside_name(system)}: likelihood of the references"
    scores = answer_scores(loaded, encoded, progress=lambda n: contest.tell(ProgressEvent(what, n, len(encoded))))
    nats: dict[str, float] = {}
    n_bytes: dict[str, int] = {}
    is_end: dict[str, bool | None] = {}
    for row, score in zip(encoded, scores, strict=True):
        if score.n_tokens:
            text = loaded.tokenizer.decode(
                [token for token, is_trained in zip(row.ids, row.trained, strict=True) if is_trained],
                skip_special_tokens=True,
            )
            nats[row.row_id] = nats.get(row.row_id, 0.0) + score.nats
            n_bytes[row.row_id] = n_bytes.get(row.row_id, 0) + len(text.encode("utf-8"))
            is_end[row.row_id] = score.is_end_argmax
    return tuple(
        Prediction(
            row.row_id,
            system,
            reference=reference_of(row.messages),
            reference_nats=nats.get(row.row_id, math.nan),
            reference_bytes=n_bytes.get(row.row_id, 0),
            is_end_argmax=is_end.get(row.row_id) if contest.plan.task == "generate" else None,
        )
        for row in contest.test
    )

"""What tuning did beside the task: forgetting, memorisation and likelier words, for models that write.

In: Contest. Out: three records of metrics.json. Its own file because all need the tuned model and its base side by
side, and are left out for the same reasons.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tunewright.core.evaluate_plan import NO_GENERAL
from tunewright.core.events import ProgressEvent
from tunewright.core.systems import TUNED
from tunewright.core.tasks import has_head
from tunewright.evaluate.able import why_not
from tunewright.evaluate.contest import Contest
from tunewright.evaluate.side_effects.forgetting import (
    advice_for,
    alarm_of,
    general_predictions,
    general_record,
    kl_metric,
)
from tunewright.evaluate.side_effects.general import General, general_text
from tunewright.evaluate.side_effects.likelier import likelier_words, no_words
from tunewright.evaluate.side_effects.memorisation import memorisation_of, nothing
from tunewright.evaluate.side_effects.weight_curve import how_to_weigh, weight_curve
from tunewright.evaluate.task_rows import bounded, drawn, encoded_rows
from tunewright.model.divergence import moves
from tunewright.model.pair import Pair, load_pair

Record = dict[str, Any]

NO_TEXT = "the model gives labels or numbers and writes no text, so there is no likelihood of text to compare"
OFF = "evaluate.general is none"
OTHER_TOKENS = "before tuning the model cut text into other tokens"
STEPS = ("general text, before and after", "how far it moved on the task", "the adapter at five weights", "recall")


def before_and_after(contest: Contest) -> dict[str, Record]:
    """forgetting, memorisation and words; each with `reason` where it was not measured. Cost: two models in memory, or
    one with an adapter; no text is written."""
    plan, subject = contest.plan, contest.subject
    why = NO_TEXT if has_head(plan.task) else why_not("base", task=plan.task, subject=subject, train=contest.train)
    if why:
        return {"forgetting": not_forgetting(why), "memorisation": nothing(why), "words": no_words(why)}
    pair = load_pair(subject)
    if plan.evaluate.general == NO_GENERAL:
        forgotten, words = not_forgetting(OFF), no_words(OFF)
    else:
        forgotten, words = _forgetting(contest, pair, general_text(plan.evaluate.general, seed=plan.run.seed))
    _tell(contest, 3)
    remembered = memorisation_of(pair, plan=plan, train=contest.train, test=contest.test)
    _tell(contest, 4)
    return {"forgetting": forgotten, "memorisation": remembered, "words": words}


def not_forgetting(reason: str) -> Record:
    """The record of what was not measured."""
    return {"reason": reason, **dict.fromkeys(("general", "kl", "curve", "alarm"))}


def _forgetting(contest: Contest, pair: Pair, general: General) -> tuple[Record, Record]:
    """forgetting and words: one pass of both models over the task's rows serves both."""
    plan, seed = contest.plan, contest.plan.run.seed
    _tell(contest, 0)
    after = general_predictions(pair.tuned, general.rows, system=contest.subject.name)
    with pair.base() as base:
        before = general_predictions(base, general.rows, system="base")
    record, compared = general_record(after, before, general=general, seed=seed)
    rows = drawn(contest.test, plan=plan, name="moved")
    task = bounded(encoded_rows(rows, plan=plan, loaded=pair.tuned), n_rows=len(rows))
    _tell(contest, 1)
    kl, words = None, no_words(OTHER_TOKENS)
    if pair.has_same_tokens:
        moved = moves(pair, task)
        kl = asdict(kl_metric([one.kl for one in moved], seed=seed))
        words = likelier_words(task, [one.gains_nats for one in moved], tokenizer=pair.tuned.tokenizer)
    _tell(contest, 2)
    curve = weight_curve(pair.tuned, task, general.rows)
    is_ours = contest.subject.name == TUNED
    folder = "train/adapter of the run" if is_ours else contest.subject.folder
    weight = how_to_weigh(pair.tuned, weight=curve["best"], folder=folder)
    advice = advice_for(plan, n_layers=contest.subject.card.n_layers, weight=weight) if is_ours else (weight,)
    alarm = alarm_of(record, compared, advice=[line for line in advice if line])
    forgotten = {"reason": "", "general": record, "kl": kl, "curve": {**curve, "how": weight}, "alarm": asdict(alarm)}
    return forgotten, words


def _tell(contest: Contest, done: int) -> None:
    what = STEPS[min(done, len(STEPS) - 1)]
    contest.tell(ProgressEvent("before and after tuning", done, len(STEPS), unit="measures", now=what))

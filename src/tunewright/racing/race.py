"""The race of a run: which model, method and rate, by evidence on the user's own rows, within a budget of seconds.

In: the asked plan, a Draft of the data. Out: Raced: the choices that resolve takes, and the content of race.json. Its
own file because it is the one place that ranks, trains and decides in one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError, RunError, TunewrightError
from tunewright.core.events import NoteEvent, Tracker, null_tracker
from tunewright.core.files import code_digest
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan
from tunewright.core.section import is_auto
from tunewright.core.tasks import TASKS, has_head
from tunewright.core.values import Choice, ModelCard, Row, Task
from tunewright.decided import Decided
from tunewright.deciding import Decisions, decisions
from tunewright.picking import card_of
from tunewright.prepare.draft import Draft
from tunewright.racing.decision import Raced
from tunewright.racing.frozen import frozen_record
from tunewright.racing.kept import Kept
from tunewright.racing.rivals import rival_of
from tunewright.racing.subsets import sides
from tunewright.racing.trained import CODE, Trainings, content_of
from tunewright.select.contestants import Contestant, contestants
from tunewright.select.laws import accept_then_stop
from tunewright.select.more_data import learning_curve
from tunewright.select.race import Race, race
from tunewright.select.race_words import change_words, race_table, won_words, worth_words
from tunewright.train.default_rate import default_rate

MOST_MODELS = 4
"""Of those with the best frozen scores, that are trained at all."""
FROZEN_SHARE = 0.25
"""Of the budget, after which no further model is scored frozen."""


@dataclass(slots=True)  # what is decided of a contestant is decided once
class _Course:
    """The rows and the plan that all contestants share."""

    loaded: LoadedPlan
    draft: Draft
    kept: Kept
    tell: Tracker
    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    decided: dict[str, Decided] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Models that could not take part, and why."""

    @property
    def seed(self) -> int:
        return self.loaded.plan.run.seed

    def decide(self, one: Contestant) -> Decided:
        """Raises TunewrightError where the run could not be done with this one."""
        if one.name not in self.decided:
            made = decisions(_with(self.loaded, one), self.draft, tell=null_tracker)
            memory = made.resolved.memory
            self.decided[one.name] = Decided(made.resolved.plan, made.card, made.facts, memory.total, memory.by_term())
        return self.decided[one.name]


def raced(loaded: LoadedPlan, draft: Draft, *, budget_seconds: float, folder: Path, tell: Tracker) -> Raced:
    """Frozen scores of each model, then the race of the best models' methods and rates.

    folder: where finished trainings are kept. Raises ModelError when nobody could be trained; RunError, interrupts.
    """
    train, validation = sides(draft.splits, seed=loaded.plan.run.seed)
    course = _Course(loaded, draft, Kept(folder), tell, train, validation)
    first = decisions(loaded, draft, tell=null_tracker)
    cards = _cards(course, first)
    frozen, spent = _frozen(course, cards, budget_seconds=budget_seconds)
    best = _by_frozen(cards, frozen)[:MOST_MODELS]
    entered = _entered(course, best, task_plan=first.resolved.plan)
    by_name = {one.name: one for one in entered}
    tell(NoteEvent(f"race: {len(entered)} candidates, at most {budget_seconds:.0f} s, {spent:.0f} of them gone"))
    trainings = Trainings(
        decided=lambda name: course.decide(by_name[name]),
        train=train,
        validation=validation,
        kept=course.kept,
        tell=tell,
    )
    run = race(list(by_name), n_rows=len(train), train=trainings, budget_seconds=budget_seconds, spent_seconds=spent)
    _refuse_nobody(run, by_name)
    return _decision(course, run, by_name, frozen=frozen, first=first)


def _cards(course: _Course, first: Decisions) -> tuple[ModelCard, ...]:
    """Of the models that suit and fit, the one by facts first; one that cannot be had is named and left out."""
    found = []
    named = not is_auto(course.loaded.plan.model.name)
    for one in first.ranked.candidates[:1] if named else first.ranked.candidates:
        if not one.fits or one.task_fit not in ("good", "usable"):
            course.failed[one.name] = one.task_fit if one.fits else "it does not fit the memory"
            continue
        if one.refusal:
            course.failed[one.name] = one.refusal
            continue
        try:
            found.append(card_of(one.name, loaded=course.loaded, tell=course.tell))
        except TunewrightError as error:
            course.failed[one.name] = error.what
            course.tell(NoteEvent(f"{one.name} takes no part: {error.what}", level="warning"))
    return tuple(found)


def _frozen(
    course: _Course, cards: Sequence[ModelCard], *, budget_seconds: float
) -> tuple[dict[str, dict[str, Any]], float]:
    """Records by model, and the seconds they took."""
    found: dict[str, dict[str, Any]] = {}
    spent = 0.0
    for card in cards:
        if spent > FROZEN_SHARE * budget_seconds:
            course.tell(NoteEvent(f"{card.name} is not scored before tuning: a quarter of the budget is gone"))
            continue
        course.tell(NoteEvent(f"race: {card.name} is scored before tuning"))
        try:
            one = _scored(course, card)
        except RunError:
            raise
        except (TunewrightError, RuntimeError) as error:  # its training will fail too, and is named there
            course.tell(NoteEvent(f"{card.name} cannot be scored: {str(error).splitlines()[0]}", level="warning"))
            continue
        found[card.name] = {**one, "model": card.name}
        spent += float(one["seconds"])
    return found, spent


def _scored(course: _Course, card: ModelCard) -> dict[str, Any]:
    plan = course.decide(Contestant(card.name, None, None)).plan
    rows = [content_of(row) for row in (*course.train, *course.validation)]
    code = code_digest((*CODE, "select", "racing"))
    made_from = {"frozen": card.fingerprint, "task": plan.task, "rows": rows, "seed": course.seed, "code": code}

    def make(_work: Path) -> dict[str, Any]:
        return frozen_record(card, plan, course.draft.facts, course.train, course.validation)

    return course.kept.record(made_from, make)


def _by_frozen(cards: Sequence[ModelCard], frozen: dict[str, dict[str, Any]]) -> list[ModelCard]:
    """The best probe accuracy, or the fewest bits a byte, first; the others stay in the order of the facts."""

    def place(card: ModelCard) -> float:
        one = frozen.get(card.name, {})
        known = (one.get("probe_accuracy"), one.get("bits_per_byte"))
        values = [sign * value for sign, value in zip((-1, 1), known, strict=True) if value is not None]
        return next((value for value in values if not math.isnan(value)), math.inf)

    return sorted(cards, key=place)


def _entered(course: _Course, cards: Sequence[ModelCard], *, task_plan: Plan) -> tuple[Contestant, ...]:
    asked = course.loaded.plan.with_(task=task_plan.task)

    def rate(card: ModelCard, method: str) -> float:
        return default_rate(card, method=method).value

    return contestants(asked, cards, default_rate=rate)


def _with(loaded: LoadedPlan, one: Contestant) -> LoadedPlan:
    plan, train = loaded.plan, dict[str, Any]()
    if one.method is not None:
        train["method"] = one.method
    if one.learning_rate is not None:
        train["learning_rate"] = one.learning_rate
    changed = plan.with_(model=plan.model.with_(name=one.model), train=plan.train.with_(**train))
    return replace(loaded, plan=changed)


def _refuse_nobody(run: Race, entered: dict[str, Contestant]) -> None:
    if entered and len(run.failed) == len(entered):
        name, why = next(iter(run.failed.items()))
        raise ModelError(
            f"none of {len(entered)} candidates could be trained; the first was {name}",
            where="select.race",
            why=why,
            fix="name one model, and leave the race out: select.race=false",
        )


def _decision(
    course: _Course, run: Race, entered: dict[str, Contestant], *, frozen: dict[str, dict[str, Any]], first: Decisions
) -> Raced:
    unit, told = _unit(first.resolved.plan.task), run.told()
    name = next(iter(told), next((one for one in entered if one not in run.failed), ""))
    winner, reason = entered[name], _reason(run, unit=unit, seed=course.seed)
    rival = rival_of(
        first.resolved.plan.task,
        course.train,
        course.validation,
        facts=first.facts,
        seed=course.seed,
        before=frozen.get(winner.model, {}),
    )
    of_rival = run.losses if rival.unit == unit else run.wrong_shares
    after = accept_then_stop(of_rival.get(name, {}), size=run.n_rows)
    curve = learning_curve(run.losses.get(name, {}), n_rows=run.n_rows)
    record = {
        "unit": unit,
        "n_rows": run.n_rows,
        "validation_rows": len(course.validation),
        "budget_seconds": run.budget_seconds,
        "spent_seconds": round(run.spent_seconds, 1),
        "stopped": run.stopped,
        "winner": name,
        "runner_up": next(iter(list(told)[1:]), None),
        "reason": reason,
        "would_change": change_words(run, unit=unit),
        "expected_regret": run.regret(seed=course.seed),
        "candidates": race_table(run),
        "left_out": course.failed,
        "frozen": list(frozen.values()),
        "picks": _picks(first, frozen, winner),
        "learning_curve": {**asdict(curve), "sentence": curve.sentence},
        "rival": asdict(rival),
        "worth": worth_words(after, rival, n_rows=run.n_rows),
    }
    return Raced(_choices(winner, reason), record)


def _unit(task: Task) -> str:
    if not has_head(task):
        return "bits per byte"
    return "nats a row" if TASKS[task].loss_unit == "nats" else TASKS[task].loss_unit


def _reason(run: Race, *, unit: str, seed: int) -> str:
    if run.told():
        return won_words(run, unit=unit, seed=seed)
    return f"{run.stopped or 'there were too few rows for a race'}, before one training: the first by its frozen scores"


def _picks(first: Decisions, frozen: dict[str, dict[str, Any]], winner: Contestant) -> dict[str, str | None]:
    """What cheaper ways to choose a model would have taken."""
    able = [one for one in first.ranked.candidates if one.fits and one.task_fit in ("good", "usable")]
    scored = [one for one in frozen.values() if one.get("h_score") is not None and not math.isnan(one["h_score"])]
    return {
        "size only": max(able, key=lambda one: one.n_parameters).name if able else None,
        "facts": first.ranked.candidates[0].name,
        "H-score": max(scored, key=lambda one: one["h_score"])["model"] if scored else None,
        "LogME": max(scored, key=lambda one: one["logme"])["model"] if scored else None,
        "race": winner.model,
    }


def _choices(winner: Contestant, reason: str) -> tuple[Choice, ...]:
    found = [Choice("model.name", winner.model, reason)]
    if winner.method is not None:
        found.append(Choice("train.method", winner.method, reason))
    if winner.learning_rate is not None:
        found.append(Choice("train.learning_rate", winner.learning_rate, reason))
    return tuple(found)

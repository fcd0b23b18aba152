"""Which model a plan is about: the best by facts, the named one, or what an outside folder was made from.

In: the plan as far as the data decide it, the data's draft, the machine. Out: Picked: cards, the order, the choices.
Its own file because a model that cannot be fetched gives way to the next, and that is decided in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tunewright.core.errors import NotHere
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.machine import Machine
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan
from tunewright.core.section import is_auto
from tunewright.core.systems import folder_of, outside_name, outside_words, subject_word, trains
from tunewright.core.tasks import has_head
from tunewright.core.values import Choice, DataFacts, ModelCard
from tunewright.model.card import model_card
from tunewright.model.catalogue import contradictions
from tunewright.model.memory import FLOAT_BYTES, PROCESS_BYTES, base_bytes, lora_parameters, memory_plan
from tunewright.model.outside import answering
from tunewright.model.outside_folder import ADAPTER_CONFIG, OutsideFolder, base_name, made_from, outside_folder
from tunewright.model.starter import PREFIX, add_starter, starter_path
from tunewright.prepare.draft import Draft
from tunewright.select.candidate import LeftOut, Ranked
from tunewright.select.rank import candidates, not_chosen


@dataclass(frozen=True, slots=True)
class Picked:
    """The model that a plan is about."""

    card: ModelCard
    """Of what is trained, or of what the measured model was made from."""
    reader: ModelCard
    """Of what reads the rows: its context bounds their length."""
    tokenizer_folder: str
    ranked: Ranked
    choices: tuple[Choice, ...]


def picked(plan: Plan, *, loaded: LoadedPlan, data: Draft, machine: Machine, tell: Tracker) -> Picked:
    """The model, fetched when it has to be; outside folders that the plan measures are looked at, too.

    Raises ModelError: none fits or suits, one cannot be fetched, an outside folder cannot be measured.
    """
    found = (_chosen if trains(plan) else _given)(plan, loaded=loaded, data=data, machine=machine, tell=tell)
    _check_outside(plan, labels=data.facts.labels, tell=tell)
    return found


def _chosen(plan: Plan, *, loaded: LoadedPlan, data: Draft, machine: Machine, tell: Tracker) -> Picked:
    ranked, card = _ranked(plan, loaded=loaded, data=data, machine=machine, tell=tell)
    language = data.facts.language
    if language and card.languages and language not in card.languages:
        words = f"the data look like {language}, and the card of {card.name} names {', '.join(card.languages)} only"
        tell(NoteEvent(f"{words}: name a model that knows {language}, model=FOLDER_OR_ID", level="warning"))
    choice = Choice("model.name", card.name, ranked.candidates[0].reason)
    return Picked(card, card, card.path, ranked, (choice,))


def _ranked(
    plan: Plan, *, loaded: LoadedPlan, data: Draft, machine: Machine, tell: Tracker
) -> tuple[Ranked, ModelCard]:
    """The order, and the first one's own files; one that nobody named and that cannot be fetched gives way."""
    without: list[LeftOut] = []
    while True:
        ranked = candidates(
            plan,
            folder=loaded.folder,
            facts=data.facts,
            machine=machine,
            need_bytes=lambda card: need_bytes(card, data.facts, quantization=plan.model.quantization),
            without=without,
        )
        name = ranked.candidates[0].name
        try:
            return ranked, card_of(name, loaded=loaded, tell=tell)
        except NotHere as error:
            if not is_auto(plan.model.name) or len(ranked.candidates) == 1:
                raise
            without.append(LeftOut(name, "; ".join(filter(None, [error.what, error.why]))))
            tell(NoteEvent(f"{name} is left out: {without[-1].reason}", level="warning"))


def _given(plan: Plan, *, loaded: LoadedPlan, data: Draft, machine: Machine, tell: Tracker) -> Picked:
    """Nothing is chosen and nothing trained: the plan measures a folder."""
    system, trust = subject_word(plan), plan.model.trust_remote_code
    outside = outside_folder(folder_of(system), trust_remote_code=trust)
    name = outside_name(system)
    if not is_auto(plan.model.name):
        card, base = card_of(plan.model.name, loaded=loaded, tell=tell), "the plan names what it was made from"
    else:
        card, base = _made_from(outside, trust=trust, tell=tell), "what it was made from is not known"
        base = f"its {ADAPTER_CONFIG} names this base" if outside.is_adapter else base
    own = answering(outside, base=card, task=data.facts.task, labels=data.facts.labels, trust_remote_code=trust)
    n_tokens = min(own.card.context_tokens, card.context_tokens)
    reader = replace(own.card, name=card.name, context_tokens=n_tokens)
    only = not_chosen(
        reader,
        plan=plan,
        facts=data.facts,
        machine=machine,
        need_bytes=FLOAT_BYTES * reader.n_parameters + PROCESS_BYTES,
        reason=f"nothing was chosen: {name} is measured as it is, and {base}",
    )
    choices = [Choice("model.name", card.name, only.candidates[0].reason)]
    if data.facts.task == "classify" and not own.labels:
        choices.append(Choice("explain.methods", (), f"{name} is asked for label names, which gives no probability"))
    tokenizer_folder = str(outside.path) if outside.has_tokenizer else card.path
    return Picked(card, reader, tokenizer_folder, only, tuple(choices))


def _check_outside(plan: Plan, *, labels: tuple[str, ...], tell: Tracker) -> None:
    """Every folder beside the subject, before anything is trained.

    Raises ModelError for one that cannot be measured.
    """
    trust = plan.model.trust_remote_code
    for system in outside_words(plan):
        if system != subject_word(plan):
            outside = outside_folder(folder_of(system), trust_remote_code=trust)
            base = _made_from(outside, trust=trust, tell=tell)
            answering(outside, base=base, task=plan.task, labels=labels, trust_remote_code=trust)


def _made_from(outside: OutsideFolder, *, trust: bool, tell: Tracker) -> ModelCard:
    _fetch_starter(base_name(outside), tell=tell)
    return made_from(outside, trust_remote_code=trust)


def need_bytes(card: ModelCard, facts: DataFacts, *, quantization: str | None = None) -> int:
    """A candidate's training memory before lengths are known: default method, rows of mean length, one at a time."""
    tokens = min(card.context_tokens, max(64, int(facts.bytes_per_row / 3)))
    is_headed = has_head(facts.task)
    is_whole = card.architecture == "encoder" and quantization is None
    memory = memory_plan(
        card,
        n_trainable=card.n_parameters if is_whole else lora_parameters(card, r=16),
        batch_size=1,
        length=tokens,
        logit_rows=1 if is_headed else tokens,
        n_classes=len(facts.labels) if is_headed else 0,
    )
    return replace(memory, weights=base_bytes(card, quantization=quantization)).total


def card_of(name: str, *, loaded: LoadedPlan, tell: Tracker) -> ModelCard:
    """The facts of a model by its own files; a starter that is missing is fetched. Raises ModelError."""
    _fetch_starter(name, tell=tell)
    plan = loaded.plan.model
    card = model_card(name, folder=loaded.folder, revision=plan.revision, trust_remote_code=plan.trust_remote_code)
    tell(NoteEvent(f"model: {name}, {card.n_parameters / 1e6:.1f} M parameters, licence {card.licence}"))
    for one in contradictions(card):
        tell(NoteEvent(f"{one.sentence}: the files count", level="warning"))
    return card


def _fetch_starter(name: str, *, tell: Tracker) -> None:
    starter = name.removeprefix(PREFIX)
    if name.startswith(PREFIX) and starter_path(starter) is None:
        add_starter(starter, tell=tell)

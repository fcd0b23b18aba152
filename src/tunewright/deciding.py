"""From the user's file to a resolved plan: read the rows, pick the model, measure lengths, decide the rest.

In: a LoadedPlan. Out: Decisions, and the prepare and select folders written from them. Its own file because it needs
tokenizers (and so torch), which a finished run must not import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import write_json
from tunewright.core.machine import Machine, this_machine
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan
from tunewright.core.section import is_auto
from tunewright.core.systems import folder_of, outside_name, outside_words, subject_word, trains
from tunewright.core.tasks import has_head
from tunewright.core.values import SPLITS, Choice, DataFacts, Encoded, Example, ModelCard, Row, Split, Task
from tunewright.model.card import model_card
from tunewright.model.device import emulation_note, refuse_absent
from tunewright.model.load import shared_tokenizer
from tunewright.model.memory import FLOAT_BYTES, PROCESS_BYTES, base_bytes, lora_parameters, memory_plan
from tunewright.model.outside import answering
from tunewright.model.outside_folder import ADAPTER_CONFIG, OutsideFolder, base_name, made_from, outside_folder
from tunewright.model.starter import PREFIX, add_starter, starter_path
from tunewright.prepare.counted import Counted, Tokens, counted
from tunewright.prepare.draft import Draft, write_draft
from tunewright.prepare.histogram import length_histogram
from tunewright.prepare.length_price import length_prices
from tunewright.prepare.told import masked_row
from tunewright.resolve import Context, Resolved, resolve, with_choices
from tunewright.select.budget import race_seconds
from tunewright.select.rank import Candidate, candidates, not_chosen
from tunewright.select.stage import won, write_candidates
from tunewright.text.chat import Tokenizer
from tunewright.text.encode import cut_at, encode
from tunewright.text.endless import refuse_endless
from tunewright.text.lengths import length_facts
from tunewright.text.render import render
from tunewright.text.token_view import TokenSample, row_tokens, token_sample
from tunewright.train.step_memory import counting


@dataclass(frozen=True, slots=True)
class Decisions:
    """The resolved plan and the evidence it stands on."""

    resolved: Resolved
    card: ModelCard
    facts: DataFacts
    ranked: tuple[Candidate, ...]
    encoded: dict[Split, tuple[Encoded, ...]]
    """By split, before any cut."""
    tokenizer: Tokenizer
    counted: Counted
    """What the tokens say; its refusal, if any, is for the caller to raise."""


def decisions(loaded: LoadedPlan, data: Draft, *, tell: Tracker, given: tuple[Choice, ...] = ()) -> Decisions:
    """Pick the model, encode every row, resolve the plan.

    given: choices of a race; they win over the facts. counted.refusal is for the caller to raise: its evidence is
    published first.
    Raises ModelError (none fits, end token never trained), PlanError, DoesNotFit.
    """
    machine = _usable(this_machine(), tell=tell)
    plan, raced = with_choices(loaded.plan, given)
    if not given and race_seconds(plan):
        tell(NoteEvent("models race when this plan is run: what stands here is the choice by facts, before it"))
    plan, _ = with_choices(plan, data.choices)
    picked = (_chosen if trains(plan) else _given)(plan, loaded=loaded, data=data, machine=machine, tell=tell)
    decided = {choice.field for choice in raced}
    open_choices = tuple(choice for choice in picked.choices if choice.field not in decided)
    picked = replace(picked, ranked=won(picked.ranked, raced), choices=open_choices)
    _check_outside(plan, labels=data.facts.labels, tell=tell)
    tokenizer = shared_tokenizer(picked.tokenizer_folder, trust_remote_code=plan.model.trust_remote_code)
    encoded = {
        split: encode(
            _examples(data, split, task=plan.task),
            tokenizer=tokenizer,
            task=plan.task,
        )
        for split in SPLITS
    }
    if trains(plan):
        refuse_endless(encoded["train"], task=plan.task, tokenizer=tokenizer)
    lengths = length_facts(encoded["train"])
    counts = counting(picked.card, encoded, labels=data.facts.labels, machine=machine)
    context = Context(picked.reader, machine, data.facts, lengths, loaded.default_name, counts)
    resolved = resolve(loaded.plan, context, given=(*data.choices, *raced, *picked.choices))
    refuse_absent(resolved.plan.run.device)
    if note := emulation_note(resolved.plan, machine):
        tell(note)
    found = _counted(data, resolved.plan, encoded, most=picked.reader.context_tokens, tokenizer=tokenizer)
    return Decisions(resolved, picked.card, data.facts, picked.ranked, encoded, tokenizer, found)


@dataclass(frozen=True, slots=True)
class _Picked:
    """The model that a plan is about."""

    card: ModelCard
    """Of what is trained, or of what the measured model was made from."""
    reader: ModelCard
    """Of what reads the rows: its context bounds their length."""
    tokenizer_folder: str
    ranked: tuple[Candidate, ...]
    choices: tuple[Choice, ...]


def _chosen(plan: Plan, *, loaded: LoadedPlan, data: Draft, machine: Machine, tell: Tracker) -> _Picked:
    ranked = candidates(
        plan,
        folder=loaded.folder,
        facts=data.facts,
        machine=machine,
        need_bytes=lambda card: need_bytes(card, data.facts, quantization=plan.model.quantization),
    )
    card = card_of(ranked[0].name, loaded=loaded, tell=tell)
    language = data.facts.language
    if language and card.languages and language not in card.languages:
        words = f"the data look like {language}, and the card of {card.name} names {', '.join(card.languages)} only"
        tell(NoteEvent(f"{words}: name a model that knows {language}, model=FOLDER_OR_ID", level="warning"))
    return _Picked(card, card, card.path, ranked, (Choice("model.name", card.name, ranked[0].reason),))


def _given(plan: Plan, *, loaded: LoadedPlan, data: Draft, machine: Machine, tell: Tracker) -> _Picked:
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
    choices = [Choice("model.name", card.name, only.reason)]
    if data.facts.task == "classify" and not own.labels:
        choices.append(Choice("explain.methods", (), f"{name} is asked for label names, which gives no probability"))
    tokenizer_folder = str(outside.path) if outside.has_tokenizer else card.path
    return _Picked(card, reader, tokenizer_folder, (only,), tuple(choices))


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


def _usable(machine: Machine, *, tell: Tracker) -> Machine:
    """Without the GPU when this build of torch cannot use it."""
    if not machine.accelerator or torch.cuda.is_available():
        return machine
    tell(
        NoteEvent(
            f"{machine.accelerator} is here, but this torch cannot use it: on with the processor. tunewright doctor",
            level="warning",
        )
    )
    return replace(machine, accelerator="", accelerator_memory_bytes=0)


def say_counted(decided: Decisions, *, tell: Tracker) -> None:
    """What the tokens say, aloud; a refusal speaks for itself."""
    for finding in decided.counted.findings:
        if finding.action != "refuse":
            tell(NoteEvent(f"{finding.message}. {finding.suggestion}", level="warning"))


def write_prepared(decided: Decisions, data: Draft, *, work: Path) -> None:
    """The prepare folder: rows, ledger with the token account, findings, lengths and their prices, facts."""
    write_draft(data, work, counted=decided.counted)
    write_json(work / "facts.json", replace(decided.facts, sample=()))
    histogram = length_histogram(decided.encoded, max_length=decided.resolved.plan.prepare.max_length)
    write_json(work / "lengths.json", {**histogram, "prices": list(decided.counted.prices)})
    write_json(work / "token_sample.json", _sample(decided, data))


def _sample(decided: Decisions, data: Draft) -> TokenSample:
    """Of the train row of median length."""
    row, is_masked = masked_row(median_row(decided, data))
    labels = data.facts.labels
    tokens = row_tokens(row, plan=decided.resolved.plan, labels=labels, tokenizer=decided.tokenizer)
    return token_sample(row.row_id, tokens, label=row.label or "", is_masked=is_masked)


def median_row(decided: Decisions, data: Draft) -> Row:
    """The train row of median length in tokens."""
    by_length = sorted(range(len(data.splits["train"])), key=lambda i: len(decided.encoded["train"][i]))
    return data.splits["train"][by_length[(len(by_length) - 1) // 2]]


def write_selected(decided: Decisions, *, work: Path) -> None:
    """The select folder: who was compared, and the facts of the chosen one."""
    write_candidates(work, decided.ranked)
    write_json(work / "card.json", decided.card)


def cut_rows(decided: Decisions, data: Draft, split: Split) -> tuple[Encoded, ...]:
    """The split as training and evaluation see it: rows cut to prepare.max_length, documents divided."""
    return _cut(data, decided.resolved.plan, decided.encoded[split], split=split, tokenizer=decided.tokenizer)


def _cut(
    data: Draft, plan: Plan, whole: tuple[Encoded, ...], *, split: Split, tokenizer: Tokenizer
) -> tuple[Encoded, ...]:
    """Only what has to be cut is tokenised again: a single long row made that of all rows."""
    examples, most = _examples(data, split, task=plan.task), plan.prepare.max_length
    if plan.task == "text":  # a document is several
        return encode(examples, tokenizer=tokenizer, task=plan.task, max_length=most)
    too_long = [i for i, e in enumerate(whole) if len(e) > most]
    cut = encode([examples[i] for i in too_long], tokenizer=tokenizer, task=plan.task, max_length=most)
    of = dict(zip(too_long, cut, strict=True))
    return tuple(of.get(i, e) for i, e in enumerate(whole))


def _examples(data: Draft, split: Split, *, task: Task) -> list[Example]:
    labels, scale = data.facts.labels, data.facts.scale
    return [render(row, task=task, labels=labels, scale=scale) for row in data.splits[split]]


def _counted(
    data: Draft, plan: Plan, encoded: dict[Split, tuple[Encoded, ...]], *, most: int, tokenizer: Tokenizer
) -> Counted:
    """What the tokens say about the rows, and what other lengths would cost."""

    def cut_train(positions: Sequence[int], lengths: Sequence[int]) -> Sequence[Sequence[Encoded]]:
        return cut_at([render(train[i], task="generate") for i in positions], tokenizer=tokenizer, max_lengths=lengths)

    train = data.splits["train"]
    cut = {split: _cut(data, plan, encoded[split], split=split, tokenizer=tokenizer) for split in SPLITS}
    prices = length_prices(
        encoded["train"],
        cut["train"],
        chosen=plan.prepare.max_length,
        most=most,
        batch_size=plan.train.batch_size,
        cut_at=cut_train if plan.task == "generate" else None,
    )
    tokens = Tokens(
        task=plan.task,
        max_length=plan.prepare.max_length,
        is_trained=trains(plan),
        rows=data.splits,
        whole=encoded,
        cut=cut,
        tokenizer=tokenizer,
    )
    return counted(tokens, prices=() if plan.task == "text" else prices)


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
    return card


def _fetch_starter(name: str, *, tell: Tracker) -> None:
    starter = name.removeprefix(PREFIX)
    if name.startswith(PREFIX) and starter_path(starter) is None:
        add_starter(starter, tell=tell)

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
from tunewright.core.systems import trains
from tunewright.core.values import SPLITS, Choice, DataFacts, Encoded, Example, ModelCard, Row, Split, Task
from tunewright.model.device import emulation_note, refuse_absent
from tunewright.model.load import shared_tokenizer
from tunewright.picking import picked
from tunewright.prepare.counted import Counted, Tokens, counted
from tunewright.prepare.draft import Draft, write_draft
from tunewright.prepare.histogram import length_histogram
from tunewright.prepare.length_price import length_prices
from tunewright.prepare.told import masked_row
from tunewright.resolve import Context, Resolved, resolve, with_choices
from tunewright.select.budget import race_seconds
from tunewright.select.candidate import Ranked
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
    ranked: Ranked
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
    model = picked(plan, loaded=loaded, data=data, machine=machine, tell=tell)
    decided = {choice.field for choice in raced}
    open_choices = tuple(choice for choice in model.choices if choice.field not in decided)
    model = replace(model, ranked=won(model.ranked, raced), choices=open_choices)
    tokenizer = shared_tokenizer(model.tokenizer_folder, trust_remote_code=plan.model.trust_remote_code)
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
    counts = counting(model.card, encoded, labels=data.facts.labels, machine=machine)
    context = Context(model.reader, machine, data.facts, lengths, loaded.default_name, counts)
    resolved = resolve(loaded.plan, context, given=(*data.choices, *raced, *model.choices))
    refuse_absent(resolved.plan.run.device)
    if note := emulation_note(resolved.plan, machine):
        tell(note)
    found = _counted(data, resolved.plan, encoded, most=model.reader.context_tokens, tokenizer=tokenizer)
    return Decisions(resolved, model.card, data.facts, model.ranked, encoded, tokenizer, found)


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

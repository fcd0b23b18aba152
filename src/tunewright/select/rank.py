"""Which pre-trained model suits this task, this data and this machine: by facts, before anything is trained.

In: Plan, DataFacts, Machine and a memory prediction. Out: Candidates, the chosen one first, each with its reason. Its
own file because the order of the criteria is the choice, and a person must be able to read it in one place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import DoesNotFit, ModelError
from tunewright.core.machine import Machine, usable_bytes
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.tasks import has_head
from tunewright.core.values import Architecture, DataFacts, ModelCard
from tunewright.model.card import model_card
from tunewright.model.load import shared_tokenizer
from tunewright.model.starter import PREFIX, STARTERS, starter_path

ASSUMED_TOKENS_PER_BYTE = 1 / 3
"""Before a tokenizer is here. Measured with the starter models: .24 for plain questions, .27 papers, .35 arithmetic."""
SAMPLE_CHARACTERS = 20_000
"""Read of each sampled text: enough for tokens per byte, also when a text is a book."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model beside the others: facts, whether it suits, its place and why."""

    name: str
    architecture: Architecture
    n_parameters: int
    context_tokens: int
    licence: str
    fits: bool
    """The predicted need is within what the run may use."""
    need_bytes: int
    """Predicted training memory."""
    tokens_per_byte: float
    """Of the train texts, by its own tokenizer; nan when it is not fetched yet."""
    task_fit: str
    """good, usable, or why it cannot do the task."""
    rank: int
    """1 is the chosen one."""
    reason: str
    """Why it stands here, with the number that decided."""
    is_local: bool
    """Its files are on this machine."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A model's facts against this data and this machine."""

    card: ModelCard
    need_bytes: int
    have_bytes: int
    tokens_per_byte: float
    p95_tokens: int
    """95 % of the rows need at most about this many; 0 when nothing is known."""
    misfit: str
    """Why it cannot do the task; empty when it can."""
    is_preferred: bool
    """The architecture made for the task."""
    is_language: bool
    """Its languages hold the data's, or one of them is unknown."""

    @property
    def fits(self) -> bool:
        return self.need_bytes <= self.have_bytes

    @property
    def criteria(self) -> tuple[float, ...]:
        """Compared from left to right, smaller is better; _REASONS has a sentence for each."""
        return (
            bool(self.misfit),
            not self.fits,
            not self.is_language,
            self.card.context_tokens < self.p95_tokens,
            not self.is_preferred,
            -self.card.n_parameters,
        )


def candidates(
    plan: Plan, *, folder: Path, facts: DataFacts, machine: Machine, need_bytes: Callable[[ModelCard], int]
) -> tuple[Candidate, ...]:
    """Every model that the plan names (or the starter models), best first; a named `model.name` always comes first.

    folder: where relative model paths start. Criteria in order: can do the task, fits the memory, knows the language,
    reads 95 % of the rows whole, is the architecture made for the task, has more parameters, was named first.
    Raises ModelError when a named model cannot do the task or none can; DoesNotFit when none fits.
    """
    have = _have_bytes(plan, machine)
    measured = [
        _measured(_card(name, plan=plan, folder=folder), plan=plan, facts=facts, have=have, need_bytes=need_bytes)
        for name in _names(plan, folder=folder)
    ]
    ranked = sorted(measured, key=lambda one: one.criteria)
    is_named = not is_auto(plan.model.name)
    chosen = measured[0] if is_named else ranked[0]
    _refuse_unsuitable(chosen, ranked, facts=facts, is_named=is_named)
    order = [chosen, *(one for one in ranked if one is not chosen)]
    reasons = [_chosen_reason(order, best=ranked[0], facts=facts, is_named=is_named)]
    reasons += [_passed_over(one, chosen=chosen, facts=facts, is_named=is_named) for one in order[1:]]
    return tuple(
        _candidate(one, rank=i + 1, reason=reason) for i, (one, reason) in enumerate(zip(order, reasons, strict=True))
    )


def not_chosen(
    card: ModelCard, *, plan: Plan, facts: DataFacts, machine: Machine, need_bytes: int, reason: str
) -> Candidate:
    """The facts of a model that was not compared with others: the plan measures what is there."""
    have = _have_bytes(plan, machine)
    one = _measured(card, plan=plan, facts=facts, have=have, need_bytes=lambda _: need_bytes)
    return _candidate(one, rank=1, reason=reason)


def _names(plan: Plan, *, folder: Path) -> tuple[str, ...]:
    """Each model once, the plan's own choice first."""
    named = () if is_auto(plan.model.name) else (plan.model.name,)
    listed = plan.select.candidates
    others = tuple(f"{PREFIX}{name}" for name in STARTERS) if is_auto(listed) or not listed else listed
    once: dict[str, str] = {}
    for name in (*named, *others):
        path = folder / Path(name).expanduser()
        once.setdefault(str(path.resolve()) if path.is_dir() else name, name)
    return tuple(once.values())


def _card(name: str, *, plan: Plan, folder: Path) -> ModelCard:
    """A starter model that is not fetched yet is described by our table."""
    if name.startswith(PREFIX) and starter_path(name) is None:
        return STARTERS[name.removeprefix(PREFIX)].card
    is_own = not is_auto(plan.model.name) and name == plan.model.name
    revision = plan.model.revision if is_own or is_auto(plan.model.name) else "main"
    return model_card(name, folder=folder, revision=revision, trust_remote_code=plan.model.trust_remote_code)


def _measured(
    card: ModelCard, *, plan: Plan, facts: DataFacts, have: int, need_bytes: Callable[[ModelCard], int]
) -> _Measured:
    misfit = _misfit(card, facts=facts)
    per_byte = _tokens_per_byte(card, facts=facts, trust_remote_code=plan.model.trust_remote_code)
    known = ASSUMED_TOKENS_PER_BYTE if math.isnan(per_byte) else per_byte
    return _Measured(
        card=card,
        need_bytes=need_bytes(card),
        have_bytes=have,
        tokens_per_byte=per_byte,
        p95_tokens=math.ceil(_p95_bytes(facts) * known),
        misfit=misfit,
        is_preferred=card.architecture == ("encoder" if has_head(facts.task) else "decoder"),
        is_language=not facts.language or not card.languages or facts.language in card.languages,
    )


def _misfit(card: ModelCard, *, facts: DataFacts) -> str:
    if has_head(facts.task):
        return ""
    if card.architecture == "encoder":
        return "an encoder reads text and writes none"
    if facts.task == "generate" and not card.has_chat_template:
        return "it has no chat template, so it is not tuned to answer"
    return ""


def _tokens_per_byte(card: ModelCard, *, facts: DataFacts, trust_remote_code: bool) -> float:
    texts = [text[:SAMPLE_CHARACTERS] for text in facts.sample if text]
    n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if not card.path or not n_bytes:
        return math.nan
    tokenizer = shared_tokenizer(card.path, trust_remote_code=trust_remote_code)
    return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]) / n_bytes


def _p95_bytes(facts: DataFacts) -> float:
    """Of whole rows: the sample's own 95th percentile, scaled from the sample's mean to the rows' mean."""
    sizes = sorted(len(text.encode("utf-8", "surrogatepass")) for text in facts.sample)
    if not sizes or not sum(sizes):
        return facts.bytes_per_row
    p95 = sizes[math.ceil(0.95 * len(sizes)) - 1]
    mean = sum(sizes) / len(sizes)
    return p95 * (facts.bytes_per_row / mean if facts.bytes_per_row else 1.0)


def _have_bytes(plan: Plan, machine: Machine) -> int:
    is_gpu = bool(machine.accelerator_memory_bytes) and (is_auto(plan.run.device) or plan.run.device == "cuda")
    return usable_bytes(machine, limit=plan.run.memory_limit, is_gpu=is_gpu)


def _refuse_unsuitable(chosen: _Measured, ranked: Sequence[_Measured], *, facts: DataFacts, is_named: bool) -> None:
    """A named model that seems too large goes on: resolve knows batch and method, and decides with exact numbers."""
    able = [one for one in ranked if not one.misfit]
    if chosen.misfit:
        other = f"model.name={able[0].card.name}" if able else _decoder_fix()
        raise ModelError(
            f"{chosen.card.name} cannot do the task {facts.task}",
            where="model.name" if is_named else "select.candidates",
            why=chosen.misfit,
            fix=other,
        )
    if not chosen.fits and not is_named:
        smallest = min(able, key=lambda one: one.need_bytes)
        raise DoesNotFit(
            f"none of {len(able)} models fits; the one that needs least is {smallest.card.name}",
            need_bytes=smallest.need_bytes,
            have_bytes=smallest.have_bytes,
            fix=f"close other programs or raise run.memory_limit; or name it to try smaller batches: "
            f"model.name={smallest.card.name}",
        )


def _decoder_fix() -> str:
    chat = next(name for name, starter in STARTERS.items() if starter.card.has_chat_template)
    return f"model.name={PREFIX}{chat}"


def _candidate(one: _Measured, *, rank: int, reason: str) -> Candidate:
    card = one.card
    return Candidate(
        name=card.name,
        architecture=card.architecture,
        n_parameters=card.n_parameters,
        context_tokens=card.context_tokens,
        licence=card.licence,
        fits=one.fits,
        need_bytes=one.need_bytes,
        tokens_per_byte=one.tokens_per_byte,
        task_fit=one.misfit or ("good" if one.is_preferred else "usable"),
        rank=rank,
        reason=reason,
        is_local=bool(card.path),
    )


def _chosen_reason(order: Sequence[_Measured], *, best: _Measured, facts: DataFacts, is_named: bool) -> str:
    chosen, rivals = order[0], order[1:]
    parts = [f"{_described(chosen)}; {_memory(chosen)}; {_length(chosen)}"]
    if not chosen.is_language:
        parts.append(f"mind that {_language(chosen, facts=facts)}")
    if is_named:
        parts.insert(0, "named in the plan")
        if best is not chosen:
            parts.append(f"by facts {best.card.name} would come first: {_difference(chosen, best, facts=facts)}")
    elif rivals:
        parts.append(f"{rivals[0].card.name} was passed over: {_difference(rivals[0], chosen, facts=facts)}")
    return "; ".join(parts)


def _passed_over(one: _Measured, *, chosen: _Measured, facts: DataFacts, is_named: bool) -> str:
    if is_named and one.criteria < chosen.criteria:
        return f"not chosen: the plan names {chosen.card.name}; {_described(one)}; {_memory(one)}; {_length(one)}"
    return f"not chosen: {_difference(one, chosen, facts=facts)}"


def _difference(worse: _Measured, better: _Measured, *, facts: DataFacts) -> str:
    """The first criterion in which they differ, in words, with both numbers where there are two."""
    pairs = zip(worse.criteria, better.criteria, strict=True)
    index = next((i for i, (a, b) in enumerate(pairs) if a != b), -1)
    if index == 0:
        return worse.misfit or better.misfit
    if index == 1:
        return _memory(worse)
    if index == 2:
        return _language(worse, facts=facts)
    if index == 3:
        return _length(worse)
    sizes = f"{_millions(worse.card)} parameters against {_millions(better.card)}"
    if index == 4:
        return f"a {worse.card.architecture} is not the kind made for {facts.task} ({sizes})"
    if index == 5:
        return f"of those that suit, the larger is taken ({sizes})"
    return "the same facts, and named later"


def _described(one: _Measured) -> str:
    article = "an" if one.card.architecture == "encoder" else "a"
    fetched = "" if one.card.path else ", not fetched yet"
    return f"{article} {one.card.architecture} of {_millions(one.card)} parameters{fetched}"


def _memory(one: _Measured) -> str:
    verb = "needs about" if one.fits else "would need about"
    return f"it {verb} {one.need_bytes / 1e9:.1f} of {one.have_bytes / 1e9:.1f} GB"


def _length(one: _Measured) -> str:
    reads = f"it reads {one.card.context_tokens} tokens"
    if not one.p95_tokens:
        return reads
    assumed = " if a token is 3 bytes" if math.isnan(one.tokens_per_byte) else ""
    longer = "" if one.p95_tokens <= one.card.context_tokens else ", so the longest rows are cut"
    return f"{reads} and 95 % of the rows need at most about {one.p95_tokens}{assumed}{longer}"


def _language(one: _Measured, *, facts: DataFacts) -> str:
    return f"its card names {', '.join(one.card.languages)}, and the data look like {facts.language}"


def _millions(card: ModelCard) -> str:
    return f"{card.n_parameters / 1e6:.1f} M"

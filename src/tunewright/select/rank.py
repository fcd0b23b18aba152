"""Which pre-trained model suits this task, this data and this machine: by facts, before anything is trained.

In: Plan, DataFacts, Machine and a memory prediction. Out: Ranked: Candidates, the chosen one first, each with its
reason; who was left out. Its own file because it says who is compared; what in is select/against.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tunewright.core.errors import DoesNotFit, ModelError, NotHere
from tunewright.core.machine import Machine, usable_bytes
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.values import DataFacts, ModelCard
from tunewright.model.card import model_card
from tunewright.model.catalogue import catalogue_card, catalogue_names, known
from tunewright.model.effort import effort
from tunewright.model.find import cached_names, is_here, not_reachable
from tunewright.model.load import refuse_unknown_family
from tunewright.model.starter import PREFIX, STARTERS, cache_folder, starter_path
from tunewright.select.against import (
    CRITERIA,
    FILTER_WORDS,
    Measured,
    Usable,
    language_words,
    length_words,
    licence_words,
    measured,
    memory_words,
    millions,
    size_rules,
)
from tunewright.select.candidate import Candidate, Filter, LeftOut, Ranked

CACHE = "cache"
"""In select.candidates: every whole model of the local Hugging Face cache."""
FILE_BYTES = 2
"""Of a weight on the hub, mostly bfloat16; what is fetched is told as about."""


def candidates(
    plan: Plan,
    *,
    folder: Path,
    facts: DataFacts,
    machine: Machine,
    need_bytes: Callable[[ModelCard], int],
    without: Sequence[LeftOut] = (),
) -> Ranked:
    """Every model that the plan names (or the starter models), best first; a named `model.name` always comes first.

    folder: where relative model paths start. What is compared, and in which order: select/against.CRITERIA; then the
    one named first. without: models that turned out to be out of reach.
    A listed model that cannot be used is left out with its reason; one that does not exist is an error.
    Raises ModelError when a named model cannot do the task or none can; DoesNotFit when none fits.
    """
    usable = _usable(plan, machine)
    is_named, left_out = not is_auto(plan.model.name), list(without)
    found: list[Measured] = []
    for name in _names(plan, folder=folder):
        if name in {one.name for one in left_out}:
            continue
        card = _card(name, plan=plan, folder=folder, left_out=None if is_named and not found else left_out)
        if card is not None:
            found.append(_measured(card, plan=plan, facts=facts, usable=usable, need_bytes=need_bytes(card)))
    if not found:
        raise _none_usable(left_out)
    ranked = sorted(found, key=lambda one: one.costs)
    chosen = found[0] if is_named else ranked[0]
    _refuse_unsuitable(chosen, ranked, facts=facts, is_named=is_named)
    order = [chosen, *(one for one in ranked if one is not chosen)]
    reasons = [_chosen_reason(order, best=ranked[0], is_named=is_named)]
    reasons += [_passed_over(one, chosen=chosen, is_named=is_named) for one in order[1:]]
    return Ranked(
        tuple(
            _candidate(one, rank=i + 1, reason=reason)
            for i, (one, reason) in enumerate(zip(order, reasons, strict=True))
        ),
        tuple(left_out) + (_not_asked(plan) if is_auto(plan.select.candidates) and not is_named else ()),
        size_rules(facts),
    )


def not_chosen(
    card: ModelCard, *, plan: Plan, facts: DataFacts, machine: Machine, need_bytes: int, reason: str
) -> Ranked:
    """The facts of a model that was not compared with others: the plan measures what is there."""
    one = _measured(card, plan=plan, facts=facts, usable=_usable(plan, machine), need_bytes=need_bytes)
    return Ranked((_candidate(one, rank=1, reason=reason),), (), ())


def _usable(plan: Plan, machine: Machine) -> Usable:
    is_gpu = bool(machine.accelerator_memory_bytes) and (is_auto(plan.run.device) or plan.run.device == "cuda")
    cache = cache_folder().absolute()
    there = next(path for path in (cache, *cache.parents) if path.is_dir())
    return Usable(
        memory_bytes=usable_bytes(machine, limit=plan.run.memory_limit, is_gpu=is_gpu),
        disk_bytes=shutil.disk_usage(there).free,
        licences=plan.select.licences,
    )


def _names(plan: Plan, *, folder: Path) -> tuple[str, ...]:
    """Each model once, the plan's own choice first; the word cache stands for many."""
    named = () if is_auto(plan.model.name) else (plan.model.name,)
    listed = plan.select.candidates
    others = tuple(f"{PREFIX}{name}" for name in STARTERS) if is_auto(listed) or not listed else listed
    once: dict[str, str] = {}
    for name in (*named, *others):
        path = folder / Path(name).expanduser()
        if name == CACHE and not path.is_dir():
            once |= {one: one for one in cached_names() if one not in once}
        else:
            once.setdefault(str(path.resolve()) if path.is_dir() else name, name)
    return tuple(once.values())


def _card(name: str, *, plan: Plan, folder: Path, left_out: list[LeftOut] | None) -> ModelCard | None:
    """From its own files; a model that is not here is described by our tables, and fetched only once it is chosen.

    left_out: takes a model that cannot be used, and why; None: such a model is an error.
    """
    if name.startswith(PREFIX) and starter_path(name) is None:
        return STARTERS[name.removeprefix(PREFIX)].card
    is_own = not is_auto(plan.model.name) and name == plan.model.name
    revision = plan.model.revision if is_own or is_auto(plan.model.name) else "main"
    trust, entry, is_local = plan.model.trust_remote_code, known(name), is_here(name, folder=folder, revision=revision)
    if entry is not None and left_out is not None and not is_local:
        if why := not_reachable(entry.name):
            left_out.append(LeftOut(name, why))
            return None
        return catalogue_card(entry)
    try:
        card = model_card(name, folder=folder, revision=revision, trust_remote_code=trust)
        refuse_unknown_family(card, trust_remote_code=trust)
    except ModelError as error:
        if left_out is None or not (is_local or isinstance(error, NotHere)):
            raise
        left_out.append(LeftOut(name, "; ".join(filter(None, [error.what, error.why]))))
        return None
    return card


def _measured(card: ModelCard, *, plan: Plan, facts: DataFacts, usable: Usable, need_bytes: int) -> Measured:
    return measured(
        card,
        facts=facts,
        usable=usable,
        need_bytes=need_bytes,
        fetch_bytes=0 if card.path else _fetch_bytes(card),
        trust_remote_code=plan.model.trust_remote_code,
    )


def _fetch_bytes(card: ModelCard) -> int:
    if not card.name.startswith(PREFIX):
        return FILE_BYTES * card.n_parameters
    starter = STARTERS[card.name.removeprefix(PREFIX)]
    return 2 * starter.wheel_bytes + starter.folder_bytes


def _not_asked(plan: Plan) -> tuple[LeftOut, ...]:
    """Models that nobody named: they are not fetched, and not trained on, unasked."""
    cached, elsewhere = cached_names(), len(catalogue_names())
    found = [LeftOut(name, f"in the local cache; select.candidates=[{CACHE}] compares it") for name in cached]
    why = "their files are not here and nothing is fetched unasked; name them: tunewright models list WORD"
    return (*found, LeftOut(f"{elsewhere} models of the catalogue", why))


def _none_usable(left_out: Sequence[LeftOut]) -> ModelError:
    first = left_out[0]
    return ModelError(
        f"none of the {len(left_out)} candidates can be used",
        where="select.candidates",
        why=f"{first.name}: {first.reason}",
        fix="select.candidates=auto compares the starter models",
    )


def _refuse_unsuitable(chosen: Measured, ranked: Sequence[Measured], *, facts: DataFacts, is_named: bool) -> None:
    """A named model that seems too large goes on: resolve knows batch and method, and decides with exact numbers."""
    able = [one for one in ranked if not one.misfit and one.is_allowed]
    if chosen.misfit:
        other = f"model.name={able[0].card.name}" if able else _decoder_fix()
        raise ModelError(
            f"{chosen.card.name} cannot do the task {facts.task}",
            where="model.name" if is_named else "select.candidates",
            why=chosen.misfit,
            fix=other,
        )
    if not chosen.is_allowed:
        raise ModelError(
            f"{chosen.card.name} may not be used" if is_named else "none of the candidates may be used",
            where="select.licences",
            why=licence_words(chosen),
            fix=f"model.name={able[0].card.name}"
            if able
            else f"select.licences=[{chosen.card.licence}], or leave it out",
        )
    if not chosen.fits and not is_named:
        smallest = min(able, key=lambda one: one.need_bytes)
        raise DoesNotFit(
            f"none of {len(able)} models fits; the one that needs least is {smallest.card.name}",
            need_bytes=smallest.need_bytes,
            have_bytes=smallest.usable.memory_bytes,
            fix=f"close other programs or raise run.memory_limit; or name it to try smaller batches: "
            f"model.name={smallest.card.name}",
        )


def _decoder_fix() -> str:
    chat = next(name for name, starter in STARTERS.items() if starter.card.has_chat_template)
    return f"model.name={PREFIX}{chat}"


def _candidate(one: Measured, *, rank: int, reason: str) -> Candidate:
    card = one.card
    tables = "our table of starter models" if card.name.startswith(PREFIX) else "the catalogue"
    filters = (criterion for criterion in CRITERIA if criterion.is_filter)
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
        unknown_rate=one.unknown_rate,
        fetch_bytes=one.fetch_bytes,
        facts_from="its own files" if card.path else tables,
        filters=tuple(Filter(of.name, not of.cost(one), FILTER_WORDS[of.name](one)) for of in filters),
        effort=effort(card, entry=known(card.name)),
    )


def _chosen_reason(order: Sequence[Measured], *, best: Measured, is_named: bool) -> str:
    chosen, rivals = order[0], order[1:]
    parts = [_facts(chosen)]
    if not chosen.is_language:
        parts.append(f"mind that {language_words(chosen)}")
    if is_named:
        parts.insert(0, "named in the plan")
        if best is not chosen:
            parts.append(f"by facts {best.card.name} would come first: {_difference(chosen, best)}")
    elif rivals:
        parts.append(f"{rivals[0].card.name} was passed over: {_difference(rivals[0], chosen)}")
    return "; ".join(parts)


def _passed_over(one: Measured, *, chosen: Measured, is_named: bool) -> str:
    if is_named and one.costs < chosen.costs:
        return f"not chosen: the plan names {chosen.card.name}; {_facts(one)}"
    return f"not chosen: {_difference(one, chosen)}"


def _difference(worse: Measured, better: Measured) -> str:
    """The first criterion in which they differ, in words, with both numbers where there are two."""
    for criterion, a, b in zip(CRITERIA, worse.costs, better.costs, strict=True):
        if a != b:
            return criterion.words(worse, better)
    return "the same facts, and named later"


def _facts(one: Measured) -> str:
    article = "an" if one.card.architecture == "encoder" else "a"
    fetched = "" if one.card.path else ", not fetched yet"
    what = f"{article} {one.card.architecture} of {millions(one.card)} parameters{fetched}"
    per_byte = "" if math.isnan(one.tokens_per_byte) else f"; {one.tokens_per_byte:.2f} tokens a byte of your text"
    return f"{what}; {memory_words(one)}; {length_words(one)}{per_byte}"

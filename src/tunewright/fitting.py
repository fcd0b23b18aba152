"""Does a plan fit into memory, and which changes make it fit, at what price.

In: a resolved Plan, the Machine, a prediction for any plan. Out: nothing, or DoesNotFit with ways that were each
predicted to fit. Its own file because a change that only might fit costs a person an hour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tunewright.core.errors import DoesNotFit, Way
from tunewright.core.machine import Machine, usable_bytes
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.systems import scratch_words, trains
from tunewright.evaluate.rivals.scratch_plan import RATES, scratch_plan
from tunewright.model.few_bits import may_have_few_bits
from tunewright.model.memory import MemoryPlan
from tunewright.text.lengths import LengthFacts

N_WAYS = 3
"""Ways that are named: a choice, not a list."""
MOST_TRIED = 40
"""Predictions of other plans, of which each may take a second or two."""
STEP_TOKENS = 64
"""Of the lengths that are tried when a row is too long; the default length is a multiple of it too."""
PRICES = {
    "train.batch_size": "as many rows a step as before, in smaller parts: the same result, a little slower",
    "train.gradient_checkpointing": "about a third more time, the same result",
    "model.quantization": "the base in 4 bits: .2 nats worse before training at 135 M weights; needs the extra quant",
    "train.method": "adapters learn as well on few rows, less on very many (LoRA Without Regret, 2025)",
    "train.layers": "the blocks below stay as they are",
}
"""What each change costs. Sources: docs/decisions 0013, 0017, 0020, 0018."""


@dataclass(slots=True)  # not frozen: it remembers what it has predicted
class _Tried:
    need: Callable[[Plan], int]
    limit: int
    known: dict[str, int] = field(default_factory=dict)

    def fits(self, plan: Plan) -> bool:
        """Also False once too many plans were tried."""
        key = plan.model_dump_json()
        if key not in self.known and len(self.known) >= MOST_TRIED:
            return False
        if key not in self.known:
            self.known[key] = self.need(plan)
        return self.known[key] <= self.limit


@dataclass(frozen=True, slots=True)
class _Atom:
    """One change, by itself perhaps not enough."""

    field: str
    values: tuple[Mapping[str, Any], ...]
    """What it may be set to, the mildest first, each as field -> value."""
    price: str

    def mildest(self, plan: Plan, tried: _Tried) -> Plan | None:
        """The plan with the first value that fits; halved steps when there are many. None: not even the last does."""
        if not tried.fits(changed(plan, self.values[-1])):
            return None
        low, high = 0, len(self.values) - 1  # high fits
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if tried.fits(changed(plan, self.values[middle])) else (middle + 1, high)
        return changed(plan, self.values[high])


def memory_limit_bytes(plan: Plan, machine: Machine) -> int:
    """What the run may use: the plan's limit, else nine tenths of what the device has."""
    is_gpu = not is_auto(plan.run.device) and plan.run.device == "cuda"
    return usable_bytes(machine, limit=plan.run.memory_limit, is_gpu=is_gpu)


def refuse_too_large(
    plan: Plan, *, machine: Machine, lengths: LengthFacts, n_layers: int, memory_at: Callable[[Plan], MemoryPlan]
) -> None:
    """Raises DoesNotFit, with the largest term and what would fit, when the predicted peak is over the limit.

    memory_at: predicted for this plan or one like it.
    """
    limit, memory = memory_limit_bytes(plan, machine), memory_at(plan)
    if memory.total <= limit:
        return
    ways = ways_to_fit(
        plan,
        limit=limit,
        most=memory_limit_bytes(changed(plan, {"run.memory_limit": None}), machine),
        lengths=lengths,
        n_layers=n_layers,
        need=lambda other: memory_at(other).total,
    )
    another = [
        "a smaller model" if trains(plan) else "measure it on a machine with more memory",
        "raise run.memory_limit",
    ]
    raise DoesNotFit(
        f"this {'training' if trains(plan) else 'model'} does not fit by {(memory.total - limit) / 1e9:.1f} GB; "
        f"the largest term is {memory.largest_term} ({getattr(memory, memory.largest_term) / 1e9:.1f} GB)",
        need_bytes=memory.total,
        have_bytes=limit,
        fix=" or ".join([way.change for way in ways] or another),
        ways=ways,
    )


def refuse_large_scratch(plan: Plan, *, machine: Machine, memory_at: Callable[[Plan], MemoryPlan]) -> None:
    """Raises DoesNotFit when the model fits as the plan trains it, and with every weight trained from random it does
    not."""
    if not scratch_words(plan) or not trains(plan):
        return
    limit, memory = memory_limit_bytes(plan, machine), memory_at(scratch_plan(plan, rate=RATES[0], n_steps=1))
    if memory.total > limit:
        raise DoesNotFit(
            f"a training from random weights trains them all and does not fit by {(memory.total - limit) / 1e9:.1f} GB",
            need_bytes=memory.total,
            have_bytes=limit,
            fix="leave scratch out of evaluate.systems",
        )


def ways_to_fit(
    plan: Plan, *, limit: int, most: int, lengths: LengthFacts, n_layers: int, need: Callable[[Plan], int]
) -> tuple[Way, ...]:
    """At most N_WAYS, each predicted to fit: single changes first, then two and more together, then a higher limit.

    most: what the machine would allow without the plan's own limit.
    """
    if not trains(plan):
        return ()
    tried = _Tried(need, limit)
    atoms = tuple(_atoms(plan, lengths=lengths, n_layers=n_layers))
    ways: list[Way] = []
    used: list[frozenset[str]] = []
    for n in range(1, len(atoms) + 1):
        for group in combinations(atoms, n):
            names = frozenset(atom.field for atom in group)
            if len(ways) == N_WAYS or len(names) < n or any(one <= names for one in used):
                continue
            if (found := _together(plan, group, tried=tried)) is not None:
                ways.append(_way(plan, found, group, lengths=lengths, need_bytes=tried.known[found.model_dump_json()]))
                used.append(names)
    if len(ways) < N_WAYS and (own := need(plan)) <= most:
        ways.append(Way(f"run.memory_limit={math.ceil(own / 1e8) / 10:g}GB", own, "other programs have less left"))
    return tuple(ways)


def changed(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    """With these fields, as section.field."""
    for name, value in changes.items():
        section, _, key = name.partition(".")
        plan = plan.with_(**{section: getattr(plan, section).with_(**{key: value})})
    return plan


def _atoms(plan: Plan, *, lengths: LengthFacts, n_layers: int) -> Iterator[_Atom]:
    """In the order of their prices."""
    train, most = plan.train, min(plan.prepare.max_length, max(1, lengths.longest))
    sizes = [n for n in range(train.batch_size - 1, 0, -1) if train.batch_size % n == 0]
    if sizes:
        held = train.batch_size * train.gradient_accumulation_steps
        values = tuple({"train.batch_size": n, "train.gradient_accumulation_steps": held // n} for n in sizes)
        yield _Atom("train.batch_size", values, PRICES["train.batch_size"])
    for name, value, is_open in (
        ("train.gradient_checkpointing", True, not train.gradient_checkpointing),
        ("train.method", "lora", train.method == "full" and train.layers == "all"),
        ("model.quantization", "nf4", may_have_few_bits(plan) or may_have_few_bits(changed(plan, _LORA))),
    ):
        if is_open:
            yield _Atom(name, ({name: value},), PRICES[name])
    if train.layers == "all" and train.method != "head" and train.adapter is None and n_layers > 1:
        fewer = tuple({"train.layers": f"last:{n}"} for n in range(n_layers - 1, 0, -1))
        yield _Atom("train.layers", fewer, PRICES["train.layers"])
    shorter = tuple({"prepare.max_length": n * STEP_TOKENS} for n in range((most - 1) // STEP_TOKENS, 0, -1))
    if shorter:
        yield _Atom("prepare.max_length", shorter, "")


_LORA = {"train.method": "lora"}


def _together(plan: Plan, group: Sequence[_Atom], *, tried: _Tried) -> Plan | None:
    """All but the last at their strongest, the last as mild as it may be; None when that does not fit, or cannot be."""
    *strong, last = group
    for atom in strong:
        plan = changed(plan, atom.values[-1])
    if last.field == "model.quantization" and not may_have_few_bits(plan):
        return None
    return last.mildest(plan, tried)


def _way(plan: Plan, found: Plan, group: Sequence[_Atom], *, lengths: LengthFacts, need_bytes: int) -> Way:
    words, prices = [], []
    for atom in group:
        for name in atom.values[0]:
            section, _, key = name.partition(".")
            value, before = (getattr(getattr(of, section), key) for of in (found, plan))
            if value != before:
                words.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
        prices.append(atom.price or _cut_words(found, lengths=lengths))
    return Way(" ".join(words), need_bytes, "; ".join(prices))


def _cut_words(plan: Plan, *, lengths: LengthFacts) -> str:
    most = plan.prepare.max_length
    if plan.task == "text":
        return f"documents are divided into pieces of {most} tokens"
    n_cut = sum(n > most for n in lengths.lengths)
    if not lengths.lengths:
        return f"rows over {most} tokens are cut"
    return f"{n_cut:,} of {len(lengths.lengths):,} rows are cut ({100 * n_cut / len(lengths.lengths):.1f} %)"

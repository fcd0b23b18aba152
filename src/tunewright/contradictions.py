"""Plans that cannot be carried out, told before any work starts.

In: the Plan, as asked and as far as it is decided, the ModelCard, the Machine. Out: nothing, or an error.
Its own file because what must be refused grows with every field, and resolve only decides what is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tunewright.core.errors import DoesNotFit, PlanError
from tunewright.core.evaluate_plan import API, OUTSIDE
from tunewright.core.machine import Machine, size_bytes, usable_bytes
from tunewright.core.plan import Plan
from tunewright.core.registry import lookup
from tunewright.core.section import is_auto
from tunewright.core.systems import (
    SYSTEMS,
    is_scratch,
    outside_name,
    scratch_times,
    scratch_words,
    subject_word,
    trains,
)
from tunewright.core.tasks import has_head
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import ModelCard
from tunewright.evaluate.measures.definition import COMPARED, METRICS
from tunewright.evaluate.remote.named import refuse_unknown_apis
from tunewright.evaluate.rivals.scratch_plan import RATES, scratch_plan
from tunewright.explain.cost import LABEL_ERRORS, METHODS, refuse_label_errors, refuse_unexplained
from tunewright.model.few_bits import may_have_few_bits, refuse_few_bits
from tunewright.model.layers import layer_indices
from tunewright.model.memory import MemoryPlan
from tunewright.required import refuse_impossible
from tunewright.select.budget import race_seconds
from tunewright.train.trackers.table import refuse_missing_trackers

WORDS: dict[str, tuple[str, ...]] = {
    "evaluate.systems": SYSTEMS,
    "evaluate.metrics": tuple(METRICS),
    "evaluate.primary_metric": COMPARED,
    "explain.methods": METHODS,
    "export.targets": ("adapter", "merged"),
}
"""Fields that name parts, and the parts there are."""
STEP_TOKENS = 64
"""Of the lengths that are tried when a row is too long; the default length is a multiple of it too."""
_CHEAP = {"train.batch_size", "train.gradient_checkpointing"}
"""Changes that cost time and change nothing in the model."""
_OTHERS_KNOW = (OUTSIDE, API)
"""Systems that are no word of ours: a folder, an address."""


def refuse_unsupported(plan: Plan) -> None:
    """What the plan may say and this version cannot do is an error, never silently left out.

    Raises PlanError, ModelError, MissingExtra.
    """
    asked = {"train.packing": plan.train.packing is True}
    shares = (plan.prepare.test_fraction, plan.prepare.validation_fraction)
    if sum(0.0 if is_auto(share) else share for share in shares) >= 1:
        raise PlanError(
            f"test and validation take {sum(shares):g} of the train rows, and nothing is left to train on",
            where="prepare.test_fraction",
            fix="prepare.test_fraction=0.15 prepare.validation_fraction=0.15",
        )
    for field, is_asked in asked.items():
        if is_asked:
            raise PlanError(f"{field} is not in this version", where=field, fix=f"leave {field} out")
    _refuse_unknown_words(plan)
    refuse_unknown_apis(plan)
    for system in scratch_words(plan):
        scratch_times(system)
    refuse_few_bits(plan)
    refuse_impossible(plan)
    refuse_missing_trackers(plan)
    if plan.prepare.review is not None and not plan.prepare.review.strip():
        raise PlanError(
            "prepare.review names no file",
            where="prepare.review",
            why="an empty word would leave every decision undone without a word about it",
            fix="prepare.review=review.csv, or prepare.review=null where nobody decided",
        )
    if plan.evaluate.seeds > 1 and subject_word(plan) and not trains(plan):
        raise PlanError(
            f"evaluate.seeds is {plan.evaluate.seeds}, and this plan trains nothing",
            where="evaluate.seeds",
            why=f"it measures {outside_name(subject_word(plan))} as it is, and no seed of ours is in it",
            fix="evaluate.seeds=1, or evaluate.systems=[tuned, base]",
        )
    race_seconds(plan)
    if plan.run.memory_limit:
        size_bytes(plan.run.memory_limit)
    if not subject_word(plan):
        raise PlanError(
            "the tuned model is left out",
            where="evaluate.systems",
            why="the verdict is about tuned, or about a model that something else has trained: path:FOLDER",
            fix="evaluate.systems=[tuned, base]",
        )


def refuse_untrained(plan: Plan) -> None:
    """Raises PlanError: `train` is asked of a plan that measures another tool's model."""
    if not trains(plan):
        name = outside_name(subject_word(plan)) or "nothing of ours"
        raise PlanError(
            "this plan trains nothing",
            where="evaluate.systems",
            why=f"its systems leave tuned out: it measures {name}",
            fix="tunewright evaluate PLAN, or evaluate.systems=[tuned, base]",
        )


def _refuse_unused_scorer(plan: Plan) -> None:
    scorer, primary = plan.evaluate.scorer, plan.evaluate.primary_metric
    if scorer is not None and plan.task != "generate":
        raise PlanError(
            f"evaluate.scorer is a metric of written answers, and the task is {plan.task}",
            where="evaluate.scorer",
            fix="leave evaluate.scorer out",
        )
    if scorer is None and not is_auto(primary) and primary == "scorer":
        raise PlanError(
            "evaluate.primary_metric is your own metric, and the plan names none",
            where="evaluate.primary_metric",
            fix="evaluate.scorer=scorer.py, a file with: def score(answer, reference): ...",
        )


def refuse_contradictions(asked: Plan, plan: Plan) -> None:
    """Fields of the plan that exclude each other.

    asked: as the person gave it. plan: the same with what the data decided.
    Raises PlanError.
    """
    train = asked.train
    _refuse_unused_scorer(plan)
    if plan.evaluate.judge is not None and plan.task != "generate":
        raise PlanError(
            f"evaluate.judge compares written answers, and the task is {plan.task}",
            where="evaluate.judge",
            fix="leave evaluate.judge out",
        )
    named = named_lora_fields(train)
    if named and not is_auto(train.method) and train.method != "lora":
        raise PlanError(
            f"train.{named[0]} says lora, train.method says {train.method}",
            where=f"train.{named[0]}",
            fix=f"train.method=lora, or leave train.{named[0]} out",
        )
    if not is_auto(train.method) and train.method == "head" and not is_auto(train.layers) and train.layers != "all":
        raise PlanError(
            "train.method head trains no block, and train.layers names some",
            where="train.layers",
            fix="train.method=full, or leave train.layers out",
        )
    if not has_head(plan.task) and not is_auto(train.method) and train.method == "head":
        raise PlanError(
            f"train.method head needs classes or numbers, and the task is {plan.task}",
            where="train.method",
            fix="train.method=lora",
        )
    if not is_auto(asked.explain.methods) and asked.explain.methods:
        refuse_unexplained(plan.task, where="explain.methods")
    if not is_auto(asked.explain.methods) and LABEL_ERRORS in asked.explain.methods:
        refuse_label_errors(plan)


def refuse_misfits(plan: Plan, *, card: ModelCard, machine: Machine) -> None:
    """What the plan asks of this model and this machine, and they cannot do.

    Raises PlanError.
    """
    length, device = plan.prepare.max_length, plan.run.device
    if not has_head(plan.task) and card.architecture == "encoder":
        raise PlanError(
            f"{card.name} is an encoder: it reads, it cannot write, and the task is {plan.task}",
            where="model.name",
            fix="name a decoder (a chat model), or leave model.name out",
        )
    if not is_auto(length) and length > card.context_tokens:
        raise PlanError(
            f"prepare.max_length is {length}, and {card.name} reads at most {card.context_tokens} tokens",
            where="prepare.max_length",
            fix=f"prepare.max_length={card.context_tokens}, or a model with a longer context",
        )
    if plan.train.method != "head" and not is_auto(plan.train.layers):
        layer_indices(plan.train.layers, n_layers=card.n_layers)
    is_blind = device == "cuda" and not machine.accelerator and not plan.run.memory_limit
    if not is_auto(device) and is_blind:  # nvidia-smi does not know every GPU: who states its memory may use it
        raise PlanError(
            "run.device is cuda, and no GPU is found here",
            where="run.device",
            fix="run.device=cpu, or state run.memory_limit for a GPU that nvidia-smi does not list",
        )


def refuse_too_large(plan: Plan, *, machine: Machine, memory_at: Callable[[Plan], MemoryPlan]) -> None:
    """Raises DoesNotFit, with the largest term and what would fit, when the predicted peak is over the limit.

    memory_at: predicted for this plan or one like it.
    """
    limit, memory = memory_limit_bytes(plan, machine), memory_at(plan)
    if memory.total <= limit:
        return
    raise DoesNotFit(
        f"this {'training' if trains(plan) else 'model'} does not fit by {(memory.total - limit) / 1e9:.1f} GB; "
        f"the largest term is {memory.largest_term} ({getattr(memory, memory.largest_term) / 1e9:.1f} GB)",
        need_bytes=memory.total,
        have_bytes=limit,
        fix=" or ".join(_what_fits(plan, fits=lambda other: memory_at(other).total <= limit)),
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


def _what_fits(plan: Plan, *, fits: Callable[[Plan], bool]) -> list[str]:
    """Each change that is enough by itself; else all of them together; else another machine."""
    if not trains(plan):
        return ["measure it on a machine with more memory", "raise run.memory_limit"]
    train = plan.train
    changes: dict[str, Any] = {
        **({"train.batch_size": 1} if train.batch_size > 1 else {}),
        **({"train.gradient_checkpointing": True} if not train.gradient_checkpointing else {}),
        **({"train.method": "lora"} if train.method == "full" else {}),
        **({"model.quantization": "nf4"} if may_have_few_bits(plan) else {}),
    }
    enough = [field for field, value in changes.items() if fits(_changed(plan, {field: value}))]
    found = [f"{field}={_word(changes[field])}" for field in enough]
    if not set(enough) & _CHEAP and (n := _longest(plan, fits=fits)):
        found.append(f"prepare.max_length={n}")
    if found:
        return found
    smallest = _changed(plan, changes)
    n = plan.prepare.max_length if fits(smallest) else _longest(smallest, fits=fits)
    if not n:
        return ["a smaller model", "raise run.memory_limit"]
    words = [f"{field}={_word(value)}" for field, value in changes.items()]
    return [" ".join(words + ([f"prepare.max_length={n}"] if n < plan.prepare.max_length else []))]


def _changed(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    """With these fields, as section.field."""
    for field, value in changes.items():
        section, _, name = field.partition(".")
        plan = plan.with_(**{section: getattr(plan, section).with_(**{name: value})})
    return plan


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _longest(plan: Plan, *, fits: Callable[[Plan], bool]) -> int:
    """The longest prepare.max_length below the plan's that fits, in steps of STEP_TOKENS; 0 when none does."""
    low, high = 0, -(-plan.prepare.max_length // STEP_TOKENS)  # low fits, high does not, in steps
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = fits(plan.with_(prepare=plan.prepare.with_(max_length=middle * STEP_TOKENS)))
        low, high = (middle, high) if is_enough else (low, middle)
    return low * STEP_TOKENS


def memory_limit_bytes(plan: Plan, machine: Machine) -> int:
    """What the run may use: the plan's limit, else nine tenths of what the device has."""
    is_gpu = not is_auto(plan.run.device) and plan.run.device == "cuda"
    return usable_bytes(machine, limit=plan.run.memory_limit, is_gpu=is_gpu)


def named_lora_fields(train: TrainPlan) -> tuple[str, ...]:
    """Fields that the plan gives and only lora reads."""
    open_ones = ("lora_r", "lora_alpha", "lora_dropout", "target_modules")
    given = tuple(name for name in open_ones if not is_auto(getattr(train, name)))
    return given + tuple(name for name in ("use_rslora", "use_dora", "use_pissa", "adapter") if getattr(train, name))


def _refuse_unknown_words(plan: Plan) -> None:
    """Names of parts that there are none of, with the nearest that there is."""
    for field, known in WORDS.items():
        section, _, name = field.partition(".")
        given = getattr(getattr(plan, section), name)
        words = () if is_auto(given) else (given,) if isinstance(given, str) else given
        for word in words:
            if not word.startswith(_OTHERS_KNOW) and not is_scratch(word):
                lookup(word, dict.fromkeys(known), kind=name, where=field)

"""Every decision that the user left open, made once, before work starts, each with its reason.

In: the asked Plan, the ModelCard, the Machine, facts of the data. Out: Resolved: the Plan without AUTO, and a Choice
for each decision. Its own file because nothing downstream may decide again: a default lives in one rule of RULES.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tunewright.contradictions import named_lora_fields, refuse_contradictions, refuse_misfits
from tunewright.contradictions import refuse_unsupported as refuse_unsupported
from tunewright.core.machine import Machine
from tunewright.core.plan import Plan, open_fields
from tunewright.core.section import AUTO, is_auto
from tunewright.core.systems import trains
from tunewright.core.tasks import has_head
from tunewright.core.values import Choice, DataFacts, ModelCard, Task
from tunewright.evaluate.measures.definition import TASK_METRICS
from tunewright.evaluate.side_effects.general import general_choice
from tunewright.explain.cost import methods_choice
from tunewright.fitting import memory_limit_bytes, refuse_large_scratch, refuse_too_large
from tunewright.model.memory import MemoryPlan, formula_memory
from tunewright.required import refuse_unmeasured
from tunewright.select.budget import race_choices
from tunewright.text.lengths import LengthFacts as LengthFacts
from tunewright.train.default_rate import default_rate
from tunewright.train.to_find import choices_to_find

CLEARLY = 0.8
"""Share of the limit below which the formula is enough: it says .9 to 4 times what benchmarks/memory.py's 22 trainings
took."""
SMALL_ENCODER_PARAMETERS = 150_000_000
"""Encoders up to here are tuned whole. Source: DESIGN 5."""
HEAD_ROWS = 50
"""Under this many rows only the head learns. Source: DESIGN 5."""
RARE_SHARE = 1 / 5
"""A class rarer than this share of the average class makes macro F1 the primary metric. Source: DESIGN 2."""
_HONEST = "the honest rivals; scratch and few_shot cost a training or are weaker, so only when asked"
SYSTEMS_OF: dict[Task, tuple[tuple[str, ...], str]] = {
    "classify": (("tuned", "base", "majority", "tfidf", "linear_probe"), _HONEST),
    "multilabel": (
        ("tuned", "majority", "tfidf", "linear_probe"),
        "the honest rivals; base is left out: before tuning it cannot say how many labels a row has",
    ),
    "regress": (
        ("tuned", "mean", "tfidf", "linear_probe"),
        "the honest rivals; base is left out: before tuning no layer of it says a number",
    ),
}
_NO_RIVALS = (("tuned", "base"), "the same model before tuning; no keyword model writes answers")
GENERATED_ROWS = {"cpu": 64, "cuda": 200, "mps": 200}
"""Rows that answers are written for, by device. Two cores write 110 tokens a second (SmolLM2-135M)."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A plan that says everything, and why."""

    plan: Plan
    choices: tuple[Choice, ...]
    memory: MemoryPlan


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules look at."""

    card: ModelCard
    machine: Machine
    facts: DataFacts
    lengths: LengthFacts
    default_name: str
    counted: Callable[[Plan, int], MemoryPlan | None] = lambda _plan, _batch_size: None
    """What a training with this batch size needs, counted on the model's own architecture; None: by formula."""


Rule = Callable[[Plan, Context], Iterable[Choice]]


def resolve(asked: Plan, context: Context, *, given: tuple[Choice, ...] = ()) -> Resolved:
    """Apply RULES in order; each sees the decisions before it, and decides only what is still open.

    given: choices made by the stages that read the data and picked the model.
    Raises PlanError for contradictions and for what this version does not do, DoesNotFit when memory is too small.
    """
    refuse_unsupported(asked)
    plan, choices = with_choices(asked, given)
    refuse_contradictions(asked, plan)
    refuse_misfits(plan, card=context.card, machine=context.machine)
    for rule in RULES:
        plan, made = with_choices(plan, tuple(rule(plan, context)))
        choices += made
    choices += tuple(choices_to_find(plan, context.card))
    left = open_fields(plan)
    assert not left, f"no rule decides {left}"
    refuse_unmeasured(plan)
    memory = planned_memory(plan, context)
    refuse_too_large(
        plan,
        machine=context.machine,
        lengths=context.lengths,
        n_layers=context.card.n_layers,
        memory_at=lambda other: planned_memory(other, context),
    )
    refuse_large_scratch(plan, machine=context.machine, memory_at=lambda other: planned_memory(other, context))
    return Resolved(plan, choices, memory)


def with_choices(plan: Plan, choices: tuple[Choice, ...]) -> tuple[Plan, tuple[Choice, ...]]:
    """The plan with the open fields filled, and the choices that filled one."""
    left = set(open_fields(plan))
    made = tuple(choice for choice in choices if choice.field in left)
    for choice in made:
        section, _, name = choice.field.partition(".")
        change = choice.value if not name else getattr(plan, section).with_(**{name: choice.value})
        plan = plan.with_(**{section: change})
    return plan, made


def planned_memory(plan: Plan, context: Context) -> MemoryPlan:
    """Predicted peak of the training process; what the weights alone need when nothing is trained."""
    memory = _memory(plan, context, batch_size=plan.train.batch_size)
    return memory if trains(plan) else MemoryPlan(memory.weights, 0, 0, 0, 0)


def run_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    machine = context.machine
    yield Choice("run.name", context.default_name, "the name of the plan's or the data's file")
    device = "cuda" if machine.accelerator else "cpu"
    yield Choice("run.device", device, f"accelerator found: {machine.accelerator or 'none'}")
    yield Choice("run.threads", machine.n_cores, f"this process may use {machine.n_cores} cores")
    device = device if is_auto(plan.run.device) else plan.run.device
    has_bf16 = machine.has_bf16 or (device == "cuda" and bool(machine.accelerator))
    yield Choice(
        "model.dtype",
        "bfloat16" if has_bf16 else "float32",
        "the processor multiplies bfloat16 in hardware"
        if has_bf16
        else "the processor has no bfloat16 products (avx512_bf16, amx_bf16); emulated ones would be slower",
    )
    yield Choice("select.candidates", (context.card.name,), "the models that were compared are in candidates.json")
    yield from race_choices(plan)


def length_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    lengths, limit = context.lengths, context.card.context_tokens
    wanted = max(64, math.ceil(lengths.p995 / 64) * 64)
    value = min(wanted, limit)
    about = f"their 99.5th percentile is {lengths.p995} tokens, the longest {lengths.longest}"
    reason = f"keeps 99.5 % of {lengths.n_rows} rows whole ({about}); the model reads up to {limit}"
    if lengths.p995 > limit:
        reason = f"{limit} is all that the model reads: of {lengths.n_rows} rows the longer ones are cut ({about})"
    yield Choice("prepare.max_length", value, reason)


def method_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    card, n_rows = context.card, context.facts.n_rows.get("train", 0)
    size = f"{card.n_parameters / 1e6:.1f} M parameters"
    named = named_lora_fields(plan.train)
    if named:
        yield Choice(
            "train.method", "lora", f"the plan names train.{named[0]}, which only lora has; full is for {size}"
        )
    elif plan.model.quantization:
        yield Choice("train.method", "lora", "weights in few bits cannot be trained, an adapter beside them can")
    elif has_head(plan.task) and n_rows < HEAD_ROWS and plan.train.layers in (AUTO, "all"):
        yield Choice("train.method", "head", f"{n_rows} train rows are under {HEAD_ROWS}: more weights would overfit")
    elif card.architecture == "encoder" and card.n_parameters <= SMALL_ENCODER_PARAMETERS:
        yield Choice("train.method", "full", f"an encoder of {size} fits whole; lora would save memory we do not need")
    else:
        yield Choice("train.method", "lora", f"{card.architecture} of {size}: adapters need a tenth of full's memory")
    yield Choice("train.layers", "all", f"all {card.n_layers} blocks; fewer only when asked in this version")
    yield Choice("train.lora_r", 16, "usual range 8 to 64; 16 is the size our references were measured with")
    alpha = 2.0 * (16 if is_auto(plan.train.lora_r) else plan.train.lora_r)
    yield Choice("train.lora_alpha", alpha, f"twice the rank of {alpha / 2:g}, as in most published runs")
    yield Choice(
        "train.lora_dropout", 0.0, "1 to 5 epochs on this few new weights need none; 0.05 to 0.1 is usual for long runs"
    )
    yield Choice("train.target_modules", "all-linear", "attention alone learns less (LoRA Without Regret, 2025)")
    yield Choice("train.packing", False, "rows are batched by length in this version")


def rate_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    card, method = context.card, plan.train.method
    rate = default_rate(card, method=method)
    yield Choice("train.learning_rate", rate.value, rate.reason)
    epochs = {"full": 5.0 if card.architecture == "encoder" else 3.0, "lora": 3.0, "head": 20.0}[method]
    usual = f"{epochs:g} is enough for {method} tuning of {card.architecture}s"
    reason = f"{usual}; the best checkpoint by validation is kept, so more epochs cost time only"
    yield Choice("train.epochs", epochs, reason)
    yield Choice("train.warmup_ratio", 0.1, "a tenth (0.1) of the steps; usual range 0.03 to 0.1")
    yield Choice("train.weight_decay", 0.01, "0.01 is BERT's and most recipes' value; biases and norms never decay")


def batch_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    n_rows = context.facts.n_rows.get("train", 0)
    wanted = 8 if context.card.architecture == "decoder" else (32 if n_rows >= 1000 else 16)
    limit = memory_limit_bytes(plan, context.machine)
    for choice in _checkpointing(plan, context, limit=limit):
        plan, _ = with_choices(plan, (choice,))
        yield choice
    value = wanted
    while value > 1 and _need_bytes(plan, context, batch_size=value, limit=limit) > limit:
        value //= 2
    reason = "32 rows from 1,000 train rows on, 16 below, 8 for decoders (small batches learn as well with lora)"
    if value < wanted:
        reason = f"{wanted} rows would need more than the {limit / 1e9:.1f} GB that can be used"
    yield Choice("train.batch_size", value, f"{reason}; there are {n_rows} train rows")


def _checkpointing(plan: Plan, context: Context, *, limit: int) -> Iterator[Choice]:
    """Where one row alone is too much: its activations are calculated twice instead of kept."""
    field, most = "train.gradient_checkpointing", f"{limit / 1e9:.1f} GB can be used"
    need = _need_bytes(plan, context, batch_size=1, limit=limit)
    if need <= limit or not is_auto(plan.train.gradient_checkpointing):
        why = f"the longest row needs {need / 1e9:.1f} GB and {most}: calculating twice would only cost time"
        yield Choice(field, False, why)
        return
    again, _ = with_choices(plan, (Choice(field, True, ""),))
    less = _memory(again, context, batch_size=1).total
    why = f"the longest row needs {need / 1e9:.1f} GB, {less / 1e9:.1f} GB so, and {most}; it takes a third more time"
    yield Choice(field, less < need, why)


def _n_sequences(plan: Plan, context: Context) -> int:
    """What an epoch sees: rows, but a long document is divided into several sequences."""
    if plan.task != "text" or not context.lengths.lengths:
        return context.facts.n_rows.get("train", 0)
    return sum(math.ceil(n / plan.prepare.max_length) for n in context.lengths.lengths)


def step_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    train = plan.train
    per_step = train.batch_size * train.gradient_accumulation_steps
    per_epoch = max(1, math.ceil(_n_sequences(plan, context) / per_step))
    n_steps = train.max_steps or max(1, math.ceil(per_epoch * train.epochs))
    save = max(10, math.ceil(n_steps / 20))
    yield Choice("train.save_steps", save, f"about 20 times in {n_steps} steps: a kill loses a twentieth at most")
    validate = max(1, min(per_epoch, n_steps))
    yield Choice("train.eval_steps", validate, f"once an epoch ({per_epoch} steps)")
    yield Choice("train.patience", 3, "3 validations without a better one end the run; waiting longer costs epochs")


def evaluate_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    yield Choice("evaluate.systems", *SYSTEMS_OF.get(plan.task, _NO_RIVALS))
    yield _primary_metric(plan, context.facts)
    yield Choice("evaluate.metrics", TASK_METRICS[plan.task], f"all of the task {plan.task}")
    cap = min(512, context.card.context_tokens // 2, max(32, math.ceil(1.25 * context.lengths.answer_p95 / 32) * 32))
    reason = f"a quarter above the references' 95th percentile of {context.lengths.answer_p95} tokens, at most 512"
    yield Choice("evaluate.max_new_tokens", cap, reason if plan.task == "generate" else "nothing is generated")
    limit = GENERATED_ROWS[plan.run.device] if plan.task == "generate" else None
    yield Choice(
        "evaluate.limit",
        limit,
        f"writing is slow: answers for {limit} seeded rows on {plan.run.device}, likelihood on all"
        if limit
        else "all rows are scored",
    )
    yield general_choice(plan.task)


def after_rules(plan: Plan, context: Context) -> Iterator[Choice]:
    yield methods_choice(plan, card=context.card, facts=context.facts, mean_tokens=context.lengths.mean)
    yield Choice("export.targets", (), "only when asked: tunewright export RUN writes and checks adapter and merged")


RULES: tuple[Rule, ...] = (
    run_rules,
    length_rules,
    method_rules,
    rate_rules,
    batch_rules,
    step_rules,
    evaluate_rules,
    after_rules,
)


def _primary_metric(plan: Plan, facts: DataFacts) -> Choice:
    field = "evaluate.primary_metric"
    if plan.task == "multilabel":
        return Choice(
            field, "f1_micro", "every label of every row counts the same; f1_macro, beside it, hangs on the rare ones"
        )
    if plan.task == "regress":
        return Choice(field, "mae", "in the unit of the numbers, and one wild row does not decide it, as in rmse")
    if plan.task != "classify":
        return Choice(field, "bits_per_byte", "comparable across tokenizers; per-token loss is not")
    counts = facts.rows_per_label
    average = sum(counts.values()) / max(1, len(counts))
    rarest = min(counts, key=lambda label: counts[label])
    if counts[rarest] < RARE_SHARE * average:
        why = f"the class {rarest!r} has {counts[rarest]} rows, under a fifth of the average {average:.0f}"
        return Choice(field, "f1_macro", f"{why}: accuracy would hardly see it")
    why = f"the rarest class {rarest!r} has {counts[rarest]} rows, the average is {average:.0f}"
    return Choice(field, "accuracy", f"{why}: no class is rare enough for macro F1")


def _memory(plan: Plan, context: Context, *, batch_size: int) -> MemoryPlan:
    """Counted where it can be, else by formula."""
    counted = context.counted(plan, batch_size)
    return _by_formula(plan, context, batch_size=batch_size) if counted is None else counted


def _need_bytes(plan: Plan, context: Context, *, batch_size: int, limit: int) -> int:
    """By formula where that is far below the limit, because counting takes seconds; else counted."""
    rough = _by_formula(plan, context, batch_size=batch_size).total
    return rough if rough <= CLEARLY * limit else _memory(plan, context, batch_size=batch_size).total


def _by_formula(plan: Plan, context: Context, *, batch_size: int) -> MemoryPlan:
    lengths, labels = context.lengths, context.facts.labels
    return formula_memory(plan, context.card, lengths=lengths, n_classes=len(labels), batch_size=batch_size)

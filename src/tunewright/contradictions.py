"""Plans that cannot be carried out, told before any work starts.

In: the Plan, as asked and as far as it is decided, the ModelCard, the Machine. Out: nothing, or an error.
Its own file because what must be refused grows with every field, and resolve only decides what is left open.
"""

from __future__ import annotations

from tunewright.core.errors import PlanError
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
from tunewright.explain.cost import LABEL_ERRORS, METHODS, refuse_label_errors, refuse_unexplained
from tunewright.model.few_bits import refuse_few_bits
from tunewright.model.layers import layer_indices
from tunewright.required import refuse_impossible
from tunewright.select.budget import race_seconds
from tunewright.train.trackers.table import refuse_missing_trackers

WORDS: dict[str, tuple[str, ...]] = {
    "evaluate.systems": SYSTEMS,
    "evaluate.metrics": tuple(METRICS),
    "evaluate.primary_metric": COMPARED,
    "explain.methods": METHODS,
    "export.targets": ("adapter", "merged", "gguf-f16", "gguf-q8_0", "onnx", "onnx-int8", "repo"),
}
"""Fields that name parts, and the parts there are."""
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
    _refuse_high_limit(plan, machine=machine)
    is_blind = device == "cuda" and not machine.accelerator and not plan.run.memory_limit
    if not is_auto(device) and is_blind:  # nvidia-smi does not know every GPU: who states its memory may use it
        raise PlanError(
            "run.device is cuda, and no GPU is found here",
            where="run.device",
            fix="run.device=cpu, or state run.memory_limit for a GPU that nvidia-smi does not list",
        )


def _refuse_high_limit(plan: Plan, *, machine: Machine) -> None:
    """More than there is would only be found out when the system ends the run. A GPU that is not listed may have it."""
    is_gpu = not is_auto(plan.run.device) and plan.run.device == "cuda"
    there = machine.accelerator_memory_bytes if is_gpu else machine.memory_bytes
    if plan.run.memory_limit and there and (asked := size_bytes(plan.run.memory_limit)) > there:
        raise PlanError(
            f"run.memory_limit is {asked / 1e9:.1f} GB, and this machine has {there / 1e9:.1f} GB",
            where="run.memory_limit",
            why="a run that may use more than there is would be ended by the system, not by us",
            fix=f"run.memory_limit={usable_bytes(machine, limit=None, is_gpu=is_gpu) / 1e9:.1f}GB, or leave it out",
        )


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

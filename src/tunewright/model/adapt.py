"""What is trained: every weight, low-rank adapters, some blocks, or only the head.

In: a loaded model and the plan's train section. Out: the model with exactly those weights asking for gradients.
Its own file because "which weights change" is a decision of the user, and because peft's names stay behind this wall.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, TaskType, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from torch import nn

from tunewright.core.errors import PlanError
from tunewright.core.tasks import has_head
from tunewright.core.train_plan import TrainPlan
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.layers import BLOCK, FIND, layer_indices
from tunewright.model.load import Loaded
from tunewright.model.pissa import START, taken_out
from tunewright.model.quantised import n_weights

TOP_NORMS = ("model.norm.weight", "final_norm.weight", "ln_f.weight")
"""The norm behind the last block, in the families that have one."""


PLAIN_STARTS = ("gaussian", "orthogonal", "mica")
"""Of peft's named ways to start a LoRA, those that leave the base as it is."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much of the model changes."""

    n_trainable: int
    n_total: int


def adapted(loaded: Loaded, plan: TrainPlan, *, seed: int) -> Loaded:
    """The same model, ready to be trained as the plan says; adapters and heads start from `seed`.

    Raises PlanError when the method does not fit the model, a layer does not exist, or a module name matches nothing.
    """
    torch.manual_seed(seed)
    blocks = layer_indices(plan.layers, n_layers=loaded.card.n_layers)
    if plan.method == "head":
        return _head_only(loaded)
    if plan.method == "lora":
        return _with_adapter(loaded, plan, blocks=blocks)
    for name, parameter in loaded.model.named_parameters():
        parameter.requires_grad_(_changes(name, blocks=blocks, n_layers=loaded.card.n_layers))
    return loaded


def parameters(model: nn.Module) -> Parameters:
    """Counted once each, tied weights too."""
    return Parameters(
        n_trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
        n_total=sum(n_weights(p) for p in model.parameters()),
    )


def trainable_state(model: nn.Module) -> dict[str, nn.Parameter]:
    """Trained weights by name, in the model's order."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def is_head(name: str) -> bool:
    """This weight belongs to a classification head, which starts from nothing and learns faster."""
    return name.startswith("head.") or ".score." in f".{name}"


def _changes(name: str, *, blocks: tuple[int, ...], n_layers: int) -> bool:
    """With all blocks everything changes; with some, those, the head, and the norm behind the last block."""
    if len(blocks) == n_layers or is_head(name):
        return True
    match = BLOCK.search(name)
    if match:
        return int(match[1]) in blocks
    return n_layers - 1 in blocks and name.endswith(TOP_NORMS)


def _head_only(loaded: Loaded) -> Loaded:
    if not has_head(loaded.task):
        raise PlanError(
            "train.method cannot be head here",
            where="train.method",
            why=f"task {loaded.task} has no classification head",
            fix="train.method=lora",
        )
    for name, parameter in loaded.model.named_parameters():
        parameter.requires_grad_(is_head(name))
    return loaded


def _with_adapter(loaded: Loaded, plan: TrainPlan, *, blocks: tuple[int, ...]) -> Loaded:
    is_encoder = isinstance(loaded.model, EncoderClassifier)
    inner: Any = loaded.model.encoder if is_encoder else loaded.model
    try:
        config = _adapter_config(loaded, plan, blocks=blocks)
        _refuse_unmatched(inner, config)
        with warnings.catch_warnings():  # a FutureWarning inside transformers, seen with 5.23
            warnings.simplefilter("ignore", FutureWarning)
            wrapped: Any = get_peft_model(inner, config)
    except (ValueError, TypeError) as error:
        raise _misfit(inner, plan, why=str(error).splitlines()[0]) from error
    loaded = replace(loaded, taken_out=taken_out(wrapped) if plan.use_pissa else None)
    if not is_encoder:
        return replace(loaded, model=wrapped)
    loaded.model.encoder = wrapped
    return loaded


def _refuse_unmatched(model: nn.Module, config: Any) -> None:
    """A name that no module bears: peft passes it by when another name finds one.

    Raises ValueError.
    """
    targets = getattr(config, "target_modules", None)  # not every method has them
    names = [name for name, _ in model.named_modules()]
    for target in sorted(targets) if isinstance(targets, (set, list, tuple)) else ():
        if not any(name == target or name.endswith(f".{target}") for name in names):
            raise ValueError(f"no module is called {target}")


def _misfit(model: nn.Module, plan: TrainPlan, *, why: str) -> PlanError:
    names = sorted({name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, nn.Linear)})
    return PlanError(
        "the adapter fits no part of this model",
        where="train.adapter" if plan.adapter else "train.target_modules",
        why=why,
        fix=f"its linear modules are {', '.join(names)}; all-linear takes them all",
    )


def _adapter_config(loaded: Loaded, plan: TrainPlan, *, blocks: tuple[int, ...]) -> PeftConfig:
    task_type = TaskType.SEQ_CLS if has_head(loaded.task) else TaskType.CAUSAL_LM
    if loaded.card.architecture == "encoder":
        task_type = TaskType.FEATURE_EXTRACTION
    if plan.adapter is not None:
        fields = plan.adapter
        if len(blocks) < loaded.card.n_layers or plan.layers == FIND:
            fields = _fields_in(loaded.model, fields, blocks=blocks)
        return _any_config(fields, task_type=task_type)
    targets = plan.target_modules if isinstance(plan.target_modules, str) else list(plan.target_modules)
    if len(blocks) < loaded.card.n_layers:
        targets = _modules_in(loaded.model, targets, blocks=blocks)
    return LoraConfig(
        r=plan.lora_r,
        lora_alpha=plan.lora_alpha,
        lora_dropout=plan.lora_dropout,
        target_modules=targets,
        use_rslora=plan.use_rslora,
        use_dora=plan.use_dora,
        init_lora_weights=START if plan.use_pissa else True,
        task_type=task_type,
    )


def _fields_in(model: nn.Module, fields: dict[str, Any], *, blocks: tuple[int, ...]) -> dict[str, Any]:
    """The same adapter on these blocks only: peft's own way, layers_to_transform, is no field of every method."""
    if "layers_to_transform" in fields or not fields.get("target_modules"):
        raise PlanError(
            "train.layers and train.adapter do not say together which modules change",
            where="train.layers",
            why="layers_to_transform in train.adapter says which blocks, too"
            if "layers_to_transform" in fields
            else "the blocks are looked up in target_modules, and train.adapter has none",
            fix="leave train.layers out"
            if "layers_to_transform" in fields
            else "add target_modules: all-linear, or a list of names, to train.adapter",
        )
    named = {key: fields[key] for key in ("target_modules", "feedforward_modules") if fields.get(key)}
    return fields | {key: _modules_in(model, value, blocks=blocks) for key, value in named.items()}


def _modules_in(model: nn.Module, targets: str | Sequence[str], *, blocks: tuple[int, ...]) -> list[str]:
    """Names, from the block on, of the linear modules in these blocks that the plan means.

    peft's own layers_to_transform does not go with all-linear (peft 0.21).
    """
    found = []
    for name, module in model.named_modules():
        match = BLOCK.search(f"{name}.")
        if match is None or not isinstance(module, nn.Linear) or int(match[1]) not in blocks:
            continue
        is_meant = targets == "all-linear" or name.rpartition(".")[2] in targets or name.endswith(tuple(targets))
        if is_meant if not isinstance(targets, str) or targets == "all-linear" else re.fullmatch(targets, name):
            found.append(name[match.start() :].removeprefix("."))
    if not found:
        raise ValueError(f"no linear module of blocks {list(blocks)} is meant by {targets!r}")
    return found


def _any_config(fields: dict[str, Any], *, task_type: TaskType) -> PeftConfig:
    rest = {key: value for key, value in fields.items() if key != "peft_type"}
    kind = str(fields.get("peft_type", "LORA")).upper()
    known = {str(getattr(key, "value", key)): config for key, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    if kind not in known:
        near = difflib.get_close_matches(kind, known, n=3) or ("IA3", "VERA", "LOHA")
        raise PlanError(
            f"peft has no method {kind}",
            where="train.adapter",
            why=f"it has {len(known)}, by names like these",
            fix=f"peft_type: {', '.join(near)}",
        )
    _refuse_start(rest.get("init_lora_weights"))
    try:
        config: PeftConfig = known[kind](task_type=task_type, **rest)
    except (TypeError, ValueError) as error:
        fix = "train.adapter takes peft's own field names: 'train.adapter={peft_type: IA3}'"
        raise PlanError(f"peft refuses this adapter: {error}", where="train.adapter", fix=fix) from error
    if config.is_prompt_learning:
        raise PlanError(
            f"{kind} puts virtual tokens in front of a row, which this version does not train",
            where="train.adapter",
            fix="peft_type: LORA",
        )
    return config


def _refuse_start(start: Any) -> None:
    """Starts that change the weights below, or need a look at data first: what is saved would be another model."""
    if not isinstance(start, str) or start in PLAIN_STARTS:
        return
    is_pissa = start.startswith("pissa")
    raise PlanError(
        f"init_lora_weights {start} is not done through train.adapter",
        where="train.adapter",
        why="it takes a part out of the base, which must be given back when the adapter is saved"
        if is_pissa
        else "it changes the base, or needs a pass over data first",
        fix="train.use_pissa=true instead" if is_pissa else "leave it out, or train.use_pissa=true instead",
    )

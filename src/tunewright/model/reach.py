"""Which weights a training reaches: by block, by kind of module, and whole groups of matrices that it misses.

In: a model after `adapted`. Out: Reach, counts of weights. Its own file because "all linear layers" is peft's promise,
and what is no linear module (experts in one three-dimensional weight) it passes by without a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from peft.tuners.lora.layer import ParamWrapper
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from tunewright.core.events import NoteEvent
from tunewright.core.train_plan import TrainPlan
from tunewright.model.adapt import is_head
from tunewright.model.layers import BLOCK
from tunewright.model.quantised import n_weights

KINDS = ("attention", "mlp", "experts", "router", "norms", "embeddings", "head", "other")
SMALL_SHARE = 0.01
"""A group under a hundredth of its blocks' weights is not told of: the convolution of a state-space layer."""

ALL_LINEAR = "all-linear"
"""peft's word for every linear module but the output layer."""

_COPY = "modules_to_save"
"""peft's name for a whole copy that is trained in the place of a module."""
_WATCHED = ("attention", "mlp", "experts", "other")
"""A router is left alone on purpose: with it which expert answers would change."""
_IN_WORDS = {"experts": "routed experts", "other": "other modules"}


@dataclass(frozen=True, slots=True)
class Part:
    """Weights of one block, or of one kind."""

    n_weights: int
    """Of the model as it was loaded; tied ones count once, with the embeddings."""
    n_reached: int
    """Of these, that change: trained themselves, or through an adapter on their matrix."""
    n_trained: int
    """That learn: these weights, or the adapters' own."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The same matrix in every block that should change, and none of them does."""

    name: str
    """From the block on: mlp.experts.down_proj."""
    kind: str
    n_weights: int
    share: float
    """Of the weights of the blocks that should change."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a training changes, before it starts."""

    by_kind: dict[str, Part]
    """In the order of KINDS; only kinds that the model has."""
    by_block: tuple[Part, ...]
    """The model's blocks from the first to the last."""
    missed: tuple[Missed, ...]
    """The largest first."""


def reach(model: nn.Module) -> Reach:
    """Counts of a model whose trained weights ask for gradients.

    A block should change when anything in it is trained.
    """
    weights = list(_weights(model))
    n_blocks = 1 + max((w.block for w in weights), default=-1)
    trained = {w.block for w in weights if w.n_trained}
    return Reach(
        by_kind={
            kind: _part(w for w in weights if w.kind == kind) for kind in KINDS if kind in {w.kind for w in weights}
        },
        by_block=tuple(_part(w for w in weights if w.block == block) for block in range(n_blocks)),
        missed=_missed([w for w in weights if w.block in trained and w.block >= 0]),
    )


def missed_note(found: Reach, plan: TrainPlan) -> NoteEvent | None:
    """What adapters leave as it is, in one sentence; None when nothing is missed, or when no adapter was asked for.

    A warning where the plan means all linear matrices: then nobody chose to leave these out.
    """
    if not found.missed or plan.method != "lora":
        return None
    share = sum(m.share for m in found.missed)
    gone = [_IN_WORDS.get(k, k) for k in dict.fromkeys(m.kind for m in found.missed) if not found.by_kind[k].n_reached]
    whole = f" (no weight of the {' and '.join(gone)} changes)" if gone else ""
    names = ", ".join(m.name for m in found.missed)
    said = f"{100 * share:.2g} % of the blocks' weights get no adapter: {names}{whole}"
    targets = plan.adapter.get("target_modules") if plan.adapter else plan.target_modules
    if targets != ALL_LINEAR:
        return NoteEvent(said)
    return NoteEvent(f"{said}, as they are no linear modules. To reach them: {_way(found.missed, plan)}", "warning")


def _way(missed: tuple[Missed, ...], plan: TrainPlan) -> str:
    """What to write: peft reaches a weight that is no module by its name, and takes no dropout there."""
    if plan.adapter:
        return "name them in target_parameters of train.adapter"
    fields = f"peft_type: LORA, r: {plan.lora_r}, lora_alpha: {plan.lora_alpha:g}, target_modules: {ALL_LINEAR}"
    return f"'train.adapter={{{fields}, target_parameters: [{', '.join(m.name for m in missed)}]}}'"


@dataclass(frozen=True, slots=True)
class _Weight:
    name: str
    """As the model had it before adapters."""
    kind: str
    block: int
    """-1: outside of all blocks."""
    is_matrix: bool
    n_weights: int
    n_reached: int
    n_trained: int


def _weights(model: nn.Module) -> Iterator[_Weight]:
    """Every weight of the loaded model; what adapters add is counted with the matrix they stand on."""
    adapters, added = _adapters(model), Counter[str]()
    for name, parameter in model.named_parameters():
        home = _home(name, adapters)
        if home and parameter.requires_grad:
            added[home] += parameter.numel()
    for name, parameter in model.named_parameters():
        if _home(name, adapters):
            continue
        n = n_weights(parameter)
        n_own, n_added = n if parameter.requires_grad else 0, added.pop(_plain(name), 0)
        yield _weight(name, parameter.ndim, n, n if n_own or n_added else 0, n_own + n_added)
    for name, n in added.items():  # the trained copy of a tied weight, which has no name of its own in the model
        yield _weight(name, 1, 0, 0, n)


def _weight(name: str, n_axes: int, n_weights: int, n_reached: int, n_trained: int) -> _Weight:
    plain = _plain(name)
    block = BLOCK.search(plain)
    return _Weight(plain, kind_of(plain), int(block[1]) if block else -1, n_axes > 1, n_weights, n_reached, n_trained)


def _adapters(model: nn.Module) -> dict[str, str]:
    """Where an adapter's own weights stand, `layers.0.q_proj.lora_A`, and the weight that they change."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, BaseTunerLayer):
            weight = module.parameter_name if isinstance(module, ParamWrapper) else "weight"
            found.update({f"{name}.{own}": f"{_plain(name)}.{weight}" for own in module.adapter_layer_names})
    return found


def _home(name: str, adapters: dict[str, str]) -> str:
    """The weight that an added one changes; empty for a weight of the model itself."""
    if f".{_COPY}." in name:
        before, _, after = name.partition(f".{_COPY}.")
        return f"{_plain(before)}.{after.partition('.')[2]}"
    parts = name.split(".")
    heads = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((adapters[head] for head in heads if head in adapters), "") or adapters.get(name, "")


def _plain(name: str) -> str:
    """Without the layers that peft puts around a module."""
    name = name.replace("base_model.model.", "", 1)
    return ".".join(part for part in name.split(".") if part not in ("base_layer", "original_module"))


def kind_of(name: str) -> str:
    """The kind of module that a weight belongs to, from its name as transformers' families spell it.

    >>> kind_of("model.layers.0.mlp.experts.down_proj"), kind_of("encoder.layer.0.attention.output.dense.weight")
    ('experts', 'attention')
    """
    words = name.lower().split(".")
    if is_head(name) or words[0] in ("lm_head", "classifier", "cls"):
        return "head"
    if any("norm" in word or re.match(r"ln(_|\d|$)", word) for word in words):
        return "norms"
    if any("embed" in word or word in ("wte", "wpe") for word in words):
        return "embeddings"
    if any(word in ("gate", "router") or word.endswith("_gate") for word in words):
        return "router"
    if "experts" in words:
        return "experts"
    if any("attn" in word or "attention" in word for word in words):
        return "attention"
    mlp = ("mlp", "ffn", "feed_forward", "intermediate", "output", "fc1", "fc2", "shared_expert", "block_sparse_moe")
    return "mlp" if any(word in mlp for word in words) else "other"


def _part(weights: Iterable[_Weight]) -> Part:
    found = list(weights)
    return Part(*(sum(getattr(w, field) for w in found) for field in ("n_weights", "n_reached", "n_trained")))


def _missed(weights: list[_Weight]) -> tuple[Missed, ...]:
    """Groups of matrices of these blocks, by their name in a block; experts of one block that are modules are one."""
    total = sum(w.n_weights for w in weights)
    groups: dict[str, list[_Weight]] = {}
    for weight in weights:
        if weight.is_matrix and weight.kind in _WATCHED:
            groups.setdefault(_in_block(weight.name), []).append(weight)
    found = [
        Missed(name, group[0].kind, n, n / total)
        for name, group in groups.items()
        if not any(w.n_reached for w in group) and (n := sum(w.n_weights for w in group)) >= SMALL_SHARE * total
    ]
    return tuple(sorted(found, key=lambda m: -m.n_weights))


def _in_block(name: str) -> str:
    """
    >>> _in_block("model.layers.0.mlp.experts.3.up_proj.weight")
    'mlp.experts.N.up_proj'
    """
    match = BLOCK.search(name)
    assert match, name
    return re.sub(r"\.\d+\.", ".N.", name[match.end() :]).removesuffix(".weight")

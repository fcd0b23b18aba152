"""Which modules of a model the kernels can stand for; each is held against the original before it is trusted.

In: a model ready to be trained, and the type of its matrix products. Out: a context in which its forward pass is the
fast one, and what was replaced. Its own file because families differ, and a wrong guess must show here, not in a
metric: a module whose numbers differ from the original's keeps its own forward.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from peft.tuners.lora import Linear as PeftLinear
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.llama import modeling_llama

from tunewright.model.forward import precision, put_on, unwrapped
from tunewright.model.kernels.attention import NAME, Unsupported
from tunewright.model.kernels.dropout import Dropout
from tunewright.model.kernels.embedding import Embedding
from tunewright.model.kernels.gated import GatedMlp
from tunewright.model.kernels.linear import Adapted, LoraLinear, QuantisedLoraLinear, Share
from tunewright.model.kernels.norm import RmsNorm
from tunewright.model.kernels.rotary import rotate
from tunewright.model.quantised import dequantised

TRIED_TOKENS = 5
"""Length of the rows on which both ways are compared, in float32."""
TOLERANCE = 1e-4
"""Largest difference, as a share of the largest number, for which two forwards count as the same."""
READ_THE_SAME = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"))
"""Children that families call one after the other with the same x; one that gets another is only slower."""
LARGE_EMBEDDING = 4_096
"""Rows from which on a gradient of the whole matrix costs more than it tells."""


@dataclass(slots=True)  # filled while it is being put on, read afterwards
class Installed:
    """What was put on, by kind."""

    attention: bool = False
    linears: int = 0
    norms: int = 0
    gated: int = 0
    rotary: bool = False
    output_weight: Tensor | None = None
    """Of a plain, frozen output layer in the products' type; None: the model's own output layer is used."""
    why_not: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """For the summary of a training."""
        kinds = {name: getattr(self, name) for name in ("attention", "linears", "norms", "gated", "rotary")}
        return {**kinds, "output_in_blocks": self.output_weight is not None, "why_not": list(self.why_not)}


@contextmanager
def kernels(
    model: nn.Module, *, device: str, dtype: torch.dtype, restore: bool = False, is_alone: bool = True
) -> Iterator[Installed]:
    """Inside, the model computes the same with fewer passes over memory; afterwards it has its own forwards again.

    Under an adapter, frozen matrices are kept in `dtype` from here on: what autocast would make of them each time.
    restore: they come back as they were. is_alone: False: gradients come from other processes too, and an embedding
    must not take it that only its own batch's rows have one. On a GPU, and where nothing fits, nothing is changed.
    """
    done = Installed()
    undo: list[Any] = []
    try:
        if device == "cpu":
            done.attention = _attention(model, done, undo)  # before weights are rounded: it is compared in float32
            if restore:
                undo.append(_weights_back(model))
            _put_on(model, dtype, done, undo, is_alone=is_alone)
        yield done
    finally:
        for back in reversed(undo):
            back()


def _put_on(model: nn.Module, dtype: torch.dtype, done: Installed, undo: list[Any], *, is_alone: bool) -> None:
    if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        _freeze_in(model, dtype)
    shared = _shared(model)
    joined: set[nn.Module] = set()
    for module in model.modules():  # a parent comes before its children
        forward: Any = None
        for names in READ_THE_SAME:
            _share(module, names, dtype=dtype, joined=joined, undo=undo)
        if module in joined:
            done.linears += 1
        elif isinstance(module, LoraLayer) and _is_plain_lora(module):
            forward = _lora(module, dtype=dtype)
            done.linears += 1
        elif type(module).__name__.endswith("RMSNorm"):
            forward = _norm(module, dtype=dtype)
            done.norms += forward is not None
        elif _is_gated(module):
            forward = GatedMlp(module, _joint(module, ("gate_proj", "up_proj"), dtype=dtype, joined=joined))
            done.gated += 1
        elif type(module) is nn.Dropout:
            forward = Dropout(module)
        elif type(module) is nn.Embedding and is_alone and _is_large(module):
            forward = Embedding(module, is_shared=id(module.weight) in shared)
        if forward is not None:
            undo.append(put_on(module, forward))
    done.rotary = _rotary(model, undo)
    done.output_weight = _output_weight(model, dtype)


def _weights_back(model: nn.Module) -> Any:
    before = {module: module.weight.data for module in model.modules() if isinstance(module, nn.Linear)}

    def back() -> None:
        for module, weight in before.items():
            module.weight.data = weight

    return back


def _shared(model: nn.Module) -> set[int]:
    """Weights that an embedding has in common with another module, by id."""
    owners = Counter(id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding | nn.Linear))
    return {weight for weight, n in owners.items() if n > 1}


def _is_large(module: nn.Embedding) -> bool:
    """Trained, and plain; a small one is not worth it."""
    is_plain = module.max_norm is None and not module.sparse and not module.scale_grad_by_freq
    return is_plain and module.weight.requires_grad and module.num_embeddings >= LARGE_EMBEDDING


def _freeze_in(model: nn.Module, dtype: torch.dtype) -> None:
    """Frozen matrices of linear modules in the products' type, unless an embedding shares them."""
    shared = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for module in model.modules():
        if not isinstance(module, nn.Linear) or module.weight.requires_grad or id(module.weight) in shared:
            continue
        if module.weight.is_floating_point():  # few bits are no numbers yet
            module.weight.data = module.weight.data.to(dtype)


def _attention(model: nn.Module, done: Installed, undo: list[Any]) -> bool:
    """Switch every transformers model inside to ours, try it on two rows, and back where it differs."""
    inside = [m for m in model.modules() if isinstance(m, PreTrainedModel)]
    if not inside or not all(m._supports_attention_backend for m in inside):
        done.why_not.append("attention: this family brings its own")
        return False
    outer = inside[0]
    before = outer.config._attn_implementation
    expected = _tried(outer)
    try:
        outer.set_attn_implementation(NAME)
        found = _tried(outer)
    except (Unsupported, ValueError, TypeError) as error:
        found, reason = None, str(error).splitlines()[0]
    else:
        reason = "other numbers than the family's own"
    if found is None or not _are_same(found, expected):
        outer.set_attn_implementation(before)
        done.why_not.append(f"attention: {reason}")
        return False
    undo.append(lambda: outer.set_attn_implementation(before))
    return True


def _tried(model: PreTrainedModel) -> Tensor:
    """Hidden states of two short rows, one of them padded; padding left out."""
    n_words = model.get_input_embeddings().num_embeddings
    ids = torch.arange(2 * TRIED_TOKENS).reshape(2, TRIED_TOKENS) % n_words
    mask = torch.ones_like(ids)
    mask[1, -2:] = 0
    was_training = model.training
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        hidden = model.eval().base_model(input_ids=ids, attention_mask=mask).last_hidden_state
    model.train(was_training)
    return torch.as_tensor(hidden[mask.bool()].float())


def _are_same(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= TOLERANCE * b.abs().max())


def _lora(module: Any, *, dtype: torch.dtype) -> LoraLinear | QuantisedLoraLinear:
    one = _adapted(module)
    base = dequantised(module.base_layer)
    if base is not None:
        return QuantisedLoraLinear(base, one.a, one.b, scale=one.scale, dtype=dtype)
    return LoraLinear([one], dtype=dtype)


def _adapted(module: Any) -> Adapted:
    a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
    return Adapted(module.base_layer, a, b, module.scaling["default"])


def _joint(parent: nn.Module, names: Sequence[str], *, dtype: torch.dtype, joined: set[nn.Module]) -> LoraLinear | None:
    """One product for children of these names, where all carry a plain adapter on numbers; they are `joined` then."""
    children = dict(parent.named_children())
    parts = [children[name] for name in names if name in children]
    if len(parts) < len(names) or not all(isinstance(part, LoraLayer) and _is_plain_lora(part) for part in parts):
        return None
    bases = [cast(Any, part).base_layer for part in parts]
    if any(dequantised(base) for base in bases) or len({(base.in_features, base.bias is None) for base in bases}) > 1:
        return None
    joined.update(parts)
    return LoraLinear([_adapted(part) for part in parts], dtype=dtype)


def _share(
    parent: nn.Module, names: Sequence[str], *, dtype: torch.dtype, joined: set[nn.Module], undo: list[Any]
) -> None:
    joint = _joint(parent, names, dtype=dtype, joined=joined)
    if joint is not None:
        share, children = Share(joint), dict(parent.named_children())
        undo += [put_on(children[name], share.forward(i)) for i, name in enumerate(names)]


def _is_plain_lora(module: Any) -> bool:
    """One adapter as in the paper, on a plain linear module or in few bits: no DoRA, no dropout, no bias of its own.

    In few bits peft's module is another class for each number of bits.
    """
    return (
        (
            (type(module) is PeftLinear and type(module.base_layer) is nn.Linear)
            or dequantised(module.base_layer) is not None
        )
        and list(module.active_adapters) == ["default"] == list(module.lora_A)
        and not module.lora_variant
        and not module.merged
        and not module.disable_adapters
        and isinstance(module.lora_dropout["default"], nn.Identity)
        and module.lora_B["default"].bias is None
        and not module.base_layer.weight.requires_grad
    )


def _norm(module: Any, *, dtype: torch.dtype) -> RmsNorm | None:
    weight = getattr(module, "weight", None)
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if weight is None or not isinstance(eps, float):
        return None
    x = torch.linspace(-2.0, 3.0, 2 * len(weight)).reshape(2, -1)
    with torch.no_grad():
        expected = module(x)
        for offset in (0.0, 1.0):
            if _are_same(RmsNorm(weight, eps=eps, offset=offset, dtype=torch.float32)(x), expected):
                return RmsNorm(weight, eps=eps, offset=offset, dtype=dtype)
    return None


def _is_gated(module: Any) -> bool:
    """gate, up and down around silu, and nothing else: compared on the module's own activation."""
    if not all(hasattr(module, name) for name in ("gate_proj", "up_proj", "down_proj", "act_fn")):
        return False
    if [name for name, _ in module.named_children()] != ["gate_proj", "up_proj", "down_proj", "act_fn"]:
        return False
    x = torch.linspace(-4.0, 4.0, 33)
    return _are_same(module.act_fn(x), nn.functional.silu(x)) and _reads_as_llamas(type(module), "LlamaMLP")


def _reads_as_llamas(kind: type, name: str) -> bool:
    """Its forward is Llama's, word for word: most families copy it."""
    own, known = inspect.getsource(kind.forward), inspect.getsource(getattr(modeling_llama, name).forward)  # type: ignore[attr-defined]
    return own.split() == known.split()


def _rotary(model: nn.Module, undo: list[Any]) -> bool:
    """The function that the family's module calls, where its code is Llama's."""
    known = _body(vars(modeling_llama)["apply_rotary_pos_emb"])
    homes = {type(m).__module__ for m in model.modules() if isinstance(m, PreTrainedModel)}
    found = False
    for home in homes:
        place = sys.modules[home]
        own = getattr(place, "apply_rotary_pos_emb", None)
        if own is not None and _body(own) == known:
            vars(place)["apply_rotary_pos_emb"] = rotate
            undo.append(lambda place=place, own=own: setattr(place, "apply_rotary_pos_emb", own))
            found = True
    return found


def _body(function: Any) -> list[str]:
    """Its statements, without what a decorator or docstring says."""
    return inspect.getsource(function).rpartition('"""')[2].split()


def _output_weight(model: nn.Module, dtype: torch.dtype) -> Tensor | None:
    """Of a language model whose scores are its last hidden state times one matrix, and nothing else."""
    outer: Any = unwrapped(model)
    layer = outer.get_output_embeddings() if isinstance(outer, PreTrainedModel) else None
    if type(layer) is not nn.Linear or layer.bias is not None:
        return None
    ids = torch.arange(2 * TRIED_TOKENS).reshape(2, TRIED_TOKENS) % layer.weight.shape[0]
    was_training = outer.training
    with torch.inference_mode(), precision("cpu", dtype):
        hidden = outer.eval().base_model(input_ids=ids).last_hidden_state
        expected = outer(input_ids=ids).logits
        found = layer(hidden)
    outer.train(was_training)
    if not torch.equal(found, expected):
        return None
    return layer.weight if layer.weight.requires_grad else layer.weight.detach().to(dtype)

"""Bytes that a run will need: arithmetic on a card, without loading anything.

In: ModelCard, method and batch shape. Out: MemoryPlan, bytes by term. Its own file because selection, resolve and the
report must state the same prediction, and the summary puts the measured peak beside it.
Sources: weights, gradients and Adam moments by definition (REFERENCES A, first principles); activations by counting
the tensors a transformer block saves for its backward pass in float32 (Korthikanti et al. 2022, eq. 1, without
dropout masks).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.tasks import has_head
from tunewright.core.values import ModelCard
from tunewright.model.flops import block_matrices
from tunewright.text.lengths import LengthFacts

PROCESS_BYTES = 720_000_000
"""A run's process before it trains: every library of it imported, tables read, tokenizers used. Measured: 723 MB."""
BARE_PROCESS_BYTES = 505_000_000
"""A process that does nothing but train: torch, transformers and peft, and what they keep once they have worked.
Measured with ALLOCATOR_SHARE; 444 MB after the imports alone, 515 with a tokenizer and its file: results/memory.md."""
ALLOCATOR_SHARE = 0.4
"""What glibc's allocator holds beyond the tensors that come and go, as a share of them. Measured: least squares over
benchmarks/memory.py, peak of the process less all that was counted."""
FLOAT_BYTES = 4
MICRO_TOKENS: dict[str, int | None] = {"cpu": 1024, "cuda": None, "mps": None}
"""By device: padded tokens that go through the model at once. A processor is as fast on small parts of a batch, whose
activations stay near it: docs/decisions/0013-training-on-a-processor.md. None: the whole batch."""
TERMS = (
    *("weights", "copies", "gradients", "optimizer", "activations", "logits", "temporary", "caches"),
    *("allocator", "process"),
)
COUNTED = "counted on the first blocks"
BYTES_A_WEIGHT = {"nf4": 0.5 + 1 / 64 + 4 / (64 * 256), "int8": 1.0}
"""nf4: 4 bits, a scale of 8 bits for 64 weights, one of 32 bits for 256 of those. Source: Dettmers et al. 2023, 3.
int8: the scale of a row of weights is left out. Source: Dettmers et al. 2022."""
STORED_BYTES = {"float32": 4, "float64": 8}
"""Of a weight in its file, by type; 2 otherwise."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Predicted peak of one training process, by term, in bytes."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    process: int = PROCESS_BYTES
    copies: int = 0
    """Of weights in the products' type."""
    temporary: int = 0
    """Made and dropped inside a pass."""
    caches: int = 0
    """What a frozen trunk says of every row (model/trunk), where memory holds it."""
    allocator: int = 0
    """Held by the allocator beyond what is asked of it."""
    how: str = "by formula"
    """Else: counted on the first blocks."""

    @property
    def total(self) -> int:
        return sum(int(getattr(self, term)) for term in TERMS)

    @property
    def largest_term(self) -> str:
        return max(TERMS[:-1], key=lambda term: int(getattr(self, term)))

    def by_term(self) -> dict[str, int | str]:
        """For files and reports: terms in bytes, and how they were found."""
        return {**{term: int(getattr(self, term)) for term in TERMS}, "how": self.how}


@dataclass(frozen=True, slots=True)
class Counts:
    """Bytes of tensors in a training step, counted (train/step_memory)."""

    weights: float
    """As loaded."""
    weights_left: float
    """Once the kernels are put on: a matrix that has a rounded copy is dropped."""
    copies: float
    gradients: float
    moments: float
    large_gradients: float
    large_moments: float
    forward: float
    """Most that is alive in a forward pass, everything included."""
    forward_saved: float
    """Of it, kept for the backward pass."""
    forward_large: float
    """Of it, in blocks that the allocator gives back whole (model/live), gradients and moments among them."""
    backward: float
    backward_saved: float
    backward_large: float
    update: float
    """Most that is alive while the optimizer steps."""
    saved_outside: float = 0.0
    """Kept for the backward pass by what is no block: embedding, last norm, output layer."""


def memory_of(counts: Counts, card: ModelCard, *, is_rounded: bool = False) -> MemoryPlan:
    """The peak of the process: the worst of loading, forward, backward and the optimizer's step.

    A float32 file is mapped, not read: it stays in memory as long as one weight of it is used. From another type, and
    in few bits (is_rounded), all weights are made new, while the file is still mapped.
    """
    is_mapped = card.dtype == "float32" and not is_rounded
    weights = counts.weights if is_mapped else counts.weights_left
    moments = {"forward": counts.forward_saved, "backward": counts.backward_saved, "update": 0.0}
    when = max(moments, key=lambda moment: getattr(counts, moment))
    saved = moments[when]
    outside = min(saved, counts.saved_outside)
    rest = max(0.0, getattr(counts, when) - counts.weights_left - counts.copies - counts.moments - saved)
    gradients = min(rest, counts.gradients)
    large = {"forward": counts.forward_large, "backward": counts.backward_large, "update": 0.0}[when]
    large = max(0.0, large - counts.large_moments - min(gradients, counts.large_gradients))
    plan = MemoryPlan(
        weights=round(weights),
        copies=round(counts.copies),
        gradients=round(gradients),
        optimizer=round(counts.moments),
        activations=round(saved - outside),
        logits=round(outside),
        temporary=round(rest - gradients),
        allocator=round(ALLOCATOR_SHARE * max(0.0, saved + rest - gradients - large)),
        how=COUNTED,
    )
    in_file = STORED_BYTES.get(card.dtype, 2) * card.n_parameters
    if is_mapped or is_rounded or plan.total >= PROCESS_BYTES + counts.weights + in_file:
        return plan
    return MemoryPlan(round(counts.weights), 0, 0, 0, 0, copies=in_file, how=COUNTED)


def memory_plan(
    card: ModelCard,
    *,
    n_trainable: int,
    batch_size: int,
    length: int,
    logit_rows: int,
    n_classes: int = 0,
    device: str = "cpu",
    is_checkpointed: bool = False,
) -> MemoryPlan:
    """Peak of a training step in float32, by formula: before a model is chosen, and where none can be counted.

    n_trainable: weights that change. length: tokens of the longest row. logit_rows: trained positions of a batch
    (generate, text) or its rows (classify, with n_classes).
    """
    tokens = max(length, min(batch_size * length, MICRO_TOKENS[device] or batch_size * length))
    logit_rows = min(logit_rows, tokens)
    per_token = 18 * card.hidden_size + (4 if card.is_gated_mlp else 2) * card.intermediate_size
    scores = 2 * card.n_heads * length
    outputs = n_classes or card.vocabulary_size
    kept = card.n_layers * card.hidden_size if is_checkpointed else (card.n_layers - 1) * (per_token + scores)
    return MemoryPlan(
        weights=FLOAT_BYTES * card.n_parameters,
        gradients=FLOAT_BYTES * n_trainable,
        optimizer=2 * FLOAT_BYTES * n_trainable,
        activations=FLOAT_BYTES * tokens * (kept + per_token + scores),
        logits=3 * FLOAT_BYTES * logit_rows * outputs,
    )


def formula_memory(plan: Plan, card: ModelCard, *, lengths: LengthFacts, n_classes: int, batch_size: int) -> MemoryPlan:
    """memory_plan of a training whose method and length are decided."""
    train, is_classify = plan.train, has_head(plan.task)
    n_trainable = {
        "full": card.n_parameters,
        "lora": 0 if is_auto(train.lora_r) else lora_parameters(card, r=train.lora_r),
        "head": card.hidden_size * max(1, n_classes),
    }[train.method]
    length = min(plan.prepare.max_length, lengths.longest)
    answer = length if plan.task == "text" else min(length, lengths.answer_p95)
    memory = memory_plan(
        card,
        n_trainable=n_trainable,
        batch_size=batch_size,
        length=length,
        logit_rows=batch_size if is_classify else batch_size * answer,
        n_classes=n_classes if is_classify else 0,
        device=plan.run.device,
        is_checkpointed=train.gradient_checkpointing is True,
    )
    return replace(memory, weights=base_bytes(card, quantization=plan.model.quantization))


def base_bytes(card: ModelCard, *, quantization: str | None) -> int:
    """Of the weights in memory: the matrices of the blocks in few bits, everything else in float32."""
    whole = FLOAT_BYTES * card.n_parameters
    if quantization is None:
        return whole
    return whole - round((FLOAT_BYTES - BYTES_A_WEIGHT[quantization]) * card.n_layers * block_matrices(card))


def lora_parameters(card: ModelCard, *, r: int, n_layers: int | None = None) -> int:
    """Weights of rank-r adapters on every linear module of the blocks.

    A module of shape (out, in) gets r * (in + out). Source: Hu et al. 2021.
    """
    hidden, inner = card.hidden_size, card.intermediate_size or 4 * card.hidden_size
    key_value = (card.n_key_value_heads or card.n_heads) * (card.head_size or hidden // card.n_heads)
    attention = 2 * (hidden + hidden) + 2 * (hidden + key_value)
    mlp = (3 if card.is_gated_mlp else 2) * (hidden + inner)
    return r * (attention + mlp) * (n_layers or card.n_layers)

"""Bytes that a run will need: arithmetic on a card, without loading anything.

In: ModelCard, method and batch shape. Out: MemoryPlan, bytes by term. Its own file because selection, resolve and the
report must state the same prediction, and the summary puts the measured peak beside it.
Sources: weights, gradients and Adam moments by definition (REFERENCES A, first principles); activations by counting
the tensors a transformer block saves for its backward pass in float32 (Korthikanti et al. 2022, eq. 1, without
dropout masks).
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.values import ModelCard

PROCESS_BYTES = 650_000_000
"""Python with torch, transformers and peft imported. Measured: 0.6 GB resident before any weight."""
FLOAT_BYTES = 4
MICRO_TOKENS: dict[str, int | None] = {"cpu": 1024, "cuda": None, "mps": None}
"""By device: padded tokens that go through the model at once. A processor is as fast on small parts of a batch, whose
activations stay near it: docs/decisions/0013-training-on-a-processor.md. None: the whole batch."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Predicted peak of one training process, by term, in bytes."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    process: int = PROCESS_BYTES

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits + self.process

    @property
    def largest_term(self) -> str:
        terms = ("weights", "gradients", "optimizer", "activations", "logits")
        return max(terms, key=lambda term: int(getattr(self, term)))


def memory_plan(
    card: ModelCard,
    *,
    n_trainable: int,
    batch_size: int,
    length: int,
    logit_rows: int,
    n_classes: int = 0,
    device: str = "cpu",
) -> MemoryPlan:
    """Peak of a training step in float32.

    n_trainable: weights that change. length: tokens of the longest row. logit_rows: trained positions of a batch
    (generate, text) or its rows (classify, with n_classes).
    """
    tokens = max(length, min(batch_size * length, MICRO_TOKENS[device] or batch_size * length))
    logit_rows = min(logit_rows, tokens)
    per_token = 18 * card.hidden_size + (4 if card.is_gated_mlp else 2) * card.intermediate_size
    scores = 2 * card.n_heads * length
    outputs = n_classes or card.vocabulary_size
    return MemoryPlan(
        weights=FLOAT_BYTES * card.n_parameters,
        gradients=FLOAT_BYTES * n_trainable,
        optimizer=2 * FLOAT_BYTES * n_trainable,
        activations=FLOAT_BYTES * tokens * card.n_layers * (per_token + scores),
        logits=3 * FLOAT_BYTES * logit_rows * outputs,
    )


def lora_parameters(card: ModelCard, *, r: int, n_layers: int | None = None) -> int:
    """Weights of rank-r adapters on every linear module of the blocks.

    A module of shape (out, in) gets r * (in + out). Source: Hu et al. 2021.
    """
    hidden, inner = card.hidden_size, card.intermediate_size or 4 * card.hidden_size
    key_value = (card.n_key_value_heads or card.n_heads) * (card.head_size or hidden // card.n_heads)
    attention = 2 * (hidden + hidden) + 2 * (hidden + key_value)
    mlp = (3 if card.is_gated_mlp else 2) * (hidden + inner)
    return r * (attention + mlp) * (n_layers or card.n_layers)


def matmul_parameters(card: ModelCard) -> int:
    """Weights that take part in matrix products for every token: the blocks', without embeddings and output layer."""
    hidden, inner = card.hidden_size, card.intermediate_size or 4 * card.hidden_size
    key_value = (card.n_key_value_heads or card.n_heads) * (card.head_size or hidden // card.n_heads)
    return card.n_layers * (
        2 * hidden * hidden + 2 * hidden * key_value + (3 if card.is_gated_mlp else 2) * hidden * inner
    )


def training_flops(
    card: ModelCard,
    *,
    n_tokens: int,
    n_trained: int,
    mean_length: float,
    method: str,
    n_lora: int = 0,
    outputs: int = 0,
) -> float:
    """Needed floating-point operations of a training run: no padding, output layer on trained tokens only.

    full: 6 N a token; lora: 4 N + 6 N_lora (no weight gradients of the base); head: 2 N. Causal attention adds
    6 L h d S a token (head: 2 L h d S), attention in both directions twice that. Source: torchtitan's count.
    outputs: width of the output layer (vocabulary or classes).
    """
    n = matmul_parameters(card)
    per_token = {"full": 6.0 * n, "lora": 4.0 * n + 6.0 * n_lora, "head": 2.0 * n}[method]
    passes = (2.0 if method == "head" else 6.0) * (2.0 if card.architecture == "encoder" else 1.0)
    attention = passes * card.n_layers * card.hidden_size * mean_length
    output = {"full": 6.0, "lora": 4.0, "head": 6.0}[method] * card.hidden_size * outputs
    return n_tokens * (per_token + attention) + n_trained * output

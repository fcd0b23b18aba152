"""Floating-point operations that a training needs, by which blocks it trains: arithmetic on a card.

In: ModelCard, method, trained blocks, lengths. Out: TokenFlops, and the total of a training. Its own file because the
choice of blocks, the summary and comparisons at equal operations must count alike.
Counted are matrix products without padding, as torch's FlopCounterMode counts them, 2 for a multiplication and an
addition; of causal attention the needed half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import ModelCard

PASS = 2.0
"""Operations of a weight in one product: a multiplication and an addition."""


@dataclass(frozen=True, slots=True)
class TokenFlops:
    """Operations of one token."""

    frozen: float
    """In the blocks below the lowest trained one: forward only. A kept trunk pays them once a row, not each epoch."""
    passed: float
    """In the others, each time: forward, the gradient on its way down, the gradients of trained weights."""
    output: float
    """In the output layer, for a token or row that is trained on."""


def token_flops(
    card: ModelCard,
    *,
    method: str,
    blocks: Sequence[int],
    mean_length: float,
    n_lora: int = 0,
    outputs: int = 0,
    is_headed: bool = False,
) -> TokenFlops:
    """Forward is 2 N a token; the gradient comes down to the lowest trained block, 2 N in each, whether it is trained
    or not; a trained block's weights cost 2 N more, adapters 6 times their own number.

    method: full, lora or head, which trains no block whatever `blocks` says. n_lora: weights of all adapters.
    outputs: width of the output layer (vocabulary or classes). is_headed: a layer of the task's own answers, and is
    trained. Source: Kaplan et al. 2020, section 2.1, by block.
    """
    n, qkv, attention = block_matrices(card), _first_matrices(card), _attention(card, mean_length)
    trained = () if method == "head" else tuple(sorted(set(blocks)))
    n_above = card.n_layers - trained[0] if trained else 0
    is_whole = method == "full" and len(trained) == card.n_layers  # then the embeddings learn, and want their gradient
    passed = n_above * (2 * PASS * n + 3 * attention)
    has_norm_first = method == "full" and card.architecture == "decoder"  # it learns too, in front of these products
    if trained and not is_whole and not has_norm_first:
        passed -= PASS * qkv  # nothing below the lowest one learns: its first products' inputs need no gradient
    passed += len(trained) * PASS * n if method == "full" else 3 * PASS * n_lora if method == "lora" else 0.0
    is_output_trained = is_headed or is_whole
    passes = 1 + (1 if trained else 0) + (1 if is_output_trained else 0)
    return TokenFlops(
        frozen=(card.n_layers - n_above) * (PASS * n + attention),
        passed=passed,
        output=passes * PASS * card.hidden_size * outputs,
    )


def training_flops(flops: TokenFlops, *, n_tokens: int, n_targets: int, n_kept: int | None = None) -> float:
    """Of a whole training.

    n_kept: tokens that went through the frozen blocks, where they ran once (model/trunk); None: all, each time.
    """
    n_frozen = n_tokens if n_kept is None else n_kept
    return n_frozen * flops.frozen + n_tokens * flops.passed + n_targets * flops.output


def _query_width(card: ModelCard) -> int:
    return card.n_heads * (card.head_size or card.hidden_size // card.n_heads)


def _first_matrices(card: ModelCard) -> int:
    """Weights of a block that read its input: queries, keys, values."""
    key_value = (card.n_key_value_heads or card.n_heads) * (card.head_size or card.hidden_size // card.n_heads)
    return card.hidden_size * (_query_width(card) + 2 * key_value)


def block_matrices(card: ModelCard) -> int:
    """Weights of a block that take part in products for every token."""
    inner = card.intermediate_size or 4 * card.hidden_size
    mlp = (3 if card.is_gated_mlp else 2) * card.hidden_size * inner
    return _first_matrices(card) + _query_width(card) * card.hidden_size + mlp


def _attention(card: ModelCard, mean_length: float) -> float:
    """Forward products of queries and keys, and of their weights and values, of one token in one block."""
    both = 2 * PASS * _query_width(card) * mean_length
    return both if card.architecture == "encoder" else both / 2

"""The numbers of a config.json, which every family of models names its own way.

In: a config's fields. Out: Shapes. Its own file because a checkpoint's folder and the class defaults of the installed
transformers are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.core.errors import ModelError

OFFSET_POSITIONS = frozenset(
    {"camembert", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xmod"}
)
"""Their first positions are taken, so 514 positions read 512 tokens. Source: transformers, modeling_roberta.py."""
GATE = re.compile(r"gate_(up_)?proj|\.mlp\.Wi\.weight|\.mlp\.gate|gated_layers")
"""In the names of the weights of a gated feed-forward part."""
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len")


@dataclass(frozen=True, slots=True)
class Shapes:
    """As ModelCard has them."""

    n_layers: int
    hidden_size: int
    n_heads: int
    n_key_value_heads: int
    head_size: int
    intermediate_size: int
    vocabulary_size: int
    context_tokens: int


def shapes_of(config: Mapping[str, Any], *, where: str, stated_tokens: int = 0) -> Shapes:
    """stated_tokens: what the tokenizer says that the model reads, for a config that does not.

    Raises ModelError when a number that decides is not stated.
    """
    fields = _Fields(config, where)
    width, heads = fields.number("hidden_size", "n_embd", "d_model", "dim"), fields.number(*_HEADS)
    return Shapes(
        n_layers=fields.number("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        hidden_size=width,
        n_heads=heads,
        n_key_value_heads=_key_value_heads(config, n_heads=heads),
        head_size=int(config.get("head_dim") or width // heads),
        intermediate_size=fields.number("intermediate_size", "n_inner", "hidden_dim", "ffn_dim", missing=4 * width),
        vocabulary_size=fields.number("vocab_size"),
        context_tokens=_context_tokens(config, n_positions=fields.number(*_POSITIONS, missing=stated_tokens)),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    config: Mapping[str, Any]
    where: str

    def number(self, *names: str, missing: int = 0) -> int:
        """The first name that holds a positive whole number.

        Raises ModelError when none does and `missing` is 0.
        """
        for name in names:
            value = self.config.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        if missing:
            return missing
        raise ModelError(
            f"config.json does not state {names[0]}",
            where=self.where,
            why="its numbers decide whether the model fits and how it is trained",
            fix="use a model that transformers knows by its model_type",
        )


def _context_tokens(config: Mapping[str, Any], *, n_positions: int) -> int:
    if str(config.get("model_type")) in OFFSET_POSITIONS:
        return n_positions - int(config.get("pad_token_id") or 1) - 1
    return n_positions


def _key_value_heads(config: Mapping[str, Any], *, n_heads: int) -> int:
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1  # falcon-7b, gpt_bigcode
    return int(config.get("num_key_value_heads") or config.get("num_kv_heads") or n_heads)

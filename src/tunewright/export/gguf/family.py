"""Model families that llama.cpp runs and this project writes: their names there, and what each keeps differently.

In: config.json as values. Out: a Family and the file's <arch>.* values, or why there is none. Its own file because a
new family is a new line here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Family:
    """One."""

    arch: str
    """llama.cpp's name. Source: gguf.constants.MODEL_ARCH_NAMES."""
    is_permuted: bool
    """Rows of the query and key matrices lie in pairs there, in halves here. Source: llama.cpp,
    convert_hf_to_gguf.py, LlamaModel.permute."""


FAMILIES: Mapping[str, Family] = {
    "llama": Family("llama", is_permuted=True),
    "mistral": Family("llama", is_permuted=True),
    "qwen2": Family("qwen2", is_permuted=False),
    "qwen3": Family("qwen3", is_permuted=False),
}
"""By transformers' model_type."""


def why_not(config: Mapping[str, Any]) -> str:
    """Empty where the model can be written."""
    kind = str(config.get("model_type"))
    if kind not in FAMILIES:
        return f"its family is {kind}; gguf is written of {', '.join(FAMILIES)}"
    window = config.get("sliding_window")
    if window and config.get("use_sliding_window", True) and window < config["max_position_embeddings"]:
        return "each of its layers sees a window of the text only"
    if config.get("mlp_bias") or config.get("attention_bias") or config.get("hidden_act") != "silu":
        return "its blocks are not those of its family"
    kind_of_rope = rope(config)["rope_type"]
    return "" if kind_of_rope in ("default", "linear", "llama3") else f"its positions are stretched by {kind_of_rope}"


def rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """How positions turn, whichever generation of transformers wrote the config."""
    scaling = config.get("rope_scaling") or {}
    found = {"rope_theta": config.get("rope_theta", 10_000.0), "rope_type": scaling.get("type", "default"), **scaling}
    return found | (config.get("rope_parameters") or {})


def head_size(config: Mapping[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def llama3_factors(config: Mapping[str, Any]) -> list[float]:
    """By how much each frequency is slowed; empty for other kinds of positions.

    Source: llama.cpp, convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors; Llama 3.1's own scaling.
    """
    found = rope(config)
    if found["rope_type"] != "llama3":
        return []
    low, high, factor = (float(found[key]) for key in ("low_freq_factor", "high_freq_factor", "factor"))
    before = float(found["original_max_position_embeddings"])
    size = head_size(config)
    factors = []
    for i in range(0, size, 2):
        wavelength = 2 * math.pi * found["rope_theta"] ** (i / size)
        smooth = min(1.0, max(0.0, (before / wavelength - low) / (high - low)))
        factors.append(1 / ((1 - smooth) / factor + smooth))
    return factors

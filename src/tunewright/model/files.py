"""What lies in a model folder, and whether it may be loaded.

In: a folder. Out: its weight files, their headers, its config; nothing is unpickled and no code of it runs. Its own
file because this is where unsafe, broken and half models are refused, before any library opens them.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError

CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
)
"""One of these makes a tokenizer. Source: transformers' VOCAB_FILES_NAMES of its tokenizer classes."""
UNSAFE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack", ".h5"})
"""Formats that can run code when opened, or that nobody checks. Source: huggingface.co/docs/hub/security-pickle."""
MAX_HEADER_BYTES = 100_000_000
"""Source: safetensors, MAX_HEADER_SIZE."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor as the file describes it."""

    dtype: str
    """The format's own word: F32, BF16, F16, I64 ..."""
    shape: tuple[int, ...]

    @property
    def n_numbers(self) -> int:
        return math.prod(self.shape)


def check_folder(folder: Path, *, trust_remote_code: bool) -> None:
    """Config, tokenizer and safe weights are there, and no code of its own is needed that was not allowed.

    Raises ModelError naming the file that is missing or refused.
    """
    read_config(folder)
    if not has_tokenizer(folder):
        raise ModelError(
            f"this model folder has no tokenizer ({TOKENIZER_FILES[0]})",
            where=str(folder),
            fix="copy tokenizer.json and tokenizer_config.json from the model it was made from",
        )
    refuse_remote_code(folder, trust_remote_code=trust_remote_code)
    weight_files(folder)


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def refuse_remote_code(folder: Path, *, trust_remote_code: bool) -> None:
    """Raises ModelError when the folder brings Python code of its own and nobody said that it is trusted."""
    with_code = [name for name in (CONFIG, TOKENIZER_CONFIG) if "auto_map" in read_json(folder / name)]
    if with_code and not trust_remote_code:
        raise ModelError(
            "this model wants to run Python code of its own, which is refused",
            where=str(folder / with_code[0]),
            why="it has an auto_map entry",
            fix="read that code; if you trust it: model.trust_remote_code=true",
        )


def read_config(folder: Path) -> dict[str, Any]:
    """config.json.

    Raises ModelError: not there (an adapter alone, a GGUF alone), unreadable.
    """
    path = folder / CONFIG
    if path.is_file():
        config = read_json(path)
        if not config:
            raise ModelError("config.json is empty or not an object", where=str(path), fix="fetch the model again")
        return config
    adapter = read_json(folder / "adapter_config.json")
    if adapter:
        base = adapter.get("base_model_name_or_path") or "not stated"
        raise ModelError(
            "this folder holds an adapter, not a model",
            where=str(folder),
            why=f"its base model is {base}",
            fix=f"model.name={base} to start from the base, or merge the adapter into it (peft: merge_and_unload)",
        )
    gguf = next(iter(sorted(folder.glob("*.gguf"))), None)
    raise ModelError(
        f"this model folder has no {CONFIG}",
        where=str(folder),
        why=f"it holds {gguf.name}, a format for running models, not for training them" if gguf else "",
        fix="name a folder as transformers saves it: config.json, model.safetensors, tokenizer.json",
    )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that make the model, in the order of their names.

    Raises ModelError: only unsafe files, a shard missing, none at all.
    """
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if (folder / INDEX).is_file():
        return _shards(folder)
    refuse_unsafe(
        folder,
        missing=WEIGHTS,
        fix="take a revision with safetensors, or convert on a machine you can lose: "
        "AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER) writes safetensors",
    )
    raise ModelError(
        f"this model folder has no weights ({WEIGHTS})",
        where=str(folder),
        why="only safetensors files are read and fetched; other formats can run code when they are opened",
        fix="use a model or revision that has safetensors files",
    )


def refuse_unsafe(folder: Path, *, missing: str, fix: str) -> None:
    """Raises ModelError when the folder has weights in a format that can run code instead of the file `missing`."""
    unsafe = sorted(path.name for path in folder.iterdir() if path.suffix in UNSAFE_SUFFIXES and path.is_file())
    if unsafe:
        raise ModelError(
            f"unsafe file: {unsafe[0]} can run code when it is opened, so it is refused",
            where=str(folder),
            why=f"the folder has no {missing}",
            fix=fix,
        )


def tensor_headers(path: Path) -> Mapping[str, TensorHeader]:
    """Name, type and shape of every tensor in a safetensors file; the numbers themselves are not read.

    Raises ModelError when the file is cut short or is no safetensors file.
    Source: safetensors README, "Format": 8 bytes little-endian length, that many bytes of JSON, then the data.
    """
    n_bytes = path.stat().st_size
    try:
        header, start = _header(path, n_bytes=n_bytes)
        found = {
            name: TensorHeader(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
            for name, entry in header.items()
            if name != "__metadata__"
        }
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        raise ModelError(
            f"{path.name} is not a whole safetensors file", where=str(path), why=str(error), fix="fetch the model again"
        ) from error
    expected = start + max(ends, default=0)
    if n_bytes != expected:
        raise ModelError(
            f"{path.name} is {'cut short' if n_bytes < expected else 'longer than its header says'}",
            where=str(path),
            why=f"it has {n_bytes} bytes, its header describes {expected}",
            fix="fetch the model again",
        )
    return found


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when the file is not there or holds something else.

    Raises ModelError when it is not JSON.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise ModelError(
            f"{path.name} cannot be read", where=str(path), why=why, fix="fetch the model again"
        ) from error
    return value if isinstance(value, dict) else {}


def _shards(folder: Path) -> tuple[Path, ...]:
    shards = read_json(folder / INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ModelError("the weight index names no files", where=str(folder / INDEX), fix="fetch the model again")
    names = sorted({str(name) for name in shards.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(
                f"unsafe file: the weight index names {name}, which is no safetensors file of this folder",
                where=str(folder / INDEX),
                fix="fetch the model again from a place you trust",
            )
        if not (folder / name).is_file():
            raise ModelError(
                f"a part of the weights is missing: {name}",
                where=str(folder),
                why=f"the index names {len(names)} parts",
                fix="fetch the model again",
            )
    return tuple(folder / name for name in names)


def _header(path: Path, *, n_bytes: int) -> tuple[dict[str, Any], int]:
    """The header's JSON and the position where the data begin."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(MAX_HEADER_BYTES, n_bytes - 8):
            raise ValueError(f"the header should be {length} bytes long, the file has {n_bytes}")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is not an object")
    return header, 8 + length

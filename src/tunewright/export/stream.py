"""A LoRA adapter added into the weights below it, one weight at a time, from file to file.

In: the base's folder, the adapter's folder, the names that the whole model has. Out: model.safetensors, in several
files with an index where it is large. Its own file because a model that fits a machine once must not have to fit it
twice: what is held is one weight, its sum and the adapter.
Source: peft, tuners/lora/layer.py, Linear.get_delta_weight: W + (alpha over rank) B A.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from tunewright.core.files import write_json
from tunewright.model.files import read_json
from tunewright.model.outside_folder import ADAPTER_CONFIG

FILE_BYTES = 4_000_000_000
"""Of one file at most. Ours: what a file system and a slow line take without complaint; transformers writes 50 GB."""
_FRONT = "base_model.model."
_NEEDS_MORE = {
    "use_dora": False,
    "fan_in_fan_out": False,
    "bias": "none",
    "lora_bias": False,
    "trainable_token_indices": None,
    "megatron_config": None,
}
"""Values of adapter_config.json with which W + B A is the whole sum."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What is added to a base, and what takes a weight's place; by the whole model's names."""

    factors: Mapping[str, tuple[Tensor, Tensor, float]]
    """B, A and the scale."""
    replaced: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class _Place:
    shard: Path
    name: str


def sums_of(adapter: Path) -> Sums | None:
    """None for an adapter that is more than products of two matrices."""
    config = read_json(adapter / ADAPTER_CONFIG)
    if config.get("peft_type") != "LORA" or any(config.get(key, plain) != plain for key, plain in _NEEDS_MORE.items()):
        return None
    state = {
        name.removeprefix(_FRONT): value for name, value in load_file(adapter / "adapter_model.safetensors").items()
    }
    factors, replaced = {}, {}
    for name, value in state.items():
        if name.endswith(".lora_A.weight"):
            layer = name.removesuffix(".lora_A.weight")
            other = state[f"{layer}.lora_B.weight"]
            factors[f"{layer}.weight"] = (other.float(), value.float(), _scale(layer, config, rank=len(value)))
        elif ".lora_" in name and not name.endswith(".lora_B.weight"):
            return None  # embeddings and others
        elif ".lora_" not in name:
            replaced[name] = value.float()
    return Sums(factors, replaced)


def write_sums(folder: Path, *, base: Path, sums: Sums, names: Mapping[str, torch.Size]) -> bool:
    """model.safetensors in float32; False, and nothing is written, where base and adapter do not make up all names.

    names: of the whole model's own weights, tied ones once, with their shapes.
    Memory: the adapter, and of one weight at a time itself and its sum.
    """
    places = _places(base, names=names, replaced=sums.replaced)
    changed = {*sums.factors, *sums.replaced}
    if places is None or not changed <= names.keys() or any(len(names[name]) != 2 for name in sums.factors):
        return False
    groups = _groups(names)
    for i, group in enumerate(groups):
        path = folder / _file_name(i, n=len(groups))
        with path.open("wb") as file:
            _write_header(file, {name: names[name] for name in group})
            for name in group:
                value = _value(name, places, sums)
                assert value.shape == names[name], f"{name} has another shape in its file"
                file.write(value.contiguous().numpy().data)
    if len(groups) > 1:
        files = {name: _file_name(i, n=len(groups)) for i, group in enumerate(groups) for name in group}
        size = sum(4 * shape.numel() for shape in names.values())
        write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": files})
    return True


def _scale(layer: str, config: Mapping[str, Any], *, rank: int) -> float:
    """alpha over rank (its root with rslora); a pattern may give this layer an alpha of its own."""
    patterns = config.get("alpha_pattern") or {}
    own = next((alpha for key, alpha in patterns.items() if re.match(rf"(.*\.)?({key})$", layer)), None)
    alpha = config["lora_alpha"] if own is None else own
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _value(name: str, places: Mapping[str, _Place], sums: Sums) -> Tensor:
    if name in sums.replaced:
        return sums.replaced[name]
    place = places[name]
    with safe_open(place.shard, framework="pt") as file:  # closed after each: what it has mapped is given back
        value: Tensor = file.get_tensor(place.name).float()
    if name in sums.factors:
        left_OK, right_KI, scale = sums.factors[name]
        value = value + (left_OK @ right_KI) * scale
    return value


def _places(base: Path, *, names: Mapping[str, torch.Size], replaced: Mapping[str, Tensor]) -> dict[str, _Place] | None:
    """Where each weight lies in the base; None when one is missing or has another shape.

    The same weights may carry the family's name in front (bert.encoder...) or not: both are looked up.
    """
    found: dict[str, _Place] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for shard in sorted(base.glob("*.safetensors")):
        with safe_open(shard, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  # not a mapping
                found[name] = _Place(shard, name)
                shapes[name] = tuple(file.get_slice(name).get_shape())
    fronts = ("", *sorted({f"{name.split('.')[0]}." for name in found}))
    out: dict[str, _Place] = {}
    for name, shape in names.items():
        if name in replaced:
            continue
        lies = next((front + name for front in fronts if front + name in found), None)
        if lies is None or shapes[lies] != tuple(shape):
            return None
        out[name] = found[lies]
    return out


def _groups(names: Mapping[str, torch.Size]) -> list[list[str]]:
    """Names of each file, in order."""
    groups: list[list[str]] = [[]]
    size = 0
    for name, shape in names.items():
        n_bytes = 4 * shape.numel()
        if groups[-1] and size + n_bytes > FILE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(name)
        size += n_bytes
    return groups


def _file_name(i: int, *, n: int) -> str:
    return "model.safetensors" if n == 1 else f"model-{i + 1:05d}-of-{n:05d}.safetensors"


def _write_header(file: BinaryIO, shapes: Mapping[str, torch.Size]) -> None:
    """Source: safetensors' format: 8 bytes of length, JSON padded to a multiple of 8, then the bytes in order."""
    header = json.dumps({"__metadata__": {"format": "pt"}, **dict(_entries(shapes))}).encode()
    header += b" " * (-len(header) % 8)
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)


def _entries(shapes: Mapping[str, torch.Size]) -> Iterator[tuple[str, dict[str, Any]]]:
    start = 0
    for name, shape in shapes.items():
        end = start + 4 * shape.numel()
        yield name, {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
        start = end

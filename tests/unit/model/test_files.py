"""Model folders that may be loaded, and those that are refused before a library opens them."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from tunewright.core.errors import ModelError
from tunewright.model.files import check_folder, read_config, tensor_headers, weight_files


@pytest.fixture
def copied(tiny_decoder: Path, tmp_path: Path) -> Path:
    """A tiny model's folder that a test may spoil."""
    return Path(shutil.copytree(tiny_decoder, tmp_path / "model"))


def test_check_folder_accepts_what_transformers_saves(tiny_decoder: Path, tiny_encoder: Path) -> None:
    for folder in (tiny_decoder, tiny_encoder):
        check_folder(folder, trust_remote_code=False)
        assert weight_files(folder) == (folder / "model.safetensors",)


def test_tensor_headers_equal_the_tensors_when_the_library_wrote_the_file(tmp_path: Path) -> None:
    tensors = {
        "a.weight": torch.zeros(3, 5),
        "b": torch.zeros(0, 2, dtype=torch.bfloat16),
        "n": torch.tensor(7),
        "flat": torch.zeros(4, dtype=torch.float16),
    }
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = tensor_headers(tmp_path / "x.safetensors")
    assert {name: header.shape for name, header in found.items()} == {n: tuple(t.shape) for n, t in tensors.items()}
    dtypes = {"a.weight": "F32", "b": "BF16", "n": "I64", "flat": "F16"}
    assert {name: header.dtype for name, header in found.items()} == dtypes


@pytest.mark.parametrize("n_kept", [0, 4, 8, 200, -1])
def test_tensor_headers_refuse_a_file_that_is_cut_short(copied: Path, n_kept: int) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:n_kept])
    with pytest.raises(ModelError, match=r"cut short|not a whole safetensors file"):
        tensor_headers(weights)


def test_tensor_headers_refuse_a_header_longer_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bomb.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        tensor_headers(path)


@given(content=st.binary(max_size=64))
def test_tensor_headers_say_model_error_for_any_bytes(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        tensor_headers(path)


@given(
    header=st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["w", "dtype", "shape", "data_offsets", "__metadata__"]), inner)
        ),
        max_leaves=12,
    )
)
def test_tensor_headers_say_model_error_or_fit_for_any_json(
    header: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = json.dumps(header).encode()
    path = tmp_path_factory.mktemp("json") / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    try:
        found = tensor_headers(path)
    except ModelError:
        return
    assert all(isinstance(one.shape, tuple) for one in found.values())


def test_weight_files_are_the_shards_that_the_index_names(copied: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(copied)
    (copied / "model.safetensors").unlink()
    model.save_pretrained(copied, max_shard_size="20KB")
    shards = weight_files(copied)
    assert len(shards) > 1
    names = {name for shard in shards for name in tensor_headers(shard)}
    assert names == set(model.state_dict()) - {"lm_head.weight"}
    shards[0].unlink()
    with pytest.raises(ModelError, match="a part of the weights is missing: " + shards[0].name):
        weight_files(copied)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "weights.bin", "sub/x.safetensors"])
def test_weight_files_refuse_an_index_that_points_elsewhere(copied: Path, name: str) -> None:
    (copied / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"w": name}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="unsafe file"):
        weight_files(copied)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "model.ckpt"])
def test_weight_files_refuse_pickles_when_there_is_no_safetensors(copied: Path, name: str) -> None:
    (copied / "model.safetensors").rename(copied / name)
    with pytest.raises(ModelError, match="unsafe file: " + name) as caught:
        check_folder(copied, trust_remote_code=True)
    assert "save_pretrained" in caught.value.fix


def test_weight_files_ignore_a_pickle_beside_safetensors(copied: Path) -> None:
    (copied / "training_args.bin").write_bytes(b"x")
    assert weight_files(copied) == (copied / "model.safetensors",)


def test_weight_files_say_that_there_are_none(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        weight_files(copied)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_check_folder_refuses_code_of_the_model_unless_trusted(copied: Path, file: str) -> None:
    path = copied / file
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": {"AutoModel": "code.Model"}}))
    with pytest.raises(ModelError, match="Python code of its own") as caught:
        check_folder(copied, trust_remote_code=False)
    assert file in caught.value.where
    assert "model.trust_remote_code=true" in caught.value.fix
    check_folder(copied, trust_remote_code=True)


@pytest.mark.parametrize(("missing", "said"), [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer")])
def test_check_folder_names_the_file_that_is_missing(copied: Path, missing: str, said: str) -> None:
    (copied / missing).unlink()
    with pytest.raises(ModelError, match=said):
        check_folder(copied, trust_remote_code=False)


def test_read_config_names_the_base_when_the_folder_is_only_an_adapter(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen3-0.6B"}')
    with pytest.raises(ModelError, match="an adapter, not a model") as caught:
        read_config(tmp_path)
    assert "Qwen/Qwen3-0.6B" in caught.value.why
    assert "model.name=Qwen/Qwen3-0.6B" in caught.value.fix


def test_read_config_names_the_gguf_when_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tiny.Q4_0.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"tiny\.Q4_0\.gguf"):
        read_config(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_read_config_says_model_error_when_it_is_no_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"config\.json"):
        read_config(tmp_path)

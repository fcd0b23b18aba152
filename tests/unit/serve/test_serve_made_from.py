"""What a file's answers depend on: any other byte of it makes other answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.tiny import tiny_card
from tunewright.core.errors import ModelError
from tunewright.core.values import Subject
from tunewright.serve.made_from import MadeFrom, made_from


def trained(folder: Path, base: Path, *, kind: str) -> Subject:
    """folder/train/model or folder/train/adapter: weights are bytes here, nobody loads them."""
    inside = folder / "train" / kind
    inside.mkdir(parents=True)
    (inside / "weights.safetensors").write_bytes(b"weights")
    (inside / ("adapter_config.json" if kind == "adapter" else "config.json")).write_text("{}")
    return Subject(
        name="tuned",
        folder=str(folder / "train"),
        card=tiny_card(base, "decoder"),
        task="generate",
        labels=(),
        max_length=64,
        device="cpu",
        dtype="float32",
        threads=1,
    )


@pytest.fixture
def base(tmp_path: Path, tiny_decoder: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(tiny_decoder, tmp_path / "base"))


def found(subject: Subject, folder: Path) -> MadeFrom:
    (folder / "rows.csv").write_text("text\na\n", encoding="utf-8")
    return made_from(folder / "rows.csv", subject, options={})


def put_other_weights(base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, base / "model.safetensors")


def put_other_tokenizer(base: Path) -> None:
    text = (base / "tokenizer.json").read_text(encoding="utf-8")
    (base / "tokenizer.json").write_text(text + "\n", encoding="utf-8")


@pytest.mark.parametrize("change", [put_other_weights, put_other_tokenizer])
def test_made_from_is_another_when_the_model_below_an_adapter_is_replaced(
    tmp_path: Path, base: Path, change: Callable[[Path], None]
) -> None:
    subject = trained(tmp_path, base, kind="adapter")
    before = found(subject, tmp_path)
    assert found(subject, tmp_path) == before

    change(base)

    assert found(subject, tmp_path).model != before.model


def test_made_from_says_so_when_the_model_below_an_adapter_is_gone(tmp_path: Path, base: Path) -> None:
    subject = trained(tmp_path, base, kind="adapter")
    shutil.rmtree(base)
    with pytest.raises(ModelError, match="no such model folder"):
        found(subject, tmp_path)


@pytest.mark.parametrize("kind", ["model", "adapter"])
def test_made_from_is_another_when_the_trained_weights_are_replaced(tmp_path: Path, base: Path, kind: str) -> None:
    subject = trained(tmp_path, base, kind=kind)
    before = found(subject, tmp_path)

    (tmp_path / "train" / kind / "weights.safetensors").write_bytes(b"WEIGHTS")

    assert found(subject, tmp_path).model != before.model


def test_made_from_needs_no_base_when_the_whole_model_was_trained(tmp_path: Path, base: Path) -> None:
    subject = trained(tmp_path, base, kind="model")
    before = found(subject, tmp_path)
    shutil.rmtree(base)
    assert found(subject, tmp_path) == before

"""`models list` and `models info`: what is here, what the catalogue knows, and who wins when they differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import save_tiny_decoder
from tunewright.cli.main import main
from tunewright.model import find


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty place, an empty cache, and nothing may be fetched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "starters"))
    monkeypatch.setattr(find.constants, "HF_HUB_OFFLINE", True)


def answered(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    assert main([*words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def named(found: dict[str, Any]) -> list[str]:
    return [one["name"] for one in found["models"]]


def test_models_list_searches_the_catalogue_for_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    found = answered(capsys, "models", "list", "smollm2 360m")
    assert named(found) == ["HuggingFaceTB/SmolLM2-360M", "HuggingFaceTB/SmolLM2-360M-Instruct"]
    assert {one["licence"] for one in found["models"]} == {"unknown: read the card"}
    assert not any(one["is_added"] or one["is_exact"] for one in found["models"])
    assert "minilm-l6" in named(answered(capsys, "models", "list", "encoder apache"))
    assert main(["models", "list", "no-such-word"]) == 0
    assert "no model has 'no-such-word'" in capsys.readouterr().out


def test_models_list_says_what_each_model_asks_of_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answered(capsys, "models", "list", "meta-llama/Meta-Llama-3-8B-Instruct")["models"]
    assert "gated: accept its licence" in found["what"]
    assert "needs a GPU" in found["what"]
    (small,) = answered(capsys, "models", "list", "meta-llama/Llama-3.2-1B llama").values()
    told = {one["name"]: one["what"] for one in small}
    assert "sensitive to the learning rate" in told["meta-llama/Llama-3.2-1B"]
    assert "0.0003 to 0.001" in told["meta-llama/Llama-3.2-1B"]


def test_models_list_finds_folders_here(tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(tiny_encoder, tmp_path / "models" / "mine")
    shutil.copytree(tiny_encoder, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"cut")
    found = {one["name"]: one for one in answered(capsys, "models", "list")["models"]}
    assert found["./models/mine"]["is_added"]
    assert found["./models/mine"]["path"] == str(tmp_path / "models" / "mine")
    assert "not a whole safetensors file" in found["./broken"]["what"]


def test_models_info_tells_a_fact_and_its_source_without_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    facts = answered(capsys, "models", "info", "qwen/qwen3-0.6b")
    assert (facts["name"], facts["path"], facts["n_layers"]) == ("Qwen/Qwen3-0.6B", None, 28)
    assert "litgpt" in facts["sources"]["n_layers"]
    assert "QwenLM/Qwen3" in facts["sources"]["licence"]
    assert facts["is_gated"] is None
    assert main(["models", "info", "Qwen/Qwen3-0.6B"]) == 0
    told = capsys.readouterr().out
    assert "stated by:" in told
    assert "unknown" in told
    assert "tunewright run tickets.csv model=Qwen/Qwen3-0.6B" in told


def test_models_info_names_the_nearest_when_there_is_no_such_id(capsys: pytest.CaptureFixture[str]) -> None:
    error = answered(capsys, "models", "info", "Qwen/Qwen3-0.6", code=4)
    assert "model.name=Qwen/Qwen3-0.6B" in error["why"]
    assert "HF_HUB_OFFLINE" in error["what"]


def test_a_checkpoint_in_the_cache_wins_over_the_catalogue_and_the_difference_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_tiny_decoder(tmp_path / "snapshot")
    monkeypatch.setattr(find, "_in_cache", lambda name, revision: folder if name == "Qwen/Qwen3-0.6B" else None)
    monkeypatch.setattr(find, "cached_names", lambda: ("Qwen/Qwen3-0.6B",))
    facts = answered(capsys, "models", "info", "Qwen/Qwen3-0.6B")
    assert facts["path"] == str(folder)
    assert facts["n_layers"] != 28
    assert any("n_layers is" in one and "28 in the catalogue" in one for one in facts["contradictions"])
    assert main(["models", "info", "Qwen/Qwen3-0.6B"]) == 0
    assert "the files count" in capsys.readouterr().out

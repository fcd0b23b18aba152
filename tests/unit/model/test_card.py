"""Facts of a checkpoint against the loaded model itself, for families that name things differently."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM

from tests.tiny import DECODER_SPECIAL, byte_tokenizer, save_tiny_decoder
from tunewright.core.errors import ModelError
from tunewright.model import find
from tunewright.model.card import model_card

SMALL = {"vocab_size": 259, "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 2}
LONG_NAMES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 66,
}
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", {**LONG_NAMES, "num_key_value_heads": 2}),
    "llama tied": ("LlamaConfig", "LlamaForCausalLM", {**LONG_NAMES, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", {**LONG_NAMES, "num_key_value_heads": 1, "head_dim": 8}),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", LONG_NAMES),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 66}),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", LONG_NAMES),
    "bert": ("BertConfig", "BertModel", LONG_NAMES),
    "bert for masked tokens": ("BertConfig", "BertForMaskedLM", LONG_NAMES),
    "roberta": ("RobertaConfig", "RobertaModel", LONG_NAMES),
    "distilbert": (
        *("DistilBertConfig", "DistilBertForMaskedLM"),
        {"dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24, "max_position_embeddings": 66},
    ),
    "modernbert": ("ModernBertConfig", "ModernBertModel", LONG_NAMES),
}
GATED = frozenset({"llama", "llama tied", "qwen3", "phi3", "modernbert"})


def save_family(folder: Path, family: str) -> Path:
    config_name, model_name, options = FAMILIES[family]
    config = getattr(transformers, config_name)(**SMALL, **options)
    getattr(transformers, model_name)(config).save_pretrained(folder)
    byte_tokenizer(DECODER_SPECIAL).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_model_card_equals_the_loaded_model_for_every_family(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = model_card(str(save_family(tmp_path, family)), folder=Path())
    is_encoder = "bert" in family
    load = AutoModel if is_encoder else AutoModelForCausalLM
    model = load.from_pretrained(tmp_path, **({"add_pooling_layer": False} if "masked" in family else {}))
    embedding = model.get_input_embeddings().weight
    assert card.architecture == ("encoder" if is_encoder else "decoder")
    assert card.n_parameters == sum(p.numel() for p in model.parameters())
    assert card.n_embedding_parameters == embedding.numel()
    assert card.vocabulary_size == 259
    assert (card.n_layers, card.hidden_size, card.n_heads) == (2, 16, 4)
    assert card.head_size == (8 if family == "qwen3" else 4)
    assert card.n_key_value_heads == {"llama": 2, "qwen3": 1}.get(family, 4)
    assert card.intermediate_size == (64 if family == "gpt2" else 24)
    assert card.is_gated_mlp == (family in GATED)
    assert card.is_tied == (not is_encoder and model.get_output_embeddings().weight is embedding)
    assert card.context_tokens == (64 if family == "roberta" else 66)
    assert card.dtype == "float32"
    assert card.path == str(tmp_path)


def test_model_card_reads_as_many_tokens_as_the_model_when_positions_are_offset(tmp_path: Path) -> None:
    card = model_card(str(save_family(tmp_path, "roberta")), folder=Path())
    model = AutoModel.from_pretrained(tmp_path)
    model(input_ids=torch.full((1, card.context_tokens), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, card.context_tokens + 1), 5))


def test_model_card_counts_weights_once_when_a_tied_model_stores_both(tmp_path: Path) -> None:
    card = model_card(str(save_tiny_decoder(tmp_path)), folder=Path())
    weights = load_file(tmp_path / "model.safetensors")
    twice = {**weights, "lm_head.weight": weights["model.embed_tokens.weight"].clone()}
    constants = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(8),
        "ids": torch.zeros(9, dtype=torch.long),
    }
    save_file({**twice, **constants}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert model_card(str(tmp_path), folder=Path()).n_parameters == card.n_parameters


def test_model_card_says_bfloat16_when_the_weights_are(tiny_decoder: Path, tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(tiny_decoder, dtype=torch.bfloat16).save_pretrained(tmp_path)
    byte_tokenizer(DECODER_SPECIAL).save_pretrained(tmp_path)
    assert model_card(str(tmp_path), folder=Path()).dtype == "bfloat16"


def test_model_card_finds_a_folder_from_the_plans_own_folder(tiny_decoder: Path) -> None:
    card = model_card(tiny_decoder.name, folder=tiny_decoder.parent)
    assert card.path == str(tiny_decoder)
    assert card.name == tiny_decoder.name


def test_model_card_sees_a_chat_template_wherever_it_stands(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path, template="{{ messages }}")
    assert model_card(str(folder), folder=Path()).has_chat_template
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    assert not model_card(str(folder), folder=Path()).has_chat_template
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    assert model_card(str(folder), folder=Path()).has_chat_template
    (folder / "chat_template.json").unlink()
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": template}))
    assert model_card(str(folder), folder=Path()).has_chat_template


@pytest.mark.parametrize(
    ("readme", "licence", "languages"),
    [
        ("---\nlicense: apache-2.0\nlanguage: en\n---\n# x", "Apache-2.0", ("en",)),
        ("---\r\nlicense: mit\r\nlanguage:\r\n- en\r\n- de\r\n---\r\n", "MIT", ("en", "de")),
        ("---\nlicense: bsd-3-clause\nlanguage: [no, zh-CN, en]\n---\n", "BSD-3-Clause", ("no", "zh", "en")),
        ("---\nlicense: cc-by-nc-4.0\nlanguage: multilingual\n---\n", "CC-BY-NC-4.0", ()),
        ("---\nlicense: other\nlicense_name: tongyi\n---\n", "tongyi", ()),
        ("---\nlicense: llama3.2\n---\n", "llama3.2", ()),
        ("---\nlicense: [broken\n---\n", "unknown", ()),
        ("---\n- a\n---\n", "unknown", ()),
        ("# no head", "unknown", ()),
    ],
)
def test_model_card_reads_licence_and_languages_from_the_readme(
    tiny_encoder: Path, tmp_path: Path, readme: str, licence: str, languages: tuple[str, ...]
) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "m"))
    (folder / "README.md").write_bytes(readme.encode())
    card = model_card(str(folder), folder=Path())
    assert (card.licence, card.languages) == (licence, languages)


def test_model_card_reads_the_licence_file_when_the_readme_says_nothing(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "m"))
    (folder / "LICENSE").write_text("MIT License\n\nCopyright")
    assert model_card(str(folder), folder=Path()).licence == "MIT"
    (folder / "LICENSE").write_text("our own words")
    assert model_card(str(folder), folder=Path()).licence == "see LICENSE"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_encoder_decoder": True}, "encoder-decoder"),
        ({"text_config": {}}, "pictures"),
        ({"quantization_config": {"quant_method": "gptq"}}, "few bits"),
        ({"architectures": ["ResNetModel"], "model_type": "resnet"}, "not a text model we know"),
        ({"num_hidden_layers": None}, "does not state num_hidden_layers"),
    ],
)
def test_model_card_refuses_what_cannot_be_tuned(
    tiny_decoder: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = Path(shutil.copytree(tiny_decoder, tmp_path / "m"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ModelError, match=said):
        model_card(str(folder), folder=Path())


def test_fingerprint_is_of_the_content_not_of_the_place(tiny_decoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_decoder, tmp_path / "elsewhere"))
    here, there = (model_card(str(path), folder=Path()).fingerprint for path in (tiny_decoder, folder))
    assert here == there
    (folder / "README.md").write_text("words that change no answer")
    assert model_card(str(folder), folder=Path()).fingerprint == here


def _one_bit_of_the_last_weight(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")


@pytest.mark.parametrize("change", [_one_bit_of_the_last_weight, _template])
def test_fingerprint_changes_when_the_files_do(
    tiny_decoder: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder = Path(shutil.copytree(tiny_decoder, tmp_path / "m"))
    change(folder)
    cards = [model_card(str(path), folder=Path()) for path in (tiny_decoder, folder)]
    assert cards[0].fingerprint != cards[1].fingerprint


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("starter:minilm", "no starter model minilm", "minilm-l6"),
        ("starter:minilm-l6", "not on this machine yet", "tunewright models add minilm-l6"),
        ("minilm-l6", "is a starter model", "model.name=starter:minilm-l6"),
        ("./nowhere", "no such model folder", "starter:"),
        ("a/b/c", "no such model folder", "starter:"),
        ("two words", "no model's name", "starter:"),
        ("someone/smollm2-135m", "HF_HUB_OFFLINE", "starter:smollm2-135m-instruct or"),
    ],
)
def test_model_card_says_what_to_do_when_there_is_no_such_model(
    name: str, what: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(find.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as caught:
        model_card(name, folder=tmp_path)
    assert what in str(caught.value)
    assert fix in str(caught.value)


def test_model_card_refuses_a_file_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="a model is a folder"):
        model_card("model.gguf", folder=tmp_path)


def test_model_card_finds_a_snapshot_in_the_hub_cache_when_offline(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(find.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--tiny"
    shutil.copytree(tiny_encoder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    card = model_card("someone/tiny", folder=tmp_path)
    assert (card.name, card.path) == ("someone/tiny", str(repository / "snapshots" / "abc"))
    (repository / "snapshots" / "abc" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        model_card("someone/tiny", folder=tmp_path)

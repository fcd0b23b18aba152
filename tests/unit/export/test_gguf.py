"""A GGUF file: the tokens, the template and the weights that llama.cpp reads, proven by who reads it here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from peft.tuners.lora import LoraLayer
from tokenizers import Regex, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

from tests.exporting import LABELS, changed_model, source_of, write_prepared
from tests.tiny import CHATML, DECODER_SPECIAL, THINKING, byte_tokenizer, save_tiny_decoder
from tunewright.core.errors import ExportError
from tunewright.core.values import Message
from tunewright.export.gguf.family import llama3_factors, why_not
from tunewright.export.gguf.modelfile import modelfile, pieces
from tunewright.export.gguf.vocabulary import _LLAMA3, cutting_of, vocabulary
from tunewright.export.gguf.write import FILE, refusal, write_gguf
from tunewright.export.parity import Parity, parity
from tunewright.export.plain import Asked, PlainLoad, plain_program
from tunewright.export.sample import sample
from tunewright.export.targets import TARGETS
from tunewright.model.load import Loaded
from tunewright.text.chat import Tokenizer, prompt_text

DEFAULT_SYSTEM = "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe brief.<|im_end|>\n{% endif %}" + CHATML
HAS_LLAMA = find_spec("llama_cpp") is not None
TURNS = (
    (Message("user", "hello"),),
    (Message("system", "Be kind."), Message("user", "hello\nthere")),
    (
        Message("user", "a"),
        Message("assistant", "b"),
        Message("user", "c"),
        Message("assistant", "d"),
        Message("user", "e"),
    ),
)


def chat_tokenizer(template: str | None = CHATML) -> Tokenizer:
    return byte_tokenizer(DECODER_SPECIAL, template=template)


def in_go(text: str, turns: tuple[Message, ...]) -> str:
    """Ollama's rendering of a Modelfile: a few words of Go's template language, and SYSTEM where none is given."""
    body = re.search(r'TEMPLATE """(.*)"""', text, re.DOTALL)
    system = re.search(r'SYSTEM """(.*?)"""', text, re.DOTALL)
    assert body
    if system and turns[0].role != "system":
        turns = (Message("system", system[1]), *turns)
    start, inner, asks = re.fullmatch(
        r"(.*)\{\{ range \.Messages \}\}(.*)\{\{ end \}\}\{\{ end \}\}(.*)", body[1], re.DOTALL
    ).groups()  # type: ignore[union-attr]
    branches = dict(re.findall(r'\{\{ (?:else )?if eq \.Role "(\w+)" \}\}(.*?)(?=\{\{ else if|\Z)', inner, re.DOTALL))
    return start + "".join(branches[one.role].replace("{{ .Content }}", one.content) for one in turns) + asks


@pytest.mark.parametrize("template", [CHATML, DEFAULT_SYSTEM], ids=["chatml", "default system"])
def test_ollama_asks_as_training_did(template: str) -> None:
    tokenizer = chat_tokenizer(template)
    text, note = modelfile(tokenizer, file=FILE, context=512)
    assert not note
    for turns in TURNS:
        assert in_go(text, turns) == prompt_text(turns, tokenizer=tokenizer)
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert "PARAMETER repeat_penalty 1\n" in text


def test_a_template_that_ollama_cannot_say_is_told() -> None:
    """It says how many messages there are: no row of messages can."""
    tokenizer = chat_tokenizer("{{ messages | length }}" + CHATML)
    assert pieces(tokenizer) is None
    text, note = modelfile(tokenizer, file=FILE, context=512)
    assert "TEMPLATE" not in text
    assert "cannot say this chat template" in note


def test_text_is_cut_as_the_tokenizer_does_it() -> None:
    tokenizer = chat_tokenizer()
    inner = tokenizer.backend_tokenizer
    assert cutting_of(tokenizer) == "gpt-2"
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), whole])
    assert cutting_of(tokenizer) == "smollm"
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_LLAMA3), "isolated"), bytes_only])
    assert cutting_of(tokenizer) == "llama-bpe"
    inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\d"), "isolated"), bytes_only])
    assert cutting_of(tokenizer) == ""
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    assert cutting_of(tokenizer) == ""


def test_rows_that_no_token_names_are_unused() -> None:
    found = vocabulary(chat_tokenizer(), n_embeddings=261)
    assert found.tokens[:3] == DECODER_SPECIAL
    assert found.kinds[:4] == (1, 3, 3, 1)  # <|endoftext|> is a plain word of this tokenizer
    assert found.tokens[259:] == ("[PAD259]", "[PAD260]")
    assert found.kinds[259:] == (5, 5)


def test_llama3_slows_the_low_frequencies_alone() -> None:
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config = {"rope_parameters": {**rope, "rope_theta": 5e5, "original_max_position_embeddings": 8192}, "head_dim": 128}
    factors = llama3_factors({**config, "hidden_size": 4096, "num_attention_heads": 32})
    assert factors[0] == 1.0
    assert factors[-1] == pytest.approx(8.0)
    assert factors == sorted(factors)


def test_what_llama_cpp_has_no_place_for_is_refused_with_who_takes_it(tiny_decoder: Path, tiny_encoder: Path) -> None:
    head = changed_model(tiny_encoder, task="classify", architecture="encoder")
    assert "merged, onnx and repo take it" in refusal(head)
    assert refusal(changed_model(tiny_decoder, task="generate")) == ""
    config = changed_model(tiny_decoder, task="generate").model.config.to_dict()  # type: ignore[union-attr,operator]
    assert (
        why_not(config | {"model_type": "gemma3"})
        == "its family is gemma3; gguf is written of llama, mistral, qwen2, qwen3"
    )
    assert "stretched by yarn" in why_not(config | {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}})


FAMILIES: dict[str, Any] = {
    "llama": LlamaConfig,
    "qwen2": Qwen2Config,
    "qwen3": partial(Qwen3Config, head_dim=128),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_read_back_by_transformers(name: str, tmp_path: Path) -> None:
    """Rows of queries and keys in their order, norms and biases in their places: the same logits but for 16 bits."""
    torch.manual_seed(0)
    tokenizer = chat_tokenizer()
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 96,
        "max_position_embeddings": 128,
        "use_cache": False,
    }
    model = AutoModelForCausalLM.from_config(FAMILIES[name](**sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(tmp_path / "whole")
    config_dict = model.config.to_dict()
    write_gguf(tmp_path / FILE, whole=tmp_path / "whole", config=config_dict, tokenizer=tokenizer, bits="F16")
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=FILE, dtype=torch.float32).eval()
    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        ours, theirs = model(ids).logits.log_softmax(-1), again(ids).logits.log_softmax(-1)
    assert (ours.exp() * (ours - theirs)).sum(-1).max() < 1e-3
    written = {tensor.name for tensor in gguf.GGUFReader(tmp_path / FILE).tensors}
    assert len(written) == len(dict(model.named_parameters()))


@pytest.fixture(scope="module")
def load() -> Iterator[PlainLoad]:
    with plain_program() as found:
        yield found


@pytest.fixture(scope="module")
def chat(tiny_decoder: Path) -> Loaded:
    return changed_model(tiny_decoder, task="generate")


def compared(
    proven: Loaded, folder: Path, name: str, *, load: PlainLoad, prepared: Path, limit: float = 0.01
) -> Parity:
    rows = sample(prepared, loaded=proven, labels=LABELS, max_length=64, seed=0)
    asked = Asked(folder, name, "", "cpu", 1, False, limit, program=TARGETS[name].program, n_positions=80)
    return parity(asked, load=load, proven=proven, sample=rows)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("rows") / "prepared", task="generate")


@pytest.mark.parametrize(("name", "limit"), [("gguf-f16", 1e-4), ("gguf-q8_0", 1e-2)])
def test_the_file_answers_like_the_proven_model(
    name: str, limit: float, chat: Loaded, prepared: Path, load: PlainLoad, tmp_path: Path
) -> None:
    TARGETS[name].write(tmp_path / name, source_of(chat, tmp_path))
    found = compared(chat, tmp_path / name, name, load=load, prepared=prepared)
    assert 0 < found.kl_nats_mean < limit, "16 or 8 bits are not 32"
    assert found.read_by.startswith("llama.cpp" if HAS_LLAMA else "transformers' own GGUF reader")
    assert bool(found.unproven) is not HAS_LLAMA
    assert found.checks["prompt ids"] == ("ok" if HAS_LLAMA else "not run: its reader here does not read this")


def test_alpha_doubled_is_refused(chat: Loaded, prepared: Path, load: PlainLoad, tmp_path: Path) -> None:
    """The adapter counts twice: 16-bit noise is far below that."""
    wrong = changed_model(Path(chat.card.path), task="generate")
    for module in wrong.model.modules():
        if isinstance(module, LoraLayer):
            module.scaling = {name: 2 * value for name, value in module.scaling.items()}
    wrong_whole = tmp_path / "wrong"
    wrong.model.merge_and_unload().save_pretrained(wrong_whole)  # type: ignore[operator,union-attr]
    source = source_of(chat, tmp_path)
    config = chat.model.config.to_dict()  # type: ignore[union-attr,operator]
    TARGETS["gguf-f16"].write(tmp_path / "gguf-f16", source)
    write_gguf(tmp_path / "gguf-f16" / FILE, whole=wrong_whole, config=config, tokenizer=chat.tokenizer, bits="F16")
    with pytest.raises(ExportError, match="does not answer like the proven model"):
        compared(chat, tmp_path / "gguf-f16", "gguf-f16", load=load, prepared=prepared, limit=1e-3)


@pytest.mark.skipif(not HAS_LLAMA, reason="llama-cpp-python is not installed")
def test_a_thought_that_was_not_trained_is_not_asked_for(prepared: Path, load: PlainLoad, tmp_path: Path) -> None:
    """llama.cpp knows no switch: the file's template has it thrown."""
    proven = changed_model(save_tiny_decoder(tmp_path / "base", template=THINKING), task="generate")
    TARGETS["gguf-f16"].write(tmp_path / "gguf-f16", source_of(proven, tmp_path))
    found = compared(proven, tmp_path / "gguf-f16", "gguf-f16", load=load, prepared=prepared)
    assert found.checks["prompt ids"] == "ok"


def test_queries_lie_in_pairs_there(tmp_path: Path, chat: Loaded) -> None:
    """llama.cpp turns neighbours, transformers halves: rows 0, 1, 2, 3 of a head lie as 0, 2, 1, 3."""
    from tunewright.export.gguf.write import _permuted

    rows = np.arange(8, dtype=np.float32)[:, None]
    assert _permuted(rows, n_heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]

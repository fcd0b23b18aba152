"""Facts of a checkpoint, read from its config and file headers without loading it.

In: a model's name as a plan writes it. Out: ModelCard. Its own file because selection, resolve, the memory prediction
and the report need these facts before (or without) loading a single weight.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from tunewright.core.errors import ModelError
from tunewright.core.files import digest, file_digest
from tunewright.core.values import Architecture, ModelCard
from tunewright.model.files import TensorHeader, check_folder, read_config, read_json, tensor_headers, weight_files
from tunewright.model.find import model_folder
from tunewright.model.shapes import GATE, shapes_of
from tunewright.model.starter import PREFIX, STARTERS

ENCODER_TYPES = frozenset(
    {
        *("albert", "bert", "big_bird", "camembert", "convbert", "deberta", "deberta-v2", "distilbert", "electra"),
        *("ernie", "esm", "eurobert", "flaubert", "funnel", "ibert", "layoutlm", "longformer", "luke", "megatron-bert"),
        *("mobilebert", "modernbert", "mpnet", "nezha", "nomic_bert", "nystromformer", "rembert", "roberta"),
        *("roberta-prelayernorm", "roformer", "squeezebert", "xlm", "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso"),
    }
)
"""model_type of models that read in both directions. Source: transformers, MODEL_FOR_MASKED_LM_MAPPING_NAMES."""
HEAD_PREFIXES = (
    "cls.",
    "lm_head.",
    "classifier.",
    "qa_outputs.",
    "predictions.",
    "vocab_",
    "discriminator_predictions.",
)
"""What an encoder checkpoint carries on top of the encoder and we do not load."""
BUFFER = re.compile(r"(inv_freq|masked_bias|position_ids|token_type_ids)$|\battn\.bias$")
"""Stored constants that are no parameters. Source: old GPT-2 and Llama checkpoints on the hub."""
TOKEN_EMBEDDING = re.compile(r"(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in)\.weight$")
OUTPUT_LAYER = re.compile(r"(^|\.)(lm_head|embed_out|output_layer)\.weight$")
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}
SAMPLE_BYTES = 65_536
"""Read from each end of a weight file for its fingerprint: any training changes every tensor."""
SPDX = {"apache": "Apache", "mit": "MIT", "bsd": "BSD", "gpl": "GPL", "lgpl": "LGPL", "agpl": "AGPL", "mpl": "MPL"}
LICENCE_TEXTS = {
    "Apache License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD 3-Clause": "BSD-3-Clause",
    "GNU GENERAL PUBLIC LICENSE": "GPL-3.0",
    "CC0": "CC0-1.0",
}


def model_card(name: str, *, folder: Path, revision: str = "main", trust_remote_code: bool = False) -> ModelCard:
    """The facts of the model that a plan calls `name`.

    folder: where relative paths start (the plan's). A Hugging Face id that is not on this machine is fetched.
    Raises ModelError: not found, unsafe, broken, of a kind that cannot be tuned here.
    """
    path = model_folder(name, folder=folder, revision=revision, trust_remote_code=trust_remote_code)
    check_folder(path, trust_remote_code=trust_remote_code)
    config = read_config(path)
    weights = weight_files(path)
    headers = {key: header for file in weights for key, header in tensor_headers(file).items()}
    architecture = architecture_of(config, where=path)
    shapes = shapes_of(config, where=str(path), stated_tokens=_stated_tokens(path))
    is_tied = architecture == "decoder" and _is_tied(config, headers)
    readme = _front_matter(path)
    return ModelCard(
        name=name,
        path=str(path),
        architecture=architecture,
        model_type=str(config.get("model_type", "")),
        n_parameters=_n_parameters(headers, architecture=architecture, is_tied=is_tied),
        licence=_licence(readme, path=path, name=name),
        has_chat_template=has_chat_template(path),
        is_gated_mlp=any(GATE.search(key) for key in headers),
        is_tied=is_tied,
        n_embedding_parameters=sum(h.n_numbers for key, h in headers.items() if TOKEN_EMBEDDING.search(key)),
        dtype=_dtype(headers),
        languages=_languages(readme),
        fingerprint=_fingerprint(path, weights=weights, headers=headers),
        **asdict(shapes),
    )


def architecture_of(config: Mapping[str, Any], *, where: Path) -> Architecture:
    """encoder or decoder, by config.json.

    Raises ModelError for every other kind of model.
    """
    names = [str(name) for name in config.get("architectures") or ()]
    model_type = str(config.get("model_type", ""))
    refusal = ""
    if config.get("is_encoder_decoder"):
        refusal = "an encoder-decoder (like T5)"
    elif "text_config" in config or "vision_config" in config:
        refusal = "a model for pictures or sound beside text"
    elif "quantization_config" in config:
        refusal = "stored in few bits (quantised)"
    elif any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names):
        return "decoder"
    elif model_type in ENCODER_TYPES or any(name.endswith("ForMaskedLM") for name in names):
        return "encoder"
    elif any(name.endswith("ForSequenceClassification") for name in names):
        return "decoder"  # a decoder family's own classifier, as this tool and transformers save it
    if refusal:
        raise ModelError(
            f"this model is {refusal}, which is not in this version",
            where=str(where),
            fix="use a decoder language model or an encoder: model.name=starter:smollm2-135m-instruct",
        )
    raise ModelError(
        f"this is not a text model we know ({', '.join(names) or model_type or 'config.json names no architecture'})",
        where=str(where),
        fix="use a decoder (...ForCausalLM) or an encoder (...ForMaskedLM, BertModel ...)",
    )


def _is_tied(config: Mapping[str, Any], headers: Mapping[str, TensorHeader]) -> bool:
    """A decoder without an output layer of its own uses its embedding; some files store both copies."""
    return config.get("tie_word_embeddings") is True or not any(OUTPUT_LAYER.search(key) for key in headers)


def _n_parameters(headers: Mapping[str, TensorHeader], *, architecture: Architecture, is_tied: bool) -> int:
    def counts(name: str, header: TensorHeader) -> bool:
        if BUFFER.search(name) or header.dtype in ("I64", "I32", "BOOL", "U8", "I8"):
            return False
        if architecture == "encoder":
            return not name.startswith(HEAD_PREFIXES)
        return not (is_tied and OUTPUT_LAYER.search(name))

    return sum(header.n_numbers for name, header in headers.items() if counts(name, header))


def _stated_tokens(path: Path) -> int:
    """What the tokenizer says that the model reads; 0 when it says nothing."""
    stated = read_json(path / "tokenizer_config.json").get("model_max_length")
    return int(stated) if isinstance(stated, (int, float)) and 0 < stated < 10**7 else 0  # 10**30 means "none"


def _dtype(headers: Mapping[str, TensorHeader]) -> str:
    """The type that most numbers are stored in."""
    counts: dict[str, int] = {}
    for header in headers.values():
        counts[header.dtype] = counts.get(header.dtype, 0) + header.n_numbers
    most = max(counts, key=lambda dtype: counts[dtype], default="F32")
    return DTYPES.get(most, most.lower())


def has_chat_template(path: Path) -> bool:
    """The folder brings a template of its own, in one of the three places where transformers looks."""
    return (
        any((path / name).is_file() for name in ("chat_template.jinja", "chat_template.json"))
        or bool(read_json(path / "tokenizer_config.json").get("chat_template"))
        or any((path / "additional_chat_templates").glob("*.jinja"))
    )


def _front_matter(path: Path) -> dict[str, Any]:
    """The README's YAML head; empty when there is none or it is broken: a bad README is no reason to stop."""
    readme = path / "README.md"
    if not readme.is_file():
        return {}
    match = re.match(r"\A---\s*\n(.*?)\n---", readme.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    try:
        # BaseLoader: every word stays text, or the language `no` would become False
        found = yaml.load(match[1], Loader=yaml.BaseLoader) if match else {}
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _licence(readme: Mapping[str, Any], *, path: Path, name: str) -> str:
    stated = readme.get("license")
    word = ", ".join(stated) if isinstance(stated, list) else str(stated or "")
    if word == "other":
        word = str(readme.get("license_name") or "other")
    if word:
        family, dash, version = word.partition("-")
        if family.startswith("cc"):
            return word.upper()
        return SPDX.get(family, family) + dash + version.replace("clause", "Clause")
    for file in ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"):
        if (path / file).is_file():
            text = (path / file).read_text(encoding="utf-8", errors="replace")[:600]
            return next((spdx for title, spdx in LICENCE_TEXTS.items() if title in text), f"see {file}")
    starter = STARTERS.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
    return starter.card.licence if starter else "unknown"


def _languages(readme: Mapping[str, Any]) -> tuple[str, ...]:
    """ISO 639-1 words of the README; empty when it names none or says multilingual, which names none either."""
    stated = readme.get("language") or ()
    words = [stated] if isinstance(stated, str) else [str(word) for word in stated]
    if any(word in ("multilingual", "mul") for word in words):
        return ()
    codes = [re.split(r"[-_]", word.strip().lower())[0] for word in words]
    return tuple(dict.fromkeys(code for code in codes if len(code) == 2))


def _fingerprint(path: Path, *, weights: Sequence[Path], headers: Mapping[str, TensorHeader]) -> str:
    """Of everything that changes what the model computes: small files whole, weights by size, headers and both ends."""
    small = sorted(file for file in path.iterdir() if file.suffix in (".json", ".jinja", ".txt", ".model", ".py"))
    return digest(
        {
            "files": {file.name: file_digest(file) for file in small if file.is_file()},
            "headers": {name: (header.dtype, header.shape) for name, header in headers.items()},
            "weights": {file.name: _ends(file) for file in weights},
        }
    )


def _ends(path: Path) -> list[str | int]:
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(SAMPLE_BYTES)
        file.seek(max(0, size - SAMPLE_BYTES))
        return [size, digest(first.hex()), digest(file.read().hex())]

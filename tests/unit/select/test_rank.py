"""The choice of a model by facts: each criterion alone, their order, and the words that give the reason."""

from __future__ import annotations

import json
import math
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import save_tiny_decoder, save_tiny_encoder
from tunewright.core.errors import DoesNotFit, ModelError
from tunewright.core.machine import Machine
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, ModelCard
from tunewright.select.candidate import Candidate, Ranked
from tunewright.select.rank import candidates

GIGA = 10**9
MACHINE = Machine("Linux", "any", n_cores=2, memory_bytes=10 * GIGA, memory_available_bytes=10 * GIGA, has_bf16=False)
CLASSIFY = DataFacts("classify", {"train": 100}, labels=("a", "b"), bytes_per_row=50.0, language="en")
GENERATE = replace(CLASSIFY, task="generate", labels=())


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No starter model is fetched: they are described by the table."""
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with the tiny models `encoder`, `decoder` and `plain` (a decoder without a chat template)."""
    save_tiny_encoder(tmp_path / "encoder")
    save_tiny_decoder(tmp_path / "decoder")
    save_tiny_decoder(tmp_path / "plain", template=None)
    return tmp_path


def ranked(
    facts: DataFacts,
    *,
    folder: Path = Path(),
    machine: Machine = MACHINE,
    need: Callable[[ModelCard], int] = lambda card: GIGA,
    **sections: Any,
) -> tuple[Candidate, ...]:
    return all_ranked(facts, folder=folder, machine=machine, need=need, **sections).candidates


def all_ranked(
    facts: DataFacts,
    *,
    folder: Path = Path(),
    machine: Machine = MACHINE,
    need: Callable[[ModelCard], int] = lambda card: GIGA,
    **sections: Any,
) -> Ranked:
    plan = Plan.model_validate({"task": facts.task, **sections})
    return candidates(plan, folder=folder, facts=facts, machine=machine, need_bytes=need)


def names(found: tuple[Candidate, ...]) -> list[str]:
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    return [one.name.removeprefix("starter:") for one in found]


def test_candidates_choose_the_encoder_for_classify_and_the_chat_decoder_for_generate() -> None:
    assert names(ranked(CLASSIFY)) == ["minilm-l6", "smollm2-135m-instruct"]
    assert names(ranked(GENERATE)) == ["smollm2-135m-instruct", "minilm-l6"]
    assert names(ranked(replace(GENERATE, task="text"))) == ["smollm2-135m-instruct", "minilm-l6"]


def test_candidates_describe_a_starter_that_is_not_fetched_from_the_table() -> None:
    first = ranked(CLASSIFY)[0]
    assert not first.is_local
    assert math.isnan(first.tokens_per_byte)
    assert "not fetched yet" in first.reason
    assert (first.n_parameters, first.context_tokens, first.licence) == (22_713_216, 512, "Apache-2.0")


def test_reasons_name_the_numbers_and_the_rejected_alternative() -> None:
    first, second = ranked(CLASSIFY)
    assert "22.7 M parameters" in first.reason
    assert "1.0 of 9.0 GB" in first.reason
    assert "starter:smollm2-135m-instruct was passed over" in first.reason
    assert "134.5 M parameters against 22.7 M" in second.reason


def test_candidates_measure_tokens_per_byte_with_the_models_own_tokenizer(models: Path) -> None:
    facts = replace(CLASSIFY, sample=("abc", "dé", ""))
    found = ranked(facts, folder=models, select={"candidates": ["encoder", "decoder"]})
    assert [one.tokens_per_byte for one in found] == [1.0, 1.0]  # a token is a byte, special tokens are not the text's
    assert all(one.is_local for one in found)


def test_candidates_pass_an_encoder_over_when_it_cuts_more_than_one_row_in_twenty(models: Path) -> None:
    short, long = "x" * 100, "x" * 200  # the tiny encoder reads 128 bytes, the tiny decoder 512
    listed = {"select": {"candidates": ["encoder", "decoder"]}}
    rare = replace(CLASSIFY, sample=(short,) * 95 + (long,) * 5, bytes_per_row=105.0)
    often = replace(CLASSIFY, sample=(short,) * 94 + (long,) * 6, bytes_per_row=106.0)
    assert names(ranked(rare, folder=models, **listed)) == ["encoder", "decoder"]
    found = ranked(often, folder=models, **listed)
    assert names(found) == ["decoder", "encoder"]
    assert "reads 128 tokens and 95 % of the rows need at most about 200" in found[1].reason


def test_candidates_scale_the_sample_to_the_whole_row() -> None:
    """Rows have a text of 4000 bytes where the sample shows a quarter: at 3 bytes a token that is more than 512."""
    facts = replace(CLASSIFY, sample=("x" * 1000,) * 10, bytes_per_row=4000.0)
    assert names(ranked(facts))[0] == "smollm2-135m-instruct"
    assert names(ranked(replace(facts, bytes_per_row=1000.0)))[0] == "minilm-l6"


def test_candidates_prefer_the_model_whose_card_names_the_language(models: Path) -> None:
    (models / "encoder" / "README.md").write_text("---\nlanguage: de\n---\n")
    listed = {"select": {"candidates": ["starter:minilm-l6", "encoder"]}}
    found = ranked(replace(CLASSIFY, language="de"), folder=models, **listed)
    assert names(found) == ["encoder", "minilm-l6"]
    assert "its card names en, and the data look like de" in found[1].reason
    assert names(ranked(replace(CLASSIFY, language=""), folder=models, **listed)) == ["minilm-l6", "encoder"]


def test_candidates_say_so_when_no_card_names_the_language() -> None:
    assert (
        "mind that its card names en, and the data look like ko" in ranked(replace(CLASSIFY, language="ko"))[0].reason
    )


def test_candidates_take_the_larger_that_suits_then_the_one_named_first(models: Path) -> None:
    listed = ["encoder", "starter:minilm-l6"]
    assert names(ranked(CLASSIFY, folder=models, select={"candidates": listed})) == ["minilm-l6", "encoder"]
    save_tiny_encoder(models / "other", seed=1)
    found = ranked(CLASSIFY, folder=models, select={"candidates": ["other", "encoder"]})
    assert names(found) == ["other", "encoder"]
    assert "named later" in found[1].reason


def test_candidates_take_the_one_that_fits_when_the_better_one_does_not() -> None:
    found = ranked(CLASSIFY, need=lambda card: 20 * GIGA if card.architecture == "encoder" else GIGA)
    assert names(found) == ["smollm2-135m-instruct", "minilm-l6"]
    assert [one.fits for one in found] == [True, False]
    assert "would need about 20.0 of 9.0 GB" in found[1].reason


@pytest.mark.parametrize(
    ("limit", "machine", "fits"),
    [
        ("2GB", MACHINE, False),
        ("4GB", MACHINE, True),
        (None, MACHINE, True),
        (None, replace(MACHINE, memory_bytes=3 * GIGA), False),
        (None, replace(MACHINE, accelerator="gpu", accelerator_memory_bytes=2 * GIGA), False),
        (None, replace(MACHINE, memory_bytes=3 * GIGA, accelerator="gpu", accelerator_memory_bytes=8 * GIGA), True),
    ],
)
def test_candidates_respect_the_memory_that_can_be_used(limit: str | None, machine: Machine, fits: bool) -> None:
    def names_found() -> list[str]:
        return names(ranked(CLASSIFY, machine=machine, need=lambda card: 3 * GIGA, run={"memory_limit": limit}))

    if fits:
        assert names_found()
        return
    with pytest.raises(DoesNotFit) as caught:
        names_found()
    assert caught.value.need_bytes == 3 * GIGA
    assert "run.memory_limit" in caught.value.fix


def test_candidates_put_a_named_model_first_and_say_what_facts_would_choose(models: Path) -> None:
    found = ranked(CLASSIFY, folder=models, model={"name": "decoder"})
    assert names(found) == ["decoder", "minilm-l6", "smollm2-135m-instruct"]
    assert found[0].reason.startswith("named in the plan")
    assert "starter:minilm-l6 would come first" in found[0].reason
    assert "the plan names decoder" in found[1].reason


def test_candidates_let_a_named_model_go_on_when_it_seems_too_large() -> None:
    """resolve knows the batch and the method, and decides with exact numbers."""
    found = ranked(CLASSIFY, need=lambda card: 99 * GIGA, model={"name": "starter:minilm-l6"})
    assert (found[0].name, found[0].fits) == ("starter:minilm-l6", False)
    assert "would need about 99.0 of 9.0 GB" in found[0].reason


@pytest.mark.parametrize(("name", "why"), [("encoder", "writes none"), ("plain", "no chat template")])
def test_candidates_refuse_a_named_model_that_cannot_generate(models: Path, name: str, why: str) -> None:
    with pytest.raises(ModelError, match="cannot do the task generate") as caught:
        ranked(GENERATE, folder=models, model={"name": name})
    assert why in caught.value.why
    assert caught.value.fix == "model.name=starter:smollm2-135m-instruct"


def test_candidates_refuse_when_none_can_do_the_task(models: Path) -> None:
    with pytest.raises(ModelError, match="cannot do the task generate") as caught:
        ranked(GENERATE, folder=models, select={"candidates": ["encoder", "plain"]})
    assert caught.value.where == "select.candidates"


def test_candidates_accept_a_decoder_without_a_template_for_text(models: Path) -> None:
    found = ranked(replace(GENERATE, task="text"), folder=models, select={"candidates": ["encoder", "plain"]})
    assert [(one.name, one.task_fit) for one in found] == [
        ("plain", "good"),
        ("encoder", "an encoder reads text and writes none"),
    ]


def test_candidates_compare_each_model_once_however_it_is_written(models: Path) -> None:
    listed = ["encoder", "./encoder", str(models / "encoder"), "starter:minilm-l6", "starter:minilm-l6"]
    found = ranked(CLASSIFY, folder=models, model={"name": "encoder"}, select={"candidates": listed})
    assert names(found) == ["encoder", "minilm-l6"]


def test_candidates_stop_when_a_listed_model_does_not_exist(models: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        ranked(CLASSIFY, folder=models, select={"candidates": ["encoder", "./nowhere"]})


def failed(one: Candidate) -> list[str]:
    return [of.name for of in one.filters if not of.is_passed]


def test_filters_say_what_was_found_whether_it_passes_or_not(models: Path) -> None:
    first, second = ranked(GENERATE, folder=models, select={"candidates": ["encoder", "decoder"]})
    assert [of.name for of in first.filters] == ["task", "licence", "memory", "disk", "language", "words", "length"]
    assert (failed(first), failed(second)) == ([], ["task"])
    assert all(of.words for one in (first, second) for of in one.filters)
    assert {one.facts_from for one in (first, second)} == {"its own files"}


def test_candidates_pass_over_a_licence_that_the_plan_does_not_take(models: Path) -> None:
    (models / "encoder" / "README.md").write_text("---\nlicense: mit\n---\n")
    (models / "decoder" / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    listed = ["encoder", "decoder"]
    free = ranked(CLASSIFY, folder=models, select={"candidates": listed})
    assert [one.licence for one in free] == ["MIT", "Apache-2.0"]
    found = ranked(CLASSIFY, folder=models, select={"candidates": listed, "licences": ["apache-2.0"]})
    assert names(found) == ["decoder", "encoder"]
    assert failed(found[1]) == ["licence"]
    assert "its licence is MIT, and select.licences takes apache-2.0" in found[1].reason


def test_candidates_take_no_model_whose_licence_nobody_states_where_licences_are_named(models: Path) -> None:
    select = {"candidates": ["decoder"], "licences": ["MIT"]}
    with pytest.raises(ModelError, match="may be used") as caught:
        ranked(CLASSIFY, folder=models, select=select)
    assert caught.value.where == "select.licences"
    assert "no source states its licence" in caught.value.why
    with pytest.raises(ModelError, match=r"minilm-l6 may not be used"):
        ranked(CLASSIFY, model={"name": "starter:minilm-l6"}, select={"licences": ["MIT"]})


def test_candidates_count_tokens_that_a_vocabulary_does_not_know(models: Path) -> None:
    """The tiny tokenizers know every byte: with unk as the id of x, two of ten bytes are unknown."""
    tokenizer = json.loads((models / "encoder" / "tokenizer_config.json").read_text())
    (models / "encoder" / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "unk_token": "x"}))
    facts = replace(CLASSIFY, sample=("xxabcdefgh",))
    found = ranked(facts, folder=models, select={"candidates": ["encoder", "decoder"]})
    assert names(found) == ["decoder", "encoder"]
    assert [one.unknown_rate for one in found] == [0.0, 0.2]
    assert "20 % of the texts' tokens are unknown to it" in found[1].reason


def test_candidates_put_large_encoders_last_on_few_rows(models: Path) -> None:
    """Source of the rule: Mosbach et al. 2021. From 1,000 rows on the larger one is taken."""
    listed = {"select": {"candidates": ["google-bert/bert-base-uncased", "nvidia/megatron-bert-uncased-345m"]}}
    few = all_ranked(replace(CLASSIFY, n_rows={"train": 999}), **listed)
    many = all_ranked(replace(CLASSIFY, n_rows={"train": 1000}), **listed)
    assert names(few.candidates)[0] == "google-bert/bert-base-uncased"
    assert names(many.candidates)[0] == "nvidia/megatron-bert-uncased-345m"
    assert "unstably" in few.candidates[1].reason
    assert any("Mosbach" in rule for rule in few.rules)
    assert many.rules == ()
    assert "under 50" in all_ranked(replace(CLASSIFY, n_rows={"train": 49}), **listed).rules[0]


def test_candidates_that_are_not_here_are_described_by_the_catalogue_and_not_fetched() -> None:
    found = ranked(GENERATE, select={"candidates": ["Qwen/Qwen3-0.6B", "starter:smollm2-135m-instruct"]})
    assert [one.facts_from for one in found] == ["the catalogue", "our table of starter models"]
    assert not found[0].is_local
    assert found[0].fetch_bytes == 2 * 751_632_384
    assert "not fetched yet" in found[0].reason


def test_candidates_need_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"select": {"candidates": ["Qwen/Qwen3-0.6B", "starter:smollm2-135m-instruct"]}}
    free = namedtuple("free", "total used free")(GIGA, 0, GIGA)
    monkeypatch.setattr("tunewright.select.rank.shutil.disk_usage", lambda _: free)
    found = ranked(GENERATE, **listed)
    assert names(found) == ["smollm2-135m-instruct", "Qwen/Qwen3-0.6B"]
    assert failed(found[1]) == ["disk"]
    assert "about 1.5 GB have to be fetched, and 1.0 GB are free" in found[1].reason


def test_a_listed_model_that_cannot_be_used_is_left_out_and_named(models: Path) -> None:
    (models / "decoder" / "config.json").write_text("{broken")
    found = all_ranked(CLASSIFY, folder=models, select={"candidates": ["decoder", "encoder"]})
    assert names(found.candidates) == ["encoder"]
    assert [one.name for one in found.left_out] == ["decoder"]
    assert "config.json cannot be read" in found.left_out[0].reason
    with pytest.raises(ModelError, match="none of the 1 candidates can be used"):
        ranked(CLASSIFY, folder=models, select={"candidates": ["decoder"]})
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        ranked(CLASSIFY, folder=models, model={"name": "decoder"})


def test_a_listed_model_that_wants_code_is_left_out_unless_it_is_trusted(models: Path) -> None:
    path = models / "decoder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": {"AutoModel": "mine.Mine"}}))
    listed = {"select": {"candidates": ["decoder", "encoder"]}}
    found = all_ranked(CLASSIFY, folder=models, **listed)
    assert [one.name for one in found.left_out] == ["decoder"]
    assert "Python code of its own" in found.left_out[0].reason
    trusted = all_ranked(CLASSIFY, folder=models, model={"trust_remote_code": True}, **listed)
    assert trusted.left_out == ()


def test_an_architecture_that_transformers_does_not_know_is_refused_by_name(models: Path) -> None:
    path = models / "decoder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "flux_capacitor"}))
    with pytest.raises(ModelError, match="does not know the architecture flux_capacitor") as caught:
        ranked(CLASSIFY, folder=models, model={"name": "decoder"})
    assert "pip install -U transformers" in caught.value.fix


def test_offline_a_model_that_is_not_here_is_left_out_and_the_others_are_compared(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewright.model.find.constants.HF_HUB_OFFLINE", True)
    listed = ["Qwen/Qwen3-0.6B", "somebody/unknown", "encoder"]
    found = all_ranked(CLASSIFY, folder=models, select={"candidates": listed})
    assert names(found.candidates) == ["encoder"]
    assert [one.name for one in found.left_out] == ["Qwen/Qwen3-0.6B", "somebody/unknown"]
    assert all("HF_HUB_OFFLINE" in one.reason for one in found.left_out)


def test_models_that_nobody_named_are_said_to_be_left_out() -> None:
    (left,) = all_ranked(CLASSIFY).left_out
    assert "models of the catalogue" in left.name
    assert "nothing is fetched unasked" in left.reason
    assert all_ranked(CLASSIFY, select={"candidates": ["starter:minilm-l6"]}).left_out == ()

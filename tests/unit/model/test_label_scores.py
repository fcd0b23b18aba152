"""Labels from a generator: all at once as one at a time, whatever they share, and none but labels when written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import MistralConfig, MistralForCausalLM

from tests.tiny import save_tiny_decoder, tiny_card
from tunewright.core.values import Message
from tunewright.model import label_scores
from tunewright.model.constrained import constrained_labels
from tunewright.model.label_answers import label_answers, probabilities
from tunewright.model.label_scores import label_log_probabilities, without_longer
from tunewright.model.label_trie import label_ids, trie_of
from tunewright.model.load import Loaded, load_model
from tunewright.text.encode import encode_prompt
from tunewright.text.render import label_question

LABELS = ("card", "card_lost", "card_stolen", "fee", "z")
"""One begins two others; two share most of their tokens; one is a single token."""
TEXTS = ("my card is lost", "why", "a fee? and what does it cost", "ü", "zzz", "CARD", "9")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_model(
        tiny_card(save_tiny_decoder(tmp_path_factory.mktemp("decoder"), tied=False), "decoder"), task="generate"
    )


@pytest.fixture(scope="module")
def with_windows(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A model that sees 16 tokens back: its cache forgets, and a mask cannot stand for that."""
    folder = save_tiny_decoder(tmp_path_factory.mktemp("windows"))
    torch.manual_seed(3)
    config = MistralConfig(
        vocab_size=259,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=512,
        sliding_window=16,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    MistralForCausalLM(config).save_pretrained(folder)
    return decided(load_model(tiny_card(folder, "decoder"), task="generate"))


def decided(loaded: Loaded) -> Loaded:
    """With larger weights, so that what it says hangs on the text."""
    with torch.no_grad():
        for weight in loaded.model.parameters():
            if weight.ndim == 2:
                weight.mul_(6.0)
    return loaded


def questions() -> list[tuple[Message, ...]]:
    return [label_question(text, labels=LABELS) for text in TEXTS]


def log_p_of_tokens(loaded: Loaded, question: Sequence[Message], ids: Sequence[int]) -> list[float]:
    """The naive loop: one label, one forward pass, one token after the other."""
    prompt = list(encode_prompt(question, tokenizer=loaded.tokenizer).ids)
    with torch.inference_mode():
        log_p_TV = loaded.model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0].log_softmax(-1)
    return [float(log_p_TV[len(prompt) - 1 + i, token]) for i, token in enumerate(ids)]


def naive(loaded: Loaded) -> np.ndarray:
    ids = label_ids(LABELS, tokenizer=loaded.tokenizer)
    return np.array([[sum(log_p_of_tokens(loaded, question, some)) for some in ids] for question in questions()])


@pytest.mark.parametrize("pass_tokens", [1, 10_000])
def test_labels_side_by_side_equal_one_forward_pass_each(
    loaded: Loaded, pass_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows alone and rows of several lengths in one pass."""
    monkeypatch.setattr(label_scores, "PASS_TOKENS", pass_tokens)
    told: list[int] = []
    found = label_log_probabilities(loaded, questions(), labels=LABELS, progress=told.append)
    ids = label_ids(LABELS, tokenizer=loaded.tokenizer)
    np.testing.assert_allclose(found, without_longer(naive(loaded), ids), atol=1e-4)
    assert told[-1] == len(TEXTS)


def test_questions_that_begin_alike_in_their_own_chunk_only_are_scored_alike(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = label_log_probabilities(loaded, questions(), labels=LABELS)
    monkeypatch.setattr(label_scores, "CHUNK_QUESTIONS", 3)
    np.testing.assert_allclose(label_log_probabilities(loaded, questions(), labels=LABELS), whole, atol=1e-4)


def test_a_family_whose_cache_forgets_is_scored_label_by_label(with_windows: Loaded) -> None:
    found = label_log_probabilities(with_windows, questions(), labels=LABELS)
    ids = label_ids(LABELS, tokenizer=with_windows.tokenizer)
    np.testing.assert_allclose(found, without_longer(naive(with_windows), ids), atol=1e-4)


def test_a_label_that_begins_another_is_left_what_the_longer_one_does_not_take() -> None:
    """P(begins with 1) = .5, of which .3 goes on to (1, 2) and of that .1 to (1, 2, 3)."""
    log_p_NL = np.log([[0.5, 0.3, 0.1, 0.2]])
    found = np.exp(without_longer(log_p_NL, [(1,), (1, 2), (1, 2, 3), (4,)]))
    np.testing.assert_allclose(found, [[0.2, 0.2, 0.1, 0.2]])


def test_a_label_keeps_a_finite_score_when_longer_ones_take_all_of_it() -> None:
    found = without_longer(np.array([[-1.0, -1.0 + 1e-7]]), [(1,), (1, 2)])
    assert np.isfinite(found).all()
    assert found[0, 0] < found[0, 1]


@pytest.mark.parametrize("family", ["loaded", "with_windows"])
def test_constrained_decoding_takes_the_likeliest_way_through_the_labels(
    family: str, request: pytest.FixtureRequest
) -> None:
    """Oracle: at each token the best of the labels that are left, by a pass of its own; `card` ends by an end."""
    model: Loaded = request.getfixturevalue(family)
    found = []
    for labels in (LABELS, LABELS[:4], LABELS[:3], LABELS[1:3], ("no", "nein", "ja", "jain")):
        asked = [label_question(text, labels=labels) for text in TEXTS]
        expected = [greedy(model, question, labels) for question in asked]
        assert [labels[i] for i in constrained_labels(model, asked, labels=labels)] == expected
        found += expected
    assert len(set(found)) > 3, "the tiny model says the same whatever it is asked"


def greedy(model: Loaded, question: Sequence[Message], labels: Sequence[str]) -> str:
    ids, ends = label_ids(labels, tokenizer=model.tokenizer), (model.tokenizer.eos_token_id,)
    left, depth = list(range(len(labels))), 0
    while len(left) > 1:
        ways = {i: (*ids[i][:depth], *(ids[i][depth : depth + 1] or ends)) for i in left}
        scores = {i: log_p_of_tokens(model, question, way)[-1] for i, way in ways.items()}
        best = ids[max(left, key=lambda i: scores[i])][depth : depth + 1]
        left, depth = [i for i in left if ids[i][depth : depth + 1] == best], depth + 1
    return labels[left[0]]


def test_constrained_decoding_writes_the_label_that_begins_others_when_an_end_is_likeliest(loaded: Loaded) -> None:
    """Labels a and ab: the model's own end token decides."""
    labels = ("a", "ab")
    (asked,) = [label_question("hi", labels=labels)]
    end = loaded.tokenizer.eos_token_id
    a, b = label_ids(labels, tokenizer=loaded.tokenizer)[1]
    stops, goes_on = (log_p_of_tokens(loaded, asked, (a, token))[1] for token in (end, b))
    assert constrained_labels(loaded, [asked], labels=labels).tolist() == [int(goes_on > stops)]


def test_rules_are_the_likelihood_itself_a_byte_and_less_the_likelihood_without_text(loaded: Loaded) -> None:
    ids = label_ids(LABELS, tokenizer=loaded.tokenizer)
    sums_NL = without_longer(naive(loaded), ids)
    blank = label_question("", labels=LABELS)
    blank_L = np.array([sum(log_p_of_tokens(loaded, blank, some)) for some in ids])
    without_L = without_longer(blank_L[None], ids)[0]
    expected = {
        "sum": sums_NL,
        "bytes": sums_NL / [len(label) for label in LABELS],
        "pmi": sums_NL - without_L,
    }
    for rule, scores_NL in expected.items():
        found = label_answers(loaded, questions(), labels=LABELS, rule=rule, blank=lambda _: blank)  # type: ignore[arg-type]
        assert found.labels == tuple(LABELS[i] for i in scores_NL.argmax(1)), rule
        if rule == "bytes":
            assert found.probabilities_NL is None
            continue
        softmax = np.exp(scores_NL) / np.exp(scores_NL).sum(1, keepdims=True)
        assert found.probabilities_NL is not None
        np.testing.assert_allclose(found.probabilities_NL, softmax, atol=1e-4)


def test_probabilities_of_sums_are_the_models_own_given_that_it_answers_a_label() -> None:
    log_p_NL = np.log([[0.02, 0.06]])
    np.testing.assert_allclose(probabilities(log_p_NL, rule="sum"), [[0.25, 0.75]])
    assert probabilities(log_p_NL, rule="bytes") is None


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple), min_size=1, max_size=6, unique=True))
def test_trie_spells_every_label_and_reads_nothing_that_is_not_followed(labels: list[tuple[int, ...]]) -> None:
    trie = trie_of(labels)
    for label, path in zip(labels, trie.paths, strict=True):
        assert tuple(trie.edges_E[e][1] for e in path) == label
        befores = [trie.edges_E[e][0] for e in path]
        assert befores[0] == -1
        assert [trie.tokens_F[f] for f in befores[1:]] == list(label[:-1])
        assert [trie.depths_F[f] for f in befores[1:]] == list(range(len(label) - 1))
    assert {before for before, _ in trie.edges_E} - {-1} == set(range(len(trie.tokens_F)))
    beginnings = {label[:n] for label in labels for n in range(1, len(label) + 1)}
    assert len(trie.edges_E) == len(beginnings)

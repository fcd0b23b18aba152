"""Confidence: asked in a batch as asked alone, of the answer alone, and of nothing that the model did not write."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import tiny_card
from tunewright.core.values import Encoded, Message, Row
from tunewright.explain import confidence
from tunewright.explain.confidence import Answer, Confidence, confidences, own_answer
from tunewright.model.classes import class_probabilities
from tunewright.model.load import Loaded, load_model
from tunewright.model.score import answer_scores
from tunewright.text.chat import end_token_ids
from tunewright.text.encode import encode, encode_prompt
from tunewright.text.render import render

LABELS = ("card_lost", "fee", "other")
TEXTS = ("my card is lost", "fee?", "why is there such a high fee on my account", "card")
TURNS = (
    Message("user", "Say one"),
    Message("assistant", "one", is_trained=True),
    Message("user", "Say two"),
    Message("assistant", "a reference", is_trained=True),
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def classifier(tiny_encoder: Path) -> Loaded:
    torch.manual_seed(0)
    loaded = load_model(tiny_card(tiny_encoder, "encoder"), task="classify", labels=LABELS)
    with torch.no_grad():
        loaded.model.head.weight.normal_(std=0.5)  # type: ignore[union-attr, operator]
    return loaded


@pytest.fixture(scope="module")
def writer(tiny_decoder: Path) -> Loaded:
    return load_model(tiny_card(tiny_decoder, "decoder"), task="generate")


def test_confidence_is_the_label_probability_of_each_text_alone(classifier: Loaded) -> None:
    rows = [Row(f"a:{i}", text=text) for i, text in enumerate(TEXTS)]
    found = confidences(classifier, rows, answer=Answer("fee"), max_length=64)
    for row, one in zip(rows, found, strict=True):
        example = render(row, task="classify", labels=LABELS)
        [p_C] = class_probabilities(classifier, encode([example], tokenizer=classifier.tokenizer, task="classify"))
        assert one.probability == pytest.approx(p_C[LABELS.index("fee")], rel=1e-5)
        assert one.log_p_nats == pytest.approx(math.log(one.probability))


def test_own_answer_is_the_label_that_confidence_puts_first(classifier: Loaded) -> None:
    for text in TEXTS:
        row = Row("a:1", text=text)
        answer = own_answer(classifier, row, max_length=64, max_new_tokens=1)
        ranked = {
            label: confidences(classifier, [row], answer=Answer(label), max_length=64)[0].probability
            for label in LABELS
        }
        assert answer.text == max(ranked, key=lambda label: ranked[label])
        assert sum(ranked.values()) == pytest.approx(1)


def answer_of(loaded: Loaded, text: str, *, is_stopped: bool = True) -> Answer:
    """As if the model had written it."""
    end = end_token_ids(loaded.tokenizer)[:1] if is_stopped else ()
    return Answer(text, ids=(*loaded.tokenizer(text)["input_ids"], *end), prompt_tokens=256)


def test_confidence_is_of_the_answer_alone_when_a_conversation_has_earlier_answers(writer: Loaded) -> None:
    [found] = confidences(writer, [Row("a:1", messages=TURNS)], answer=answer_of(writer, "two"), max_length=256)
    assert found.n_tokens == len("two") + 1, "its bytes and the end token, not the first answer's"


def test_confidence_is_that_of_a_training_row_with_this_answer(writer: Loaded) -> None:
    turns = (*(replace(turn, is_trained=False) for turn in TURNS[:3]), Message("assistant", "two", is_trained=True))
    example = render(Row("a:1", messages=turns), task="generate", labels=())
    [score] = answer_scores(writer, encode([example], tokenizer=writer.tokenizer, task="generate"))
    [found] = confidences(writer, [Row("a:1", messages=TURNS)], answer=answer_of(writer, "two"), max_length=256)
    assert found.n_tokens == score.n_tokens
    assert found.log_p_nats == pytest.approx(-score.nats, rel=1e-6)


def test_confidence_leaves_the_end_out_when_the_cap_ended_the_answer(writer: Loaded) -> None:
    row = Row("a:1", messages=TURNS)
    [ended] = confidences(writer, [row], answer=answer_of(writer, "two"), max_length=256)
    [cut] = confidences(writer, [row], answer=answer_of(writer, "two", is_stopped=False), max_length=256)
    assert (ended.n_tokens, cut.n_tokens) == (4, 3)
    assert cut.log_p_nats > ended.log_p_nats


def test_confidence_does_not_depend_on_the_reference_of_the_row(writer: Loaded) -> None:
    row = Row("a:1", messages=TURNS)
    other = replace(row, messages=(*TURNS[:3], Message("assistant", "something else", is_trained=True)))
    one, two = (confidences(writer, [asked], answer=answer_of(writer, "two"), max_length=256) for asked in (row, other))
    assert one == two


def test_own_answer_has_no_end_when_the_cap_ended_it(writer: Loaded) -> None:
    answer = own_answer(writer, Row("a:1", messages=TURNS), max_length=256, max_new_tokens=3)
    assert len(answer.ids) == 3
    assert not set(answer.ids) & set(end_token_ids(writer.tokenizer)), "an untrained model does not know the end"


def test_own_answer_has_its_end_when_the_model_ended_it(tiny_decoder: Path) -> None:
    ready = load_model(tiny_card(tiny_decoder, "decoder"), task="generate")
    end, *_ = end_token_ids(ready.tokenizer)
    with torch.no_grad():  # whatever it reads, the end is what it says next
        ready.model.get_output_embeddings().weight[:] = 0.0  # type: ignore[operator]
        hook = ready.model.get_output_embeddings().register_forward_hook(  # type: ignore[operator]
            lambda _, __, logits_BTV: logits_BTV.index_fill(-1, torch.tensor([end]), 9.0)
        )
    answer = own_answer(ready, Row("a:1", messages=TURNS), max_length=256, max_new_tokens=3)
    [found] = confidences(ready, [Row("a:1", messages=TURNS)], answer=answer, max_length=256)
    hook.remove()
    assert (answer.text, answer.ids, found.n_tokens) == ("", (end,), 1)
    assert found.probability > 0.9


@pytest.mark.parametrize("n_words", [20, 400], ids=["longer than a training row", "longer than the context"])
def test_confidence_is_asked_with_the_prompt_that_the_answer_was_written_after(
    writer: Loaded, monkeypatch: pytest.MonkeyPatch, n_words: int
) -> None:
    row = Row("a:1", messages=(Message("user", "tell me " * n_words), Message("assistant", "", is_trained=True)))
    answer = own_answer(writer, row, max_length=64, max_new_tokens=3)
    limit = writer.card.context_tokens - 3
    written_after = encode_prompt(row.messages[:1], tokenizer=writer.tokenizer, max_length=limit).ids
    scored: list[Encoded] = []

    def scoring(loaded: Loaded, encoded: Sequence[Encoded]) -> Any:
        scored.extend(encoded)
        return answer_scores(loaded, encoded)

    monkeypatch.setattr(confidence, "answer_scores", scoring)
    confidences(writer, [row], answer=answer, max_length=64)
    assert 64 < len(written_after) <= limit
    assert scored[0].ids == (*written_after, *answer.ids)
    assert sum(scored[0].trained) == 3


def test_probability_of_a_long_answer_is_that_of_its_tokens_in_the_mean() -> None:
    assert Confidence(4 * math.log(0.5), 4).probability == pytest.approx(0.5)
    assert math.isnan(Confidence(math.nan, 0).probability)

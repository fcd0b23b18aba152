"""Prompting with examples: the nearest train rows, as many as fit, asked and scored as the base is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny import save_tiny_decoder, tiny_card
from tunewright.core.plan import Plan
from tunewright.core.values import Message, Row, Subject
from tunewright.evaluate.able import why_not
from tunewright.evaluate.asking import Asked, label_predictions, language_predictions
from tunewright.evaluate.rivals.few_shot import MOST_SHOWN, fitting, shown_rows
from tunewright.model.label_answers import label_answers
from tunewright.model.load import Loaded, load_model
from tunewright.text.encode import encode_prompt
from tunewright.text.nearest import nearest
from tunewright.text.render import label_question

LABELS = ("loss", "fees")
TRAIN = (
    Row("train:2", text="the card is lost", label="loss"),
    Row("train:3", text="why is there a fee", label="fees"),
    Row("train:4", text="a fee for what", label="fees"),
    Row("train:5", text="the lost card", label="unknown"),
)
TEST = (Row("test:2", text="a fee", label="fees"), Row("test:3", text="lost the card", label="loss"))


def talk(row_id: str, *contents: str) -> Row:
    roles = ("user", "assistant")
    return Row(row_id, messages=tuple(Message(roles[i % 2], c, is_trained=i % 2 == 1) for i, c in enumerate(contents)))


TALKS = (
    talk("train:2", "say one", "1"),
    talk("train:3", "say two", "2"),
    talk("train:4", "hello", "hi", "bye", "see you"),
)
ASKED = (talk("test:2", "say two three", "23"), talk("test:3", "bye", "ciao"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = save_tiny_decoder(tmp_path_factory.mktemp("decoder"), tied=False)
    loaded = load_model(tiny_card(folder, "decoder"), task="generate")
    with torch.no_grad():  # larger weights, so that what it says hangs on what stands before
        for weight in loaded.model.parameters():
            if weight.ndim == 2:
                weight.mul_(6.0)
    return loaded


def asked(loaded: Loaded, test: tuple[Row, ...], train: tuple[Row, ...], **evaluate: object) -> Asked:
    task = "generate" if test[0].messages else "classify"
    plan = Plan.model_validate(
        {"task": task, "prepare": {"max_length": 256}, "evaluate": {"max_new_tokens": 6, "limit": 1, **evaluate}}
    )
    shown = shown_rows(train, test, labels=LABELS)
    return Asked(loaded, "few_shot", plan, LABELS, test, lambda event: None, shown)


def test_shown_rows_are_the_nearest_train_rows_with_a_known_label() -> None:
    found = shown_rows(TRAIN, TEST, labels=LABELS)
    assert [row.row_id for row in found["test:2"]] == ["train:4", "train:3", "train:2"]
    assert [row.row_id for row in found["test:3"]] == ["train:2", "train:3", "train:4"]


def test_shown_rows_are_never_more_than_the_cap() -> None:
    many = tuple(Row(f"train:{i}", text=f"fee {i}", label="fees") for i in range(2, 40))
    assert len(shown_rows(many, TEST, labels=LABELS)["test:2"]) == MOST_SHOWN


def test_conversations_whose_turns_do_not_alternate_are_not_shown() -> None:
    odd = Row("train:9", messages=(Message("user", "say"), Message("user", "two three"), Message("assistant", "23")))
    without = talk("train:8", "say two three", "")
    found = shown_rows((*TALKS, odd, without), ASKED, labels=())
    assert [row.row_id for row in found["test:2"]] == ["train:3", "train:2", "train:4"]


def test_fitting_drops_the_farthest_first_and_puts_the_nearest_last() -> None:
    assert fitting(TRAIN, fits=lambda some: len(some) <= 2) == (TRAIN[1], TRAIN[0])
    assert fitting(TRAIN, fits=lambda some: False) == ()


def test_nearest_goes_by_order_when_nothing_is_a_word() -> None:
    assert nearest(["!", "?", "."], ["a", "b"], n=2) == ((0, 1), (0, 1))


def test_nearest_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    known, texts = [row.text for row in TRAIN], [f"{row.text} {i}" for i, row in enumerate(TRAIN * 3)]
    whole = nearest(known, texts, n=3)
    monkeypatch.setattr("tunewright.text.nearest.PART_SCORES", 1)
    assert nearest(known, texts, n=3) == whole


def test_a_label_is_asked_with_the_examples_before_the_text(loaded: Loaded) -> None:
    one = asked(loaded, TEST, TRAIN, label_scoring="sum")
    question = label_question(
        "a fee",
        labels=LABELS,
        shown=[("the card is lost", "loss"), ("why is there a fee", "fees"), ("a fee for what", "fees")],
    )
    assert [m.content for m in question] == [
        "Which of these labels fits the text best?\nLabels: loss, fees\nText: the card is lost\nLabel:",
        "loss",
        "Text: why is there a fee\nLabel:",
        "fees",
        "Text: a fee for what\nLabel:",
        "fees",
        "Text: a fee\nLabel:",
    ]
    expected = label_answers(loaded, [question], labels=LABELS, rule="sum", blank=lambda _: ())
    found = label_predictions(one)
    assert [p.row_id for p in found] == ["test:2", "test:3"]
    assert found[0].answer == expected.labels[0]
    assert expected.probabilities_NL is not None
    np.testing.assert_allclose(found[0].probabilities, expected.probabilities_NL[0], atol=1e-5)
    alone = label_predictions(replace(one, shown={}))
    assert alone[0].probabilities != pytest.approx(found[0].probabilities, abs=1e-4)


def test_fewer_examples_are_shown_when_the_context_is_short(loaded: Loaded) -> None:
    """Just room for the nearest example, and a label of 4 tokens."""
    one = label_question("a fee", labels=LABELS, shown=[("a fee for what", "fees")])
    n_tokens = len(encode_prompt(one, tokenizer=loaded.tokenizer)) + 4
    short = replace(loaded, card=replace(loaded.card, context_tokens=n_tokens))
    expected = label_answers(short, [one], labels=LABELS, rule="sum", blank=lambda _: ())
    assert expected.probabilities_NL is not None
    np.testing.assert_allclose(
        label_predictions(asked(short, TEST, TRAIN, label_scoring="sum"))[0].probabilities,
        expected.probabilities_NL[0],
        atol=1e-5,
    )


def test_references_are_scored_behind_the_examples_and_nothing_else_is(loaded: Loaded) -> None:
    found = language_predictions(asked(loaded, ASKED, TALKS))
    for prediction, row, shown in zip(found, ASKED, ((2, 0, 1), (1, 0, 2)), strict=True):
        messages = [m for i in shown for m in TALKS[i].messages] + list(row.messages)
        turns = [{"role": m.role, "content": m.content} for m in messages]
        tokenizer = loaded.tokenizer
        prompt = tokenizer.apply_chat_template(turns[:-1], tokenize=False, add_generation_prompt=True)
        ids, answer = (
            tokenizer(t, add_special_tokens=False)["input_ids"] for t in (prompt, f"{turns[-1]['content']}<|im_end|>")
        )
        with torch.inference_mode():
            log_p_TV = loaded.model(input_ids=torch.tensor([ids + answer])).logits[0].log_softmax(-1)
        nats = -sum(float(log_p_TV[len(ids) - 1 + i, token]) for i, token in enumerate(answer))
        assert prediction.reference_nats == pytest.approx(nats, abs=1e-3)
        assert prediction.reference_bytes == len(turns[-1]["content"])


def test_a_row_without_room_for_an_example_is_scored_as_the_base_scores_it(loaded: Loaded) -> None:
    long = (talk("test:2", "x" * 300, "y" * 300),)
    shown = language_predictions(asked(loaded, long, TALKS))
    alone = language_predictions(replace(asked(loaded, long, TALKS), shown={}))
    assert shown[0].reference_nats == alone[0].reference_nats
    assert not math.isnan(shown[0].reference_nats)


def test_few_shot_says_why_it_cannot_run(loaded: Loaded) -> None:
    subject = Subject(
        name="tuned",
        folder="",
        card=loaded.card,
        task="classify",
        labels=LABELS,
        max_length=64,
        device="cpu",
        dtype="float32",
        threads=1,
    )
    assert why_not("few_shot", task="classify", subject=subject, train=TRAIN) == ""
    encoder = replace(subject, card=replace(loaded.card, architecture="encoder"))
    assert "encoder" in why_not("few_shot", task="classify", subject=encoder, train=TRAIN)
    assert "text" in why_not("few_shot", task="text", subject=subject, train=TRAIN)
    assert "no train row" in why_not("few_shot", task="classify", subject=subject, train=TRAIN[3:])
    mute = replace(subject, card=replace(loaded.card, has_chat_template=False))
    assert "chat template" in why_not("few_shot", task="classify", subject=mute, train=TRAIN)

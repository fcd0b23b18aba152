"""The system api:NAME: rows become questions, answers become Predictions, and the price is what the prices say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_api import Body, Response, fake_api, last_turn, said
from tests.unit.evaluate.asked_over import LABELS, contest_of, written_rows
from tunewright.core.events import Event, NoteEvent
from tunewright.core.values import Message, Prediction, Row
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.remote.answers import NO_LABEL, api_predictions, api_record, label_in
from tunewright.evaluate.statistics.compare import compare
from tunewright.evaluate.statistics.over_seeds import compare_over_seeds
from tunewright.text.render import label_question

LABELLED = tuple(
    Row(f"test:{i}", text=text, label=label)
    for i, (text, label) in enumerate(
        [("gone", "card_lost"), ("costs", "fee"), ("hm", "fee"), ("lost", "card_lost"), ("why", "fee")]
    )
)
SAYS = {"gone": "card_lost", "costs": "Label: **Fee**", "hm": "I cannot tell", "lost": "fee"}


def test_written_rows_are_asked_without_their_answer_and_at_temperature_0(tmp_path: Path) -> None:
    row = Row(
        "test:1",
        messages=(Message("system", "be short"), Message("user", "2+2?"), Message("assistant", "4", is_trained=True)),
    )
    with fake_api(lambda body: said("four", end="length", tokens=(12, 8))) as api:
        (found,) = api_predictions(contest_of([row], url=api.url, folder=tmp_path), "api:gpt")
    turns = [{"role": "system", "content": "be short"}, {"role": "user", "content": "2+2?"}]
    assert api.bodies == [{"model": "big", "messages": turns, "temperature": 0, "max_tokens": 8}]
    assert api.keys == [None]
    assert (found.answer, found.reference, found.is_stopped, found.n_tokens) == ("four", "4", False, 8)
    assert math.isnan(found.reference_nats)


def test_body_of_the_plan_replaces_adds_and_leaves_out(tmp_path: Path) -> None:
    body = {"max_tokens": None, "max_completion_tokens": 99, "temperature": 1, "chat_template_kwargs": {"think": False}}
    with fake_api(lambda body: said("x")) as api:
        api_predictions(contest_of(written_rows(1), url=api.url, folder=tmp_path, body=body), "api:gpt")
    (sent,) = api.bodies
    assert sent.keys() == {"model", "messages", "temperature", "max_completion_tokens", "chat_template_kwargs"}
    assert (sent["temperature"], sent["max_completion_tokens"]) == (1, 99)


def _classified(tmp_path: Path) -> tuple[Prediction, ...]:
    def answer(body: Body) -> Response:
        text = last_turn(body).rpartition("Text: ")[2].partition("\n")[0]
        return said(SAYS[text]) if text in SAYS else Response("too odd", 400)

    with fake_api(answer) as api:
        found = api_predictions(contest_of(LABELLED, url=api.url, folder=tmp_path, task="classify"), "api:gpt")
    asked = [body["messages"] for body in api.bodies]
    for row in LABELLED:
        question = [{"role": m.role, "content": m.content} for m in label_question(row.text, labels=LABELS)]
        assert question in asked
    assert {body["max_tokens"] for body in api.bodies} == {len("card_lost")}
    return found


def test_labels_are_read_however_they_are_written_and_no_label_is_wrong(tmp_path: Path) -> None:
    found = _classified(tmp_path)
    assert [p.answer for p in found[:4]] == ["card_lost", "fee", NO_LABEL, "fee"]
    assert [p.is_missing for p in found] == [False, False, False, False, True]
    measured = metrics(found, task="classify", labels=LABELS, wanted=("accuracy", "balanced_accuracy", "log_loss"))
    assert (measured["accuracy"].value, measured["accuracy"].n) == (0.5, 4)  # of the four that were answered
    assert measured["balanced_accuracy"].value == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert measured["log_loss"].n == 0


def test_a_missing_row_counts_for_neither_side_of_a_comparison(tmp_path: Path) -> None:
    theirs = _classified(tmp_path)
    ours = tuple(Prediction(row.row_id, "tuned", answer=row.label or "", reference=row.label or "") for row in LABELLED)
    for metric in ("accuracy", "f1_macro"):
        found = compare(ours, theirs, metric=metric, task="classify", labels=LABELS)
        assert (found.a, found.b) == ("tuned", "api:gpt")
        assert "4 rows" in found.test
    assert compare(ours, theirs, metric="accuracy", task="classify", labels=LABELS).difference == 0.5


def test_a_missing_row_counts_for_none_of_several_trainings(tmp_path: Path) -> None:
    """Trainings right in all rows and in all but test:0, which they answered: 1 and .75 of the four, against .5."""
    theirs = _classified(tmp_path)
    right = tuple(
        Prediction(row.row_id, "tuned", answer=row.label or "", reference=row.label or "") for row in LABELLED
    )
    other = (replace(right[0], answer="fee"), *right[1:])
    for metric in ("accuracy", "balanced_accuracy"):
        found = compare_over_seeds([right, other], theirs, metric=metric, task="classify", labels=LABELS)
        assert found.difference == pytest.approx((1 + 0.75) / 2 - 0.5)
        assert "4 rows" in found.test


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("fee", "fee"),
        (" Fee.\n", "fee"),
        ("fee\n\nBecause it costs.", "fee"),
        ("label: card lost", "card_lost"),
        ("C++", "C++"),
        ("C", "C"),
        ("c", NO_LABEL),
        ("fee or card_lost", NO_LABEL),
        ("no fee", NO_LABEL),
        ("", NO_LABEL),
    ],
)
def test_label_in_takes_one_label_and_nothing_else(answer: str, label: str) -> None:
    assert label_in(answer, ("fee", "card_lost", "C", "C++", "…")) == label  # C and C++ differ in no letter


def test_price_tokens_and_missing_rows_are_told(tmp_path: Path) -> None:
    """Two rows ask the same and are asked once; one is refused: 2 questions of 10 tokens in and 2 out are paid."""
    rows = (*written_rows(3), Row("test:again", messages=written_rows(1)[0].messages))
    heard: list[Event] = []

    def answer(body: Body) -> Response:
        return Response('{"error": {"message": "too long"}}', 400) if last_turn(body) == "say 2" else said("yes")

    with fake_api(answer) as api:
        contest = contest_of(rows, url=api.url, folder=tmp_path, price_in=3.0, price_out=15.0, tell=heard.append)
        found = api_predictions(contest, "api:gpt")
        record = api_record(contest, "api:gpt")
    assert len(api.bodies) == 3
    assert [p.is_stopped for p in found] == [True, True, None, True]
    assert record["missing"] == {"test:2": "HTTP 400, it says too long"}
    assert (record["rows"], record["answered"]) == (4, 3)
    assert (record["tokens_in"], record["tokens_out"]) == (20, 4)
    assert record["price"] == pytest.approx((20 * 3 + 4 * 15) / 1e6)
    assert record["price_per_1000"] == pytest.approx(1000 * (10 * 3 + 2 * 15) / 1e6)
    assert record["is_local"]
    notes = [event.text for event in heard if isinstance(event, NoteEvent)]
    assert len(notes) == 3
    assert notes[0].endswith("bits_per_byte cannot compare it: evaluate.primary_metric=chrf does")
    assert "on this machine" in notes[1]
    assert "test:2: HTTP 400, it says too long" in notes[2]


def test_price_is_not_known_where_an_answer_tells_no_tokens(tmp_path: Path) -> None:
    def answer(body: Body) -> Response:
        return said("x", tokens=None if last_turn(body) == "say 1" else (10, 2))

    with fake_api(answer) as api:
        contest = contest_of(written_rows(2), url=api.url, folder=tmp_path, price_in=3.0)
        api_predictions(contest, "api:gpt")
        record = api_record(contest, "api:gpt")
    assert (record["tokens_in"], record["price"], record["price_per_1000"]) == (None, None, None)
    assert record["missing"] == {}

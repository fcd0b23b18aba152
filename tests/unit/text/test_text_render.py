"""Render: a row as its task sees it, in every stage the same."""

from __future__ import annotations

import pytest

from tunewright.core.values import Example, Message, Row, Task
from tunewright.text.render import label_question, prompt_of, reference_of, render

ASK, ANSWER = Message("user", "2+2?"), Message("assistant", "4", is_trained=True)


@pytest.mark.parametrize(("label", "index"), [("a", 0), ("b", 1), ("unseen", None), (None, None)])
def test_render_gives_the_label_its_place_or_none(label: str | None, index: int | None) -> None:
    row = Row("test:3", text="hi", label=label)

    assert render(row, task="classify", labels=("a", "b")) == Example("test:3", text="hi", label_index=index)


@pytest.mark.parametrize(
    ("task", "example"),
    [("generate", Example("train:1", messages=(ASK, ANSWER))), ("text", Example("train:1", text="a document"))],
)
def test_render_takes_only_what_the_task_reads(task: Task, example: Example) -> None:
    assert render(Row("train:1", text="a document", label="a", messages=(ASK, ANSWER)), task=task) == example


@pytest.mark.parametrize(
    ("messages", "n_prompt", "reference"),
    [
        ((ASK, ANSWER), 1, "4"),
        ((ASK,), 1, ""),
        ((), 0, ""),
        ((ASK, ANSWER, ASK, Message("assistant", "5")), 3, "5"),
        ((ASK, ANSWER, Message("user", "thanks")), 1, "4"),
    ],
)
def test_prompt_and_reference_part_at_the_last_answer(
    messages: tuple[Message, ...], n_prompt: int, reference: str
) -> None:
    assert prompt_of(messages) == messages[:n_prompt]
    assert reference_of(messages) == reference


def test_label_question_names_every_label_and_the_text() -> None:
    (question,) = label_question("my parcel is late", labels=("refund", "delivery"))

    assert question.role == "user"
    assert "Labels: refund, delivery" in question.content
    assert "my parcel is late" in question.content
    assert question.content.endswith("Label:")

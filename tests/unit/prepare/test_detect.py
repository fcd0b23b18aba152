"""What columns mean is found, said with its reason, and never overrides what a person named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.shared_data import shared_data
from tunewright.core.errors import DataError
from tunewright.core.plan import DataPlan, Plan
from tunewright.prepare.detect import shape
from tunewright.tables.read import read_table
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record, Table

TEXTS = tuple(f"a sentence about parcel number {i}" for i in range(40))


def table(**columns: Any) -> Table:
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    records = tuple(Record(f"train:{i}", dict(zip(names, row, strict=True))) for i, row in enumerate(rows, 2))
    return Table(Path("t.csv"), "csv", names, records, (), (), {}, len(records), "t.csv: csv")


def found(columns: dict[str, Any], *, task: str | None = None, **data: Any) -> Shape:
    plan = Plan(data=DataPlan(**data)) if task is None else Plan(task=task, data=DataPlan(**data))  # type: ignore[arg-type]
    return shape(table(**columns), plan=plan)


def many(*values: Any) -> tuple[Any, ...]:
    return tuple(values[i % len(values)] for i in range(len(TEXTS)))


def reason(made: Shape, field: str) -> str:
    return next(choice.reason for choice in made.choices if choice.field == field)


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        ({"text": TEXTS, "label": many(0, 1)}, "text", "label"),
        ({"v1": many("ham", "spam"), "v2": TEXTS}, "v2", "v1"),
        ({"id": range(40), "question": TEXTS, "intent": many("a", "b", "c")}, "question", "intent"),
        ({"country": many("de", "fr"), "utterance": TEXTS, "category": many("x", "y")}, "utterance", "category"),
        ({"Q": TEXTS, "A": TEXTS[::-1], "label": many("0", "1")}, "Q", "label"),
        ({"title": many("hi", "ho"), "body": TEXTS, "stars": many(1, 5)}, "body", "stars"),
        ({"text": TEXTS[:4] * 10, "label": ("x", "y") * 20}, "text", "label"),
    ],
)
def test_shape_is_classify_when_text_stands_beside_few_values(columns: dict[str, Any], text: str, label: str) -> None:
    made = found(columns)
    assert (made.task, made.kind) == ("classify", "labelled")
    assert (made.text_column, made.label_column) == (text, label)
    assert made.mapping == f"text <- {text}, label <- {label}"


@pytest.mark.parametrize(
    ("columns", "kind", "mapping"),
    [
        ({"question": TEXTS, "answer": TEXTS[::-1]}, "prompt_completion", "prompt <- question, completion <- answer"),
        ({"Prompt": TEXTS, "Completion": TEXTS}, "prompt_completion", "prompt <- Prompt, completion <- Completion"),
        (
            {"instruction": TEXTS, "input": TEXTS, "output": TEXTS},
            "alpaca",
            "prompt <- instruction + input, completion <- output",
        ),
        (
            {"instruction": TEXTS, "context": TEXTS, "response": TEXTS, "category": many("qa", "chat")},
            "alpaca",
            "prompt <- instruction + context, completion <- response",
        ),
        (
            {"context": TEXTS, "question": TEXTS[::-1], "answer": TEXTS},
            "alpaca",
            "prompt <- question + context, completion <- answer",
        ),
        ({"kunde": TEXTS, "wir": TEXTS[::-1]}, "prompt_completion", "prompt <- kunde, completion <- wir"),
        ({"messages": [[{"role": "user", "content": "hi"}]] * 3}, "messages", "messages <- messages"),
        ({"chat": ['[{"role": "user", "content": "hi"}]'] * 3}, "messages", "messages <- chat"),
        ({"conversations": [[{"from": "human", "value": "hi"}]] * 3}, "sharegpt", "messages <- conversations"),
    ],
)
def test_shape_is_generate_when_prompts_and_answers_are_found(columns: dict[str, Any], kind: str, mapping: str) -> None:
    made = found(columns)
    assert (made.task, made.kind, made.mapping) == ("generate", kind, mapping)


def test_shape_is_text_when_there_is_nothing_else() -> None:
    made = found({"id": range(40), "body": TEXTS})
    assert (made.task, made.kind, made.text_column) == ("text", "text", "body")
    assert "classify was rejected" in reason(made, "task")


@pytest.mark.parametrize(("n_values", "task"), [(8, "classify"), (9, "text")])
def test_shape_needs_five_rows_a_value_when_no_name_tells(n_values: int, task: str) -> None:
    assert found({"text": TEXTS, "kind": [f"k{i % n_values}" for i in range(40)]}).task == task


def test_shape_has_a_choice_for_every_open_field_and_no_other() -> None:
    made = found({"text": TEXTS, "label": many(0, 1)}, text_column="text")
    fields = {
        "task",
        "data.format",
        "data.label_separator",
        *(f"data.{r}_column" for r in ("label", "prompt", "completion", "messages", "group")),
    }
    assert {choice.field for choice in made.choices} == fields
    assert all(choice.reason for choice in made.choices)


def test_shape_obeys_the_columns_that_the_plan_names() -> None:
    columns = {"a": TEXTS, "b": TEXTS[::-1], "label": many("x", "y"), "other": many("p", "q", "r")}
    assert found(columns, text_column="b", label_column="other").mapping == "text <- b, label <- other"
    assert found(columns, prompt_column="b", completion_column="a").mapping == "prompt <- b, completion <- a"
    assert found(columns, task="text", text_column="b").mapping == "text <- b"
    assert found(columns, task="generate").task == "generate"


def test_shape_keeps_rows_without_label_when_the_plan_says_there_is_none() -> None:
    made = found({"text": TEXTS, "topic": many("a", "b")}, task="classify", label_column=None)
    assert (made.kind, made.label_column) == ("unlabelled", None)


def test_shape_takes_a_group_column_only_when_its_values_repeat() -> None:
    columns = {"text": TEXTS, "label": many(0, 1)}
    assert found({**columns, "patient_id": [i // 2 for i in range(40)]}).group_column == "patient_id"
    made = found({**columns, "patient_id": range(40)})
    assert made.group_column is None
    assert "patient_id was rejected" in reason(made, "data.group_column")


def test_shape_names_the_rejected_label_when_several_fit() -> None:
    made = found({"text": TEXTS, "label": many("a", "b"), "country": many("de", "fr")})
    assert "country" in reason(made, "data.label_column")


def test_shape_says_so_when_every_row_has_the_same_label() -> None:
    assert "same" in reason(found({"text": TEXTS, "label": many("a")}), "data.label_column")


def test_shape_offers_the_near_name_when_a_column_is_missing() -> None:
    with pytest.raises(DataError, match="did you mean 'utterance'") as caught:
        found({"utterance": TEXTS, "label": many(0, 1)}, text_column="uterance")
    assert "utterance, label" in caught.value.why
    assert "t.csv" in caught.value.where


@pytest.mark.parametrize("task", ["classify", "generate", "text"])
def test_shape_lists_the_columns_when_none_fits(task: str) -> None:
    with pytest.raises(DataError, match="n: 40 filled"):
        found({"n": range(40)}, task=task)


@pytest.mark.parametrize(
    ("name", "mapping"),
    [
        ("banking77/banking_data/train.csv", "text <- text, label <- category"),
        ("sms_spam/data/sms.tsv", "text <- text, label <- label"),
        ("sms_spam_latin1_csv/spam.csv", "text <- v2, label <- v1"),
        ("korean_chatbot/ChatbotData.csv", "text <- Q, label <- label"),
        ("gsm8k/grade_school_math/data/train.jsonl", "prompt <- question, completion <- answer"),
        ("mts_dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv", "prompt <- dialogue, completion <- section_text"),
        ("scitldr/SciTLDR-Data/SciTLDR-A/dev.jsonl", "prompt <- source, completion <- target"),
        (
            "self_instruct/data/seed_tasks.jsonl",
            "prompt <- instruction + instances.input, completion <- instances.output",
        ),
        ("taskmaster4/TM-4-2024/reward/reward_00.json", "messages <- context, group <- conversation_id"),
    ],
)
def test_shape_reads_a_real_file_as_people_do(name: str, mapping: str) -> None:
    assert shape(read_table(shared_data(name), role="train"), plan=Plan()).mapping in (
        mapping,
        mapping.split(", group")[0],
    )

"""Records become rows or drops with a reason, and nothing vanishes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.shared_data import shared_data
from tunewright.core.plan import Plan
from tunewright.core.values import Message
from tunewright.prepare.detect import shape
from tunewright.tables.convert import Converted, converted
from tunewright.tables.read import read_table
from tunewright.tables.shape import Kind, Shape
from tunewright.tables.table import Record, Table, cell_text
from tunewright.tables.turns import conversation


def made(kind: Kind, records: list[dict[str, Any]], *, system: str | None = None, **columns: str) -> Converted:
    names = tuple(dict.fromkeys(name for record in records for name in record))
    rows = tuple(Record(f"train:{i}", record) for i, record in enumerate(records, 1))
    table = Table(Path("t.json"), "json", names, rows, (), (), {}, len(rows), "")
    task = {"labelled": "classify", "unlabelled": "classify", "text": "text"}.get(kind, "generate")
    return converted(table, shape=Shape(task, kind, **columns), system=system)  # type: ignore[arg-type]


def reasons(result: Converted) -> list[tuple[str, str]]:
    return [(drop.row_id, drop.reason) for drop in result.dropped]


def turn(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_converted_cleans_text_and_label() -> None:
    result = made(
        "labelled", [{"t": " cafÃ©  ", "l": " Late\t"}, {"t": "b", "l": 1.0}], text_column="t", label_column="l"
    )
    assert [(row.row_id, row.text, row.label) for row in result.rows] == [
        ("train:1", "café", "Late"),
        ("train:2", "b", "1"),
    ]
    assert result.repaired == {"mojibake": 1, "label_blanks": 1}


def test_converted_drops_and_counts_what_has_no_text_or_label() -> None:
    records = [{"t": "a", "l": "x"}, {"t": " ", "l": "x"}, {"t": "c", "l": None}, {"l": "x"}]
    result = made("labelled", records, text_column="t", label_column="l")
    assert reasons(result) == [("train:2", "empty"), ("train:3", "no_label"), ("train:4", "empty")]
    assert len(result.rows) + len(result.dropped) == len(records)
    assert {finding.check: finding.row_ids for finding in result.findings} == {
        "empty": ("train:2", "train:4"),
        "no_label": ("train:3",),
    }


def test_converted_keeps_rows_without_label_when_there_is_no_label_column() -> None:
    assert made("unlabelled", [{"t": "a"}], text_column="t").rows[0].label is None


def test_converted_makes_a_user_turn_and_a_trained_answer_of_a_pair() -> None:
    records = [{"p": "2+2?", "c": "4"}, {"p": "", "c": "4"}, {"p": "2+2?", "c": ""}, {"p": "", "c": ""}]
    result = made("prompt_completion", records, prompt_column="p", completion_column="c")
    assert result.rows[0].messages == (Message("user", "2+2?"), Message("assistant", "4", is_trained=True))
    assert reasons(result) == [("train:2", "no_prompt"), ("train:3", "no_answer"), ("train:4", "empty")]


def test_converted_puts_the_input_below_the_instruction_when_there_is_one() -> None:
    records = [{"i": "Translate.", "x": "Hallo", "o": "Hello"}, {"i": "Hi", "x": "", "o": "Hello"}]
    result = made("alpaca", records, prompt_column="i", input_column="x", completion_column="o", system="Be brief.")
    assert [row.messages[1].content for row in result.rows] == ["Translate.\n\nHallo", "Hi"]
    assert result.rows[0].messages[0] == Message("system", "Be brief.")


def test_converted_takes_the_first_answer_when_there_are_several() -> None:
    result = made(
        "prompt_completion", [{"p": ["One.", "Two."], "c": ["a", "b"]}], prompt_column="p", completion_column="c"
    )
    assert [message.content for message in result.rows[0].messages] == ["One. Two.", "a"]
    assert result.repaired == {"first_of_several_answers": 1}


def test_converted_reads_messages_written_as_json_in_a_cell() -> None:
    cell = json.dumps([turn("user", "hi"), turn("assistant", "Hello.")])
    result = made("messages", [{"m": cell}, {"m": "[broken"}, {"m": ""}], messages_column="m")
    assert result.rows[0].messages == (Message("user", "hi"), Message("assistant", "Hello.", is_trained=True))
    assert reasons(result) == [("train:2", "unreadable"), ("train:3", "empty")]


def test_converted_keeps_the_group() -> None:
    result = made("text", [{"t": "a", "g": 7}, {"t": "b", "g": ""}], text_column="t", group_column="g")
    assert [row.group for row in result.rows] == ["7", None]


def test_conversation_trains_every_assistant_turn_but_those_of_weight_zero() -> None:
    turns = [
        turn("developer", "Be kind."),
        turn("user", "a"),
        turn("assistant", "b", weight=0),
        turn("user", [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]),
        turn("assistant", "e", weight=1),
    ]
    messages = conversation(turns).messages
    assert [(m.role, m.content, m.is_trained) for m in messages] == [
        ("system", "Be kind.", False),
        ("user", "a", False),
        ("assistant", "b", False),
        ("user", "c\nd", False),
        ("assistant", "e", True),
    ]


def test_conversation_reads_both_shapes_of_sharegpt() -> None:
    one = conversation(
        [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    )
    two = conversation([turn("system", "s"), turn("user", "a"), turn("assistant", "b")])
    assert one.messages == two.messages


def test_conversation_ends_at_the_last_answer() -> None:
    result = conversation([turn("user", "a"), turn("assistant", "b"), turn("user", "thanks")])
    assert [m.content for m in result.messages] == ["a", "b"]
    assert [note.reason for note in result.notes] == ["turns_after_last_answer"]


def test_conversation_gets_the_system_message_only_when_it_has_none() -> None:
    pair = [turn("user", "a"), turn("assistant", "b")]
    assert conversation(pair, system="S").messages[0] == Message("system", "S")
    assert conversation([turn("system", "own"), *pair], system="S").messages[0] == Message("system", "own")


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([turn("user", "a")], "no_answer"),
        ([turn("user", "a"), turn("assistant", "b", weight=0)], "no_trained_turn"),
        ([turn("assistant", "b")], "no_prompt"),
        ([turn("user", ""), turn("assistant", " ")], "empty"),
        ([turn("alien", "a"), turn("assistant", "b")], "unknown_role"),
        ([turn("user", [{"type": "image_url", "image_url": {}}]), turn("assistant", "b")], "unreadable"),
    ],
)
def test_conversation_says_why_it_is_no_row(turns: list[dict[str, Any]], why: str) -> None:
    assert conversation(turns).why_not == why


def test_conversation_leaves_tool_calls_without_text_out_and_says_so() -> None:
    turns = [turn("user", "a"), turn("assistant", None, tool_calls=[{}]), turn("tool", "7"), turn("assistant", "b")]
    result = conversation(turns)
    assert [m.role for m in result.messages] == ["user", "tool", "assistant"]
    assert [note.reason for note in result.notes] == ["tool_calls_left_out"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (None, ""),
        (float("nan"), ""),
        (["a", "b"], "a b"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_cell_text_writes_values_as_people_do(cell: Any, text: str) -> None:
    assert cell_text(cell) == text


def _real(name: str) -> tuple[Table, Converted]:
    table = read_table(shared_data(name), role="train")
    return table, converted(table, shape=shape(table, plan=Plan()), system=None)


@pytest.mark.parametrize(
    ("name", "n_rows", "n_labels"),
    [
        ("banking77/banking_data/train.csv", 10003, 77),
        ("banking77/banking_data/test.csv", 3080, 77),
        ("sms_spam/data/sms.tsv", 5574, 2),
        ("sms_spam_latin1_csv/spam.csv", 5572, 2),
        ("korean_chatbot/ChatbotData.csv", 11823, 3),
    ],
)
def test_converted_keeps_every_row_of_a_real_file(name: str, n_rows: int, n_labels: int) -> None:
    _, result = _real(name)
    assert (len(result.rows), len(result.dropped)) == (n_rows, 0)
    assert len({row.label for row in result.rows}) == n_labels


def test_converted_keeps_the_lines_of_an_answer() -> None:
    table, result = _real("gsm8k/grade_school_math/data/test.jsonl")
    for record, row in zip(table.records, result.rows, strict=True):
        assert row.messages[1].content.count("\n") == record.values["answer"].strip().count("\n")


def test_converted_is_quick() -> None:
    started = time.process_time()
    _real("banking77/banking_data/train.csv")
    assert time.process_time() - started < 1.5  # measured 0.3 s on two cores; ftfy on every row would take longer


@pytest.mark.parametrize("unseen", ["\u200b", "\u200b \u2060\n\u200d", "\u200e\u202a\u202c", "\u3164\xad\ufe0f"])
def test_a_text_of_which_nobody_sees_anything_is_empty(unseen: str) -> None:
    result = made(
        "labelled", [{"t": unseen, "l": "x"}, {"t": f"a{unseen}b", "l": "x"}], text_column="t", label_column="l"
    )
    assert reasons(result) == [("train:1", "empty")]
    assert [row.row_id for row in result.rows] == ["train:2"]
    answered = made("prompt_completion", [{"p": "why?", "c": unseen}], prompt_column="p", completion_column="c")
    assert reasons(answered) == [("train:1", "no_answer")]

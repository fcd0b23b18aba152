"""What the model is asked: one for each record, as training read it, without the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunewright.core.values import Dropped, Message, Row
from tunewright.serve.ask import asked
from tunewright.tables.convert import converted
from tunewright.tables.read import read_table
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record
from tunewright.text.render import prompt_of

LABELLED = Shape("classify", "labelled", text_column="text", label_column="label")
PAIRS = Shape("generate", "alpaca", prompt_column="q", input_column="about", completion_column="a")
TURNS = Shape("generate", "messages", messages_column="messages")


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_asked_gives_one_for_each_record_in_order_when_some_cannot_be_asked() -> None:
    broken = Dropped("row:3", "ragged", "4 cells instead of 2")
    records = [Record("row:2", {"text": " a  b "}), broken, Record("row:4", {"text": " "}), Record("row:5", {})]

    found = asked(records, shape=LABELLED)

    assert found == (Row("row:2", text="a b"), broken, Dropped("row:4", "empty"), Dropped("row:5", "empty"))


def test_asked_needs_no_label_when_the_run_was_trained_with_one() -> None:
    with_label, without = Record("row:2", {"text": "hi", "label": ""}), Record("row:3", {"text": "hi"})

    assert [row.text for row in asked([with_label, without], shape=LABELLED) if isinstance(row, Row)] == ["hi", "hi"]


def test_asked_joins_instruction_and_input_when_there_is_no_answer_yet() -> None:
    (row,) = asked([Record("row:1", {"q": "Sum up.", "about": "It rains."})], shape=PAIRS, system="Be kind.")

    assert isinstance(row, Row)
    assert row.messages == (Message("system", "Be kind."), Message("user", "Sum up.\n\nIt rains."))


def test_asked_prompt_equals_the_evaluated_one_when_the_conversation_has_its_answer(tmp_path: Path) -> None:
    turns = [turn("user", "hi"), turn("assistant", "Hello."), turn("user", "bye"), turn("assistant", "Bye.")]
    (tmp_path / "chats.jsonl").write_text(json.dumps({"messages": turns}), encoding="utf-8")
    table = read_table(tmp_path / "chats.jsonl", role="test")

    (row,) = asked(table.records, shape=TURNS, system="Be kind.")
    (trained,) = converted(table, shape=TURNS, system="Be kind.").rows

    assert isinstance(row, Row)
    assert row.messages == prompt_of(trained.messages)


def test_asked_answers_the_last_user_turn_when_it_stands_open() -> None:
    turns = [turn("user", "hi"), turn("assistant", "Hello.", weight=0), turn("user", "bye")]

    (row,) = asked([Record("row:1", {"messages": turns})], shape=TURNS)

    assert isinstance(row, Row)
    assert [message.content for message in row.messages] == ["hi", "Hello.", "bye"]


def test_asked_says_why_when_a_conversation_asks_nothing() -> None:
    cells: list[Any] = [[turn("assistant", "Hello.")], "no conversation", [], [turn("user", " ")]]

    found = asked([Record(f"row:{i}", {"messages": cell}) for i, cell in enumerate(cells)], shape=TURNS)

    reasons = [one.reason for one in found if isinstance(one, Dropped)]
    assert reasons == ["no_prompt", "unreadable", "empty", "no_prompt"]

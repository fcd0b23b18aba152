"""Which column of a new file is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core.errors import DataError, PlanError
from tunewright.serve.columns import shape_for
from tunewright.tables.shape import Shape
from tunewright.tables.stream import Stream, open_stream

LABELLED = Shape("classify", "labelled", text_column="utterance", label_column="intent")
TURNS = Shape("generate", "messages", messages_column="messages")


def stream(folder: Path, text: str, name: str = "new.csv") -> Stream:
    (folder / name).write_text(text, encoding="utf-8")
    return open_stream(folder / name)


def test_shape_for_needs_the_text_alone_when_the_run_learned_labels(tmp_path: Path) -> None:
    assert shape_for(stream(tmp_path, "id,utterance\n1,hi\n"), shape=LABELLED, named={}) == LABELLED


@pytest.mark.parametrize(
    ("columns", "meant"),
    [("id,Utterances", "Utterances"), ("id,body", "body"), ("no,thing", "no")],
    ids=["near name", "known name", "neither"],
)
def test_shape_for_offers_the_column_that_was_meant_when_it_is_not_there(
    tmp_path: Path, columns: str, meant: str
) -> None:
    with pytest.raises(DataError) as caught:
        shape_for(stream(tmp_path, f"{columns}\n1,hi there\n2,bye now\n"), shape=LABELLED, named={})
    assert caught.value.what == "there is no column utterance"
    assert caught.value.fix.endswith(f"data.text_column={meant}")


def test_shape_for_takes_the_named_column_when_the_user_gives_one(tmp_path: Path) -> None:
    found = shape_for(stream(tmp_path, "id,body\n1,hi\n"), shape=LABELLED, named={"text_column": "body"})

    assert found.text_column == "body"


def test_shape_for_reads_lines_when_the_file_is_text(tmp_path: Path) -> None:
    lines = stream(tmp_path, "hello there\nbye now\n", "new.txt")

    assert shape_for(lines, shape=LABELLED, named={}).text_column == "text"
    assert shape_for(lines, shape=TURNS, named={}).prompt_column == "text"


def test_shape_for_takes_prompts_when_the_run_learned_conversations(tmp_path: Path) -> None:
    table = stream(tmp_path, "id,question\n1,What now?\n2,Why is that?\n")
    found = shape_for(table, shape=TURNS, named={"prompt_column": "question"})
    assert (found.kind, found.prompt_column, found.messages_column) == ("prompt_completion", "question", None)

    with pytest.raises(DataError, match=r"data\.prompt_column=question"):
        shape_for(table, shape=TURNS, named={})


@pytest.mark.parametrize(
    ("shape", "named", "words"),
    [
        (TURNS, {"text_column": "text"}, ("data.text_column says nothing", "data.prompt_column=text")),
        (LABELLED, {"prompt_column": "text"}, ("data.prompt_column says nothing", "data.text_column=text")),
        (LABELLED, {"messages_column": "my text"}, ("data.messages_column says nothing", "'data.text_column=my text'")),
        (
            TURNS,
            {"prompt_column": "text", "messages_column": "id"},
            ("two columns", "leave out data.messages_column=id"),
        ),
    ],
    ids=["text of a writer", "prompt of a labeller", "turns of a labeller", "both"],
)
def test_shape_for_refuses_a_column_that_the_model_is_not_asked_by(
    shape: Shape, named: dict[str, str], words: tuple[str, str], tmp_path: Path
) -> None:
    with pytest.raises(PlanError, match=words[0].replace(".", r"\.")) as caught:
        shape_for(stream(tmp_path, "id,text\n1,hi\n"), shape=shape, named=named)
    assert caught.value.fix == words[1]

"""General text: what is shipped, and files of one's own, good and bad."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.core.section import AUTO
from tunewright.evaluate.side_effects.general import (
    MOST_PARAGRAPHS,
    general_choice,
    general_digest,
    general_text,
    refuse_bad_general,
)


def test_shipped_text_is_a_hundred_different_paragraphs_on_six_topics() -> None:
    found = general_text("shipped", seed=0)
    topics = Counter(row.label for row in found.rows)
    assert (len(found.rows), found.n_read, len({row.text for row in found.rows})) == (100, 100, 100)
    assert len(topics) == 6
    assert min(topics.values()) >= 16
    assert all(60 <= len(row.text.split()) <= 110 for row in found.rows)
    assert len({row.row_id for row in found.rows}) == 100


def test_a_text_file_has_a_paragraph_a_line_and_each_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("one paragraph\n\nanother one\none paragraph\n", encoding="utf-8")
    found = general_text(str(path), seed=0)
    assert [row.text for row in found.rows] == ["one paragraph", "another one"]
    assert [row.row_id for row in found.rows] == ["general:1", "general:3"]
    assert (found.source, found.n_read) == ("mine.txt", 2)


def test_the_column_is_the_one_called_text_or_else_the_longest(tmp_path: Path) -> None:
    named, other = tmp_path / "a.jsonl", tmp_path / "b.csv"
    lines = [{"id": "some very long identifier of a row", "text": f"short {i}"} for i in range(3)]
    named.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    other.write_text("nr,inhalt\n1,ein langer Satz\n2,noch ein Satz\n", encoding="utf-8")
    assert [row.text for row in general_text(str(named), seed=0).rows] == ["short 0", "short 1", "short 2"]
    assert [row.text for row in general_text(str(other), seed=0).rows] == ["ein langer Satz", "noch ein Satz"]


def test_a_long_file_is_drawn_from_by_seed_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("".join(f"line {i}\n" for i in range(1000)), encoding="utf-8")
    found = general_text(str(path), seed=0)
    places = [int(row.text.split()[1]) for row in found.rows]
    assert (len(places), found.n_read) == (MOST_PARAGRAPHS, 1000)
    assert places == sorted(set(places))
    assert found == general_text(str(path), seed=0) != general_text(str(path), seed=1)


def test_bad_files_are_refused_with_what_to_do(tmp_path: Path) -> None:
    blank = tmp_path / "blank.csv"
    blank.write_text("id,text\n1,\n2,  \n", encoding="utf-8")
    with pytest.raises(DataError, match="no text") as error:
        refuse_bad_general(str(blank))
    assert "evaluate.general=shipped" in error.value.fix
    with pytest.raises(DataError, match="there is no file"):
        refuse_bad_general(str(tmp_path / "missing.txt"))
    empty = tmp_path / "empty.txt"
    empty.write_text("", encoding="utf-8")
    with pytest.raises(DataError):
        refuse_bad_general(str(empty))
    for word in ("shipped", "none", AUTO):
        refuse_bad_general(word)


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("one\n", encoding="utf-8")
    before = general_digest(str(path))
    path.write_text("two\n", encoding="utf-8")
    assert before != general_digest(str(path)) != general_digest("shipped")
    assert general_digest("none") == general_digest(AUTO) == ""


def test_what_is_chosen_follows_from_whether_the_model_writes() -> None:
    assert [general_choice(task).value for task in ("generate", "text")] == ["shipped"] * 2
    assert [general_choice(task).value for task in ("classify", "multilabel", "regress")] == ["none"] * 3

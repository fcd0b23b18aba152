"""Rows with several labels: lists found unasked, separators when named, every label divided, nothing joined unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.prepare.test_detect import TEXTS, found, many, reason
from tunewright.asked import whole_plan
from tunewright.core.errors import DataError, PlanError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.label_sets import labels_of
from tunewright.core.planfile import plan_from
from tunewright.core.values import Row
from tunewright.prepare.draft import Draft
from tunewright.prepare.keys import keyed
from tunewright.prepare.split import Share, split_of, strata
from tunewright.prepare.stage import draft

LISTS = many(["late"], ["late", "rude"], [], ["damaged"])


@pytest.mark.parametrize(
    "cells", [LISTS, many(*(json.dumps(one) for one in LISTS[:4]))], ids=["lists", "JSON in a cell"]
)
def test_lists_of_labels_are_several_labels_a_row(cells: tuple[Any, ...]) -> None:
    made = found({"text": TEXTS, "labels": cells})
    assert (made.task, made.kind, made.label_column, made.label_separator) == ("multilabel", "labelled", "labels", None)
    assert "lists of 3 labels" in reason(made, "task")
    assert reason(made, "data.label_separator") == "its cells are lists"


def test_lists_in_a_column_that_the_plan_names_are_several_labels() -> None:
    assert found({"text": TEXTS, "what": LISTS}, label_column="what").task == "multilabel"


@pytest.mark.parametrize(
    "columns",
    [
        {"text": TEXTS, "labels": many(["a"], ["b"])},  # one each: a way to write one label
        {"text": TEXTS, "labels": many("a|b", "a", "b")},  # a name may hold a bar
        {"question": TEXTS, "answers": tuple([f"one {i}", f"two {i}"] for i in range(len(TEXTS)))},  # answers differ
        {"messages": tuple([{"role": "user", "content": t}, {"role": "assistant", "content": t}] for t in TEXTS)},
    ],
    ids=["lists of one", "unasked separator", "answers", "turns"],
)
def test_what_is_not_sure_to_be_several_labels_is_not(columns: dict[str, Any]) -> None:
    assert found(columns).task != "multilabel"


@pytest.mark.parametrize(
    ("cells", "separator"),
    [(("a|b", "a;b"), "|"), (("a;b", "a, b"), ";"), (("a,b", "c"), ","), (("a", "b"), None)],
)
def test_asked_several_labels_find_their_separator(cells: tuple[str, ...], separator: str | None) -> None:
    made = found({"text": TEXTS, "tags": many(*cells)}, task="multilabel")
    assert (made.label_column, made.label_separator) == ("tags", separator)


def read(folder: Path, cells: list[Any], **asked: Any) -> Draft:
    lines = [{"text": f"the text {i}", "tags": cell} for i, cell in enumerate(cells)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    loaded = whole_plan(plan_from({"data": "rows.jsonl", **asked}, folder=folder, name="try"), tell=lambda _: None)
    return draft(loaded.plan, folder=folder, tell=lambda _: None)


def kept(made: Draft) -> dict[str, tuple[str, ...]]:
    return {row.row_id: labels_of(row.label or "") for part in made.splits.values() for row in part}


def test_cells_become_sets_of_clean_labels(tmp_path: Path) -> None:
    cells = ["b | a|b", "a", " | ", "", "[]", '["x|y", "a"]', ["b", "", None, "a "], [], [None], None]
    made = read(tmp_path, cells * 2, task="multilabel", data={"train": "rows.jsonl", "label_separator": "|"})
    assert {row_id: labels for row_id, labels in kept(made).items() if int(row_id[6:]) <= 10} == {
        "train:1": ("a", "b"),
        "train:2": ("a",),
        "train:5": (),
        "train:6": ("a", "x|y"),
        "train:7": ("a", "b"),
        "train:8": (),
    }
    gone = {drop.row_id: drop.reason for drop in made.dropped}
    assert gone == dict.fromkeys((f"train:{n + add}" for n in (3, 4, 9, 10) for add in (0, 10)), "no_label"), (
        "an empty cell says nothing; [] says that the row has none"
    )
    assert made.facts.labels == ("a", "b", "x|y")


def test_facts_count_each_label_of_train(tmp_path: Path) -> None:
    made = read(tmp_path, [["a", "b"], ["a"], []] * 10)
    train = [labels_of(row.label or "") for row in made.splits["train"]]
    assert made.facts.rows_per_label == {name: sum(name in some for some in train) for name in ("a", "b")}
    assert made.task == "multilabel"


def test_labels_that_never_change_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all train rows have the same labels") as caught:
        read(tmp_path, [["a", "b"]] * 12)
    assert "never changes" in caught.value.why


def test_one_label_that_some_rows_lack_can_be_learned(tmp_path: Path) -> None:
    made = read(tmp_path, [["a"], []] * 12, task="multilabel")
    assert made.facts.labels == ("a",)


def test_several_labels_asked_as_one_are_refused_with_the_way_to_learn_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several labels each") as caught:
        read(tmp_path, [["a", "b"], ["a"]] * 6, task="classify")
    assert caught.value.fix.startswith("task=multilabel")


def test_a_separator_makes_classify_the_task_of_several_labels(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n", encoding="utf-8")
    heard: list[Event] = []
    data = {"train": "rows.csv", "label_separator": ","}
    for task in ({"task": "classify"}, {}):
        asked = plan_from({**task, "data": data}, folder=tmp_path, name="try")
        assert whole_plan(asked, tell=heard.append).plan.task == "multilabel"
    assert any(isinstance(event, NoteEvent) and "several labels" in event.text for event in heard)
    with pytest.raises(PlanError, match="the task is regress"):
        whole_plan(plan_from({"task": "regress", "data": data}, folder=tmp_path, name="try"), tell=heard.append)


def test_every_split_has_the_rare_label() -> None:
    """10 of 100 rows have it, beside a common one: kept apart by the common one it might stand anywhere."""
    rows = [
        Row(f"train:{i}", text=f"text {i}", label='["common", "rare"]' if i % 10 == 0 else '["common"]')
        for i in range(100)
    ]
    kinds = strata(rows, task="multilabel")
    assert set(kinds) == {"rare", "common"}
    places = split_of(keyed(rows), test=Share(0.2), validation=Share(0.1), seed=0, kinds=kinds)
    assert [sum(places[i] == split for i in range(0, 100, 10)) for split in ("test", "validation")] == [2, 1]

"""A column of numbers: proposed where it is sure, read cell by cell, kept alike in every split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.prepare.some_rows import labelled
from tests.unit.prepare.test_detect import TEXTS, found, many, reason
from tests.unit.prepare.test_stage import read_of
from tunewright.core.errors import DataError
from tunewright.core.plan import DataPlan, Plan
from tunewright.core.values import Row
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.draft import Draft
from tunewright.prepare.facts import data_facts
from tunewright.prepare.keys import keyed
from tunewright.prepare.split import Share, split_of, strata
from tunewright.prepare.stage import draft, drafted

MEASURES = tuple(i / 8 for i in range(len(TEXTS)))
"""40 different numbers, most of them between whole ones."""


@pytest.mark.parametrize("name", ["score", "price", "label", "rating"])
def test_a_column_that_measures_is_learned_as_a_number_when_its_name_says_so(name: str) -> None:
    made = found({"text": TEXTS, name: MEASURES})
    assert (made.task, made.kind, made.text_column, made.label_column) == ("regress", "labelled", "text", name)
    assert "40 different numbers" in reason(made, "task")


@pytest.mark.parametrize(
    "columns",
    [
        {"text": TEXTS, "confidence": MEASURES},  # its name does not say that it is to be learned
        {"text": TEXTS, "score": range(len(TEXTS))},  # whole numbers may count, or be ids
        {"text": TEXTS, "score": many(0.5, 1.5, 2.5)},  # marks
    ],
    ids=["no such name", "whole", "few"],
)
def test_a_column_of_numbers_is_left_alone_when_it_is_not_sure(columns: dict[str, Any]) -> None:
    assert found(columns).task != "regress"


def test_labels_win_over_numbers_beside_them() -> None:
    made = found({"text": TEXTS, "score": MEASURES, "label": many("a", "b")})
    assert (made.task, made.label_column) == ("classify", "label")


def test_a_named_column_that_measures_is_a_number_unless_the_plan_says_classify() -> None:
    made = found({"body": TEXTS, "confidence": MEASURES}, label_column="confidence")
    assert made.task == "regress"
    assert "task=classify" in reason(made, "task")
    assert found({"body": TEXTS, "confidence": MEASURES}, label_column="confidence", task="classify").task == "classify"


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        ({"text": TEXTS, "age": range(len(TEXTS)), "stars": many(1, 2, 3, 4, 5)}, "stars"),  # a name that says it
        ({"text": TEXTS, "age": range(len(TEXTS)), "depth": MEASURES}, "depth"),  # what measures
        ({"text": TEXTS, "age": range(len(TEXTS))}, "age"),  # the only numbers
        ({"text": TEXTS, "price": ("12 euros", *MEASURES[1:])}, "price"),  # one cell is no number
    ],
    ids=["named", "measures", "only", "spoiled"],
)
def test_asked_numbers_are_found_by_name_then_by_content(columns: dict[str, Any], label: str) -> None:
    assert found(columns, task="regress").label_column == label


def test_asked_numbers_are_refused_where_no_column_has_any() -> None:
    with pytest.raises(DataError, match="beside a column of numbers"):
        found({"text": TEXTS, "kind": many("a", "b")}, task="regress")


def numbers_read(cells: list[str], tmp_path: Path) -> Draft:
    lines = [f"the {i}th text,{cell}\n" for i, cell in enumerate(cells)]
    (tmp_path / "rows.csv").write_text("text,price\n" + "".join(lines), encoding="utf-8")
    return draft(Plan(task="regress", data=DataPlan(train="rows.csv")), folder=tmp_path, tell=lambda _: None)


GOOD = [str(i / 4) for i in range(16)]


def test_cells_that_are_no_numbers_are_left_out_and_named(tmp_path: Path) -> None:
    made = numbers_read([*GOOD, "abc", "nan", "inf", '"1,234"', '"3,5"', ""], tmp_path)
    assert {d.row_id: d.reason for d in made.dropped} == {
        **dict.fromkeys(("train:18", "train:19", "train:20", "train:21"), "not_a_number"),
        "train:23": "no_label",
    }
    [finding] = [finding for finding in made.findings if finding.check == "not_a_number"]
    assert finding.row_ids == ("train:18", "train:19", "train:20", "train:21")
    assert "'abc'" in finding.message
    kept = [row for part in made.splits.values() for row in part]
    assert next(row for row in kept if row.row_id == "train:22").label == "3.5", "a decimal comma"
    assert made.checks["not_a_number"]["status"] == "found"
    assert made.checks["label_errors"] == {**made.checks["label_errors"], "status": "not run"}


def test_numbers_that_never_change_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all train rows have the same number '3'") as caught:
        numbers_read(["3", "3.0", "3,0"] + ["3"] * 9, tmp_path)
    assert "never changes" in caught.value.why


def test_a_table_without_one_number_is_refused_with_the_count(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train row is left") as caught:
        numbers_read(["a", "b", "c"], tmp_path)
    assert "3 not a number" in caught.value.why


def test_facts_of_numbers_are_the_scale_of_train_alone() -> None:
    train, test = labelled([("a", "1"), ("b", "3")]), labelled([("c", "100")], role="test")
    facts = data_facts({"train": train, "validation": (), "test": test}, task="regress", seed=0, label_column="price")
    assert facts.labels == ("price",)
    assert facts.rows_per_label == {}
    assert facts.scale is not None
    assert (facts.scale.mean, facts.scale.deviation) == (2.0, 1.0)


def test_every_split_has_small_and_large_numbers() -> None:
    rows = [Row(f"train:{i}", text=f"text {i}", label=str(i / 3)) for i in range(100)]
    kinds = strata(rows, task="regress")
    assert [kinds.count(kind) for kind in dict.fromkeys(kinds)] == [10] * 10
    places = split_of(keyed(rows), test=Share(0.2), validation=Share(0.1), seed=0, kinds=kinds)
    for split, n in (("test", 2), ("validation", 1)):
        assert [sum(places[10 * t + i] == split for i in range(10)) for t in range(10)] == [n] * 10


def test_a_few_rows_of_numbers_are_still_divided() -> None:
    rows = labelled([(f"text {i}", str(i)) for i in range(6)])
    plan = Plan(task="regress", data=DataPlan(train="rows.csv"))
    made = drafted(plan, read_of({"train": rows}, task="regress"), actions=checked_actions({}))
    assert {split: len(part) for split, part in made.splits.items()} == {"train": 4, "validation": 1, "test": 1}


def test_numbers_that_were_asked_as_labels_are_pointed_to_regress() -> None:
    rows = labelled([(f"text {i}", str(i / 8)) for i in range(12)])
    plan = Plan(task="classify", data=DataPlan(train="rows.csv"))
    with pytest.raises(DataError, match="nothing left to test with") as caught:
        drafted(plan, read_of({"train": rows}), actions=checked_actions({}))
    assert caught.value.fix.startswith("task=regress")

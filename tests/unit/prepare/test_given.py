"""The files that a plan names, as rows: here which sheet of a workbook they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import Workbook

from tunewright.core.errors import DataError, PlanError
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.core.plan import DataPlan, Plan
from tunewright.prepare.given import given


def write_workbook(path: Path) -> None:
    book = Workbook()
    for name, label in (("New", "late"), ("Old", "lost")):
        sheet = book.create_sheet(name)
        sheet.append(("text", "label"))
        for i in range(6):
            sheet.append((f"where is order {i}", label if i % 2 else "refund"))
    book.save(path)


def test_given_reads_the_sheet_that_the_plan_names(tmp_path: Path) -> None:
    write_workbook(tmp_path / "x.xlsx")
    plan = Plan(data=DataPlan(train="x.xlsx", sheet="Old", label_column="label"))
    made = given(plan, folder=tmp_path, tell=null_tracker)
    assert [row.row_id for row in made.rows["train"]][:2] == ["train:Old!2", "train:Old!3"]
    assert {row.label for row in made.rows["train"]} == {"lost", "refund"}
    assert made.format == "xlsx"


def test_given_refuses_a_sheet_when_no_file_has_any(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,label\na,b\n")
    with pytest.raises(PlanError, match="no file is a workbook") as caught:
        given(Plan(data=DataPlan(train="x.csv", sheet="Old")), folder=tmp_path, tell=null_tracker)
    assert caught.value.fix == "data.sheet=null"


def write_groups(path: Path, *, has_group: bool) -> None:
    rows = (f"where is order {i} of {path.stem},{('late', 'lost')[i % 2]}" for i in range(40))
    cells = (f"{row},{i // 4}" if has_group else row for i, row in enumerate(rows))
    path.write_text("\n".join(["text,label,patient_id" if has_group else "text,label", *cells]) + "\n")


@pytest.mark.parametrize("column", [{}, {"group_column": "patient_id"}])
def test_given_refuses_a_train_file_without_the_column_that_keeps_rows_together(
    tmp_path: Path, column: dict[str, str]
) -> None:
    write_groups(tmp_path / "a.csv", has_group=True)
    write_groups(tmp_path / "b.csv", has_group=False)
    plan = Plan.model_validate({"data": {"train": ["a.csv", "b.csv"], **column}})
    with pytest.raises(DataError, match="there is no column patient_id") as caught:
        given(plan, folder=tmp_path, tell=null_tracker)
    assert caught.value.where == str(tmp_path / "b.csv")
    freely = Plan.model_validate({"data": {"train": ["a.csv", "b.csv"], "group_column": None}})
    assert caught.value.fix.endswith("data.group_column=null")
    assert given(freely, folder=tmp_path, tell=null_tracker).n_read == 80


def test_given_warns_when_a_test_file_has_no_such_column(tmp_path: Path) -> None:
    write_groups(tmp_path / "a.csv", has_group=True)
    write_groups(tmp_path / "t.csv", has_group=False)
    told: list[Event] = []
    given(Plan.model_validate({"data": {"train": "a.csv", "test": "t.csv"}}), folder=tmp_path, tell=told.append)
    warned = [event.text for event in told if isinstance(event, NoteEvent) and event.level == "warning"]
    assert warned == ["t.csv has no column patient_id: whether its rows share one with train is not looked at"]


def write_listed(path: Path, *, several: bool) -> Plan:
    labels = [["late"], ["lost"]] * 20
    labels[3] = ["late", "lost"] if several else ["late"]
    lines = [json.dumps({"text": f"where is order {i}", "tags": tags}) for i, tags in enumerate(labels)]
    path.write_text("\n".join(lines) + "\n")
    return Plan(task="classify", data=DataPlan(train=path.name, label_column="tags"))


def test_given_refuses_rows_with_several_labels_and_names_them(tmp_path: Path) -> None:
    plan = write_listed(tmp_path / "x.jsonl", several=True)
    with pytest.raises(DataError, match="the column tags gives 1 row several labels each") as caught:
        given(plan, folder=tmp_path, tell=null_tracker)
    assert "the task classify learns one: train:4" in str(caught.value)
    assert caught.value.fix.startswith("task=multilabel")
    assert caught.value.exit_code == 3


def test_given_reads_a_list_of_one_label_as_that_label(tmp_path: Path) -> None:
    made = given(write_listed(tmp_path / "x.jsonl", several=False), folder=tmp_path, tell=null_tracker)
    assert {row.label for row in made.rows["train"]} == {"late", "lost"}
    (tmp_path / "n.jsonl").write_text("".join(f'{{"text": "order {i}", "tags": [{i % 2}]}}\n' for i in range(40)))
    plan = Plan(task="classify", data=DataPlan(train="n.jsonl", label_column="tags"))
    numbered = given(plan, folder=tmp_path, tell=null_tracker)
    assert {row.label for row in numbered.rows["train"]} == {"0", "1"}


def test_given_keeps_the_columns_that_scores_are_split_by(tmp_path: Path) -> None:
    cells = [f"where is order {i},{('late', 'lost')[i % 2]},{('mail', ' Phone ', '')[i % 3]},x" for i in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label,channel,other", *cells]) + "\n")
    plan = Plan.model_validate({"data": {"train": "a.csv", "slice_columns": ["channel"]}})
    rows = given(plan, folder=tmp_path, tell=null_tracker).rows["train"]
    assert [row.columns for row in rows[:3]] == [(("channel", "mail"),), (("channel", "Phone"),), ()]


def test_given_refuses_a_slice_column_that_is_not_there(tmp_path: Path) -> None:
    write_groups(tmp_path / "a.csv", has_group=True)
    write_groups(tmp_path / "t.csv", has_group=False)
    asked = {"data": {"train": "a.csv", "slice_columns": ["patient"]}}
    with pytest.raises(DataError, match="there is no column 'patient', did you mean 'patient_id'") as caught:
        given(Plan.model_validate(asked), folder=tmp_path, tell=null_tracker)
    assert caught.value.fix == "data.slice_columns=[patient_id]"
    asked = {"data": {"train": "a.csv", "test": "t.csv", "slice_columns": ["patient_id"]}}
    with pytest.raises(DataError, match="there is no column patient_id") as caught:
        given(Plan.model_validate(asked), folder=tmp_path, tell=null_tracker)
    assert "t.csv" in caught.value.where

"""The files that a plan names, as rows: here which sheet of a workbook they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from tunewright.core.errors import PlanError
from tunewright.core.events import null_tracker
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

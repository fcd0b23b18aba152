"""A column that holds rows together is found by its name and its values, and by neither alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewright.core.events import null_tracker
from tunewright.core.plan import Plan
from tunewright.prepare.columns import columns_of
from tunewright.prepare.groups import Together, group_of, group_place
from tunewright.prepare.stage import draft
from tunewright.tables.table import Record, Table

N = 240


def together(name: str, values: Sequence[Any], *, labels: Sequence[str] = ("a", "b")) -> Together:
    cells = [{"text": f"text number {i}", "label": labels[i % len(labels)], name: v} for i, v in enumerate(values)]
    records = tuple(Record(f"train:{i}", row) for i, row in enumerate(cells, start=2))
    made = Table(Path("t.csv"), "csv", ("text", "label", name), records, (), (), {}, len(records), "t.csv: csv")
    return group_of(columns_of(made), table=made, taken=["text", "label"], label="label")


MAIL = "ann.smith@example.org"
PAIRS = [f"k{i // 2}" for i in range(N)]


@pytest.mark.parametrize(
    "name",
    [
        *("patient_id", "Customer ID", "conversation_id", "user", "author", "thread_id", "document_id", "session-id"),
        *("patientId", "PatientID", "patientid", "CUSTOMER_ID", "from_user_id", "meta.dialogueId", "hadm_id"),
        *("customer number", "student_no", "account_uuid", "caseId", "member_hash"),
    ],
)
def test_group_is_a_column_called_like_one_whose_values_repeat(name: str) -> None:
    found = together(name, PAIRS)
    assert found.column == name
    assert found.why == (
        f"240 rows share 120 values: rows of one {name} stay together in one split; "
        "data.group_column=null to split freely"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("id", "row_id", "message_id", "product_id", "category_id", "class_id", "user_type", "customer_segment"),
        *("session_number", "call_no", "name", "city", "date", "language", "paid", "valid", "agent_id", "user_rating"),
    ],
)
def test_group_is_no_column_that_is_called_otherwise(name: str) -> None:
    assert group_place(name) is None
    assert together(name, PAIRS) == Together(
        None, "no column is called like patient_id, customer_id or conversation_id"
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([f"k{i}" for i in range(N)], "all values are different, so it holds no rows together"),
        (["k"] * N, "it has only one value, so it holds no rows apart"),
        (["k", "l"] * (N // 2), "2 values are too few for train, validation and test"),
        (["most"] * 130 + PAIRS[:110], "130 of 240 rows have the same value 'most'"),
        ([MAIL] * 130 + PAIRS[:110], "130 of 240 rows have the same value '[email]'"),
        (
            [f"k{i % 2}{i % 4}" for i in range(N)],
            "it says the same as the column label: most labels would stand in one split only",
        ),
    ],
)
def test_group_is_no_column_whose_values_hold_nothing_together(values: list[str], why: str) -> None:
    found = together("customer_id", values, labels=("a", "b", "c", "d"))
    assert found == Together(None, f"customer_id was rejected: {why}")


def test_group_is_a_column_of_which_each_value_has_one_label() -> None:
    """Patients have one diagnosis each, and a diagnosis has many patients."""
    assert together("patient_id", [f"{'ab'[i % 2]} {i // 20}" for i in range(N)]).column == "patient_id"


def test_group_is_no_role_that_speaks_in_many_rows() -> None:
    roles = [f"role {i % 4}" for i in range(N)]
    assert "it may say a role and not who; data.group_column=speaker if so" in together("speaker", roles).why
    assert together("speaker_id", roles).column == "speaker_id", "an id of four says who"
    assert together("speaker", [f"person {i % 40}" for i in range(N)]).column == "speaker"


def test_the_next_column_is_taken_when_the_first_one_by_name_is_unique(tmp_path: Path) -> None:
    rows = [f"c{i},u{i // 3},what is in parcel number {i},{'ab'[i % 2]}" for i in range(90)]
    (tmp_path / "t.csv").write_text("\n".join(["conversation_id,user_id,text,label", *rows]), encoding="utf-8")
    made = draft(Plan.model_validate({"data": {"train": "t.csv"}}), folder=tmp_path, tell=null_tracker)
    assert made.shape.group_column == "user_id"


@pytest.mark.parametrize("asked", [{}, {"group_column": None}])
def test_the_split_keeps_a_found_group_on_one_side_unless_the_plan_says_null(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    order = np.random.default_rng(0).permutation(300)
    rows = [f"p{i // 3},what is in parcel number {i},{'ab'[i % 2]}" for i in order]
    (tmp_path / "t.csv").write_text("\n".join(["patient_id,text,label", *rows]), encoding="utf-8")
    made = draft(Plan.model_validate({"data": {"train": "t.csv", **asked}}), folder=tmp_path, tell=null_tracker)
    patient = {f"train:{i}": row.split(",")[0] for i, row in enumerate(rows, start=2)}
    sides = [{patient[row.row_id] for row in part} for part in made.splits.values()]
    n_both = len(sides[0] & sides[1]) + len(sides[0] & sides[2]) + len(sides[1] & sides[2])
    assert all(sides)
    assert (n_both == 0) is not bool("group_column" in asked)

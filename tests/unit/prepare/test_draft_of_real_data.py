"""Facts of real data sets that were counted another way (a few lines of Python over the raw files)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.shared_data import shared_data, shared_folder
from tunewright.core.errors import DataError
from tunewright.core.events import null_tracker
from tunewright.core.plan import Plan
from tunewright.core.values import SPLITS
from tunewright.prepare.draft import Draft
from tunewright.prepare.stage import draft

BANKING = "banking77/banking_data"
GSM = "gsm8k/grade_school_math/data"
MTS = "mts_dialog/Main-Dataset/MTS-Dialog"


def draft_of(folder: Path, **files: str) -> Draft:
    plan: dict[str, Any] = {"data": files}
    made = draft(Plan.model_validate(plan), folder=folder, tell=null_tracker)
    assert made.rows_read == sum(len(made.splits[split]) for split in SPLITS) + len(made.dropped)
    return made


def test_banking77_has_31_duplicates_25_leaks_and_one_conflict() -> None:
    folder = shared_data(f"{BANKING}/train.csv").parent
    made = draft_of(folder, train="train.csv", test="test.csv")
    assert made.rows_read == 10_003 + 3_080
    assert Counter(d.reason for d in made.dropped) == {"duplicate": 31}
    assert len(made.splits["test"]) == 3_080
    assert len(made.facts.labels) == 77
    assert made.facts.language == "en"
    leaks = [f for f in made.findings if f.check == "leakage"]
    in_test = {f.message.split("also in ")[1]: sum(i.startswith("test:") for i in f.row_ids) for f in leaks}
    assert in_test["train, up to case and punctuation (7 of them word for word)"] == 25
    near = next(n for words, n in in_test.items() if words.startswith("train, nearly the same"))
    assert 0.04 < near / 3_080 < 0.044  # with the 25, 4.8 %: other shingles give 4.4 %
    assert {f.action for f in leaks} == {"report"}
    (conflict,) = (f for f in made.findings if f.check == "conflicting_labels")
    assert len(conflict.row_ids) == 2
    assert made.refusal is None


def test_gsm8k_has_no_duplicates_and_no_leaks() -> None:
    made = draft_of(shared_data(f"{GSM}/train.jsonl").parent, train="train.jsonl", test="test.jsonl")
    assert not made.dropped
    assert not [f for f in made.findings if f.check in ("duplicates", "near_duplicates")]
    found = [f for f in made.findings if f.check == "leakage"]
    assert {(f.severity, f.action) for f in found} == {("info", "report")}
    of_test = [f for f in found if f.row_ids[-1].startswith("test:")]
    assert [f.row_ids for f in of_test] == [("train:1315", "train:5163", "test:603")]
    assert "1 test row (0.08 %) also in train, half of it or more" in of_test[0].message
    ours = [one for one in made.seen.evidence if one.check == "leakage" and not one.row_ids[-1].startswith("test:")]
    assert {one.kind for one in ours} <= {"span", "answer"}  # which rows, the draw of the validation rows decides
    assert len(ours) < 0.005 * 747, ours
    assert [len(made.splits[split]) for split in SPLITS] == [7_473 - 747, 747, 1_319]


def test_sms_spam_has_415_messages_that_stand_there_before() -> None:
    made = draft_of(shared_data("sms_spam/data/sms.tsv").parent, train="sms.tsv")
    (finding,) = (f for f in made.findings if f.check == "duplicates")
    assert "(415 of them word for word)" in finding.message
    assert len(finding.row_ids) == Counter(d.reason for d in made.dropped)["duplicate"]
    assert set(made.facts.labels) == {"ham", "spam"}


def test_a_test_file_that_is_the_train_file_is_refused() -> None:
    folder = shared_data(f"{BANKING}/test.csv").parent
    made = draft_of(folder, train="test.csv", test="test.csv")
    assert made.refusal
    assert "3,080 of 3,080 test rows (100 %)" in made.refusal


def test_mts_dialog_drafts_with_its_own_three_files() -> None:
    folder = shared_data(f"{MTS}-TrainingSet.csv").parent
    names = {"train": "TrainingSet", "validation": "ValidationSet", "test": "TestSet-1-MEDIQA-Chat-2023"}
    made = draft_of(folder, **{split: f"MTS-Dialog-{name}.csv" for split, name in names.items()})
    assert made.task == "generate"
    assert made.rows_read == 1_201 + 100 + 200


def every_other_data_file() -> list[str]:
    data = shared_folder() / "data"
    tested_above = (BANKING, GSM, "sms_spam/", f"{MTS}-TrainingSet")
    suffixes = (".csv", ".tsv", ".json", ".jsonl", ".psv", ".ssv", ".xls", ".xlsx", ".ods", ".zip", ".unknown")
    names = (str(path.relative_to(data)) for path in data.rglob("*") if path.suffix in suffixes)
    return sorted(name for name in names if not name.startswith(tested_above))


@pytest.mark.parametrize("name", every_other_data_file())
def test_every_data_file_drafts_or_says_what_to_do(name: str) -> None:
    path = shared_data(name)
    try:
        made = draft_of(path.parent, train=path.name)
    except DataError as refused:
        has_fix = bool(refused.fix)
        assert has_fix
        return
    assert made.splits["train"]
    assert made.splits["test"]

"""What was read becomes a draft: who stays, who goes, and that nobody vanishes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.errors import DataError
from tunewright.core.events import null_tracker
from tunewright.core.plan import Plan, open_fields
from tunewright.core.values import SPLITS, Dropped, Finding, Row, Split
from tunewright.prepare.checks.table import CHECKS, checked_actions
from tunewright.prepare.counted import Counted
from tunewright.prepare.draft import Draft, write_draft
from tunewright.prepare.given import Given
from tunewright.prepare.refused import Refused
from tunewright.prepare.stage import draft, drafted
from tunewright.tables.shape import Shape
from tunewright.text.rows import read_rows


def read_of(rows: dict[Split, tuple[Row, ...]], *, dropped: tuple[Dropped, ...] = (), task: str = "classify") -> Given:
    kind = {"generate": "prompt_completion", "text": "text"}.get(task, "labelled")
    return Given(
        rows=rows,
        dropped=dropped,
        findings=(),
        repaired={},
        n_read=sum(map(len, rows.values())) + len(dropped),
        shape=Shape(task, kind),  # type: ignore[arg-type]
        format="csv",
    )


def draft_of(rows: dict[Split, tuple[Row, ...]], *, task: str = "classify", **sections: Any) -> Draft:
    data = {split: f"{split}.csv" for split in rows}
    plan = Plan.model_validate({**sections, "data": {**data, **sections.get("data", {})}})
    return drafted(plan, read_of(rows, task=task), actions=checked_actions(plan.prepare.actions))


def many(n: int, *, role: str = "train", word: str = "text") -> tuple[Row, ...]:
    return labelled([(f"{word} {i}", "ab"[i % 2]) for i in range(n)], role=role)


CELLS = st.lists(
    st.tuples(st.sampled_from(["a", "A!", "b", "c", "d", "e", "f", "g", "h"]), st.sampled_from("xy")),
    min_size=2,
    max_size=20,
)
ACTIONS = st.fixed_dictionaries(
    {
        "leakage": st.sampled_from(["refuse", "drop", "report", "fix"]),
        "duplicates": st.sampled_from(["drop", "report"]),
        "conflicting_labels": st.sampled_from(["fix", "drop", "report"]),
    }
)


@given(CELLS, st.none() | CELLS, st.none() | CELLS, ACTIONS, st.none() | st.integers(1, 10))
def test_draft_places_or_drops_every_row_once_whatever_is_asked(
    train: list[tuple[str, str]],
    validation: list[tuple[str, str]] | None,
    test: list[tuple[str, str]] | None,
    actions: dict[str, str],
    limit: int | None,
) -> None:
    given_files = {"train": train, "validation": validation, "test": test}
    rows = {s: labelled(given_files[s] or [], role=s) for s in SPLITS if given_files[s] is not None}
    try:
        made = draft_of(rows, prepare={"actions": actions}, data={"limit": limit})
    except DataError as refused:
        has_fix = bool(refused.fix)
        assert has_fix
        return
    ids = [row.row_id for split in SPLITS for row in made.splits[split]] + [d.row_id for d in made.dropped]
    assert sorted(ids) == sorted(row.row_id for part in rows.values() for row in part)
    assert made.rows_read == len(ids)
    if "test" in rows:
        assert made.splits["test"] == rows["test"]
    for split in SPLITS:
        positions = [int(row.row_id.split(":")[1]) for row in made.splits[split]]
        assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("files", "sizes"),
    [
        ({"train": 1000}, (700, 150, 150)),
        ({"train": 1000, "test": 50}, (900, 100, 50)),
        ({"train": 1000, "validation": 40}, (850, 40, 150)),
        ({"train": 1000, "validation": 40, "test": 50}, (1000, 40, 50)),
        ({"train": 20000}, (17000, 1000, 2000)),
        ({"train": 20000, "test": 50}, (19000, 1000, 50)),
    ],
)
def test_draft_holds_out_what_the_design_says(files: dict[Split, int], sizes: tuple[int, int, int]) -> None:
    made = draft_of({split: many(n, role=split, word=split) for split, n in files.items()})
    assert tuple(len(made.splits[split]) for split in SPLITS) == sizes


def test_draft_takes_the_plans_fractions_without_an_upper_limit() -> None:
    made = draft_of({"train": many(8000)}, prepare={"test_fraction": 0.5, "validation_fraction": 0.25})
    assert [len(made.splits[split]) for split in SPLITS] == [2000, 2000, 4000]


def test_draft_limits_the_train_file_before_the_split() -> None:
    made = draft_of({"train": many(1000)}, data={"limit": 20})
    assert [len(made.splits[split]) for split in SPLITS] == [14, 3, 3]
    assert Counter(d.reason for d in made.dropped) == {"over_limit": 980}


def test_draft_leaves_a_given_test_file_whole_when_train_is_limited() -> None:
    made = draft_of({"train": many(1000), "test": many(90, role="test", word="test")}, data={"limit": 20})
    assert [len(made.splits[split]) for split in SPLITS] == [18, 2, 90]


def test_draft_limits_train_rows_without_losing_a_label() -> None:
    rows = labelled([(f"text {i}", f"label {i % 40}") for i in range(400)])
    test = labelled([("a test", "label 0")], role="test")
    made = draft_of({"train": rows, "test": test}, data={"limit": 40})
    assert len(made.facts.labels) == len(made.splits["train"]) == 40


def test_draft_refuses_leakage_and_keeps_the_evidence() -> None:
    test = labelled([(f"test {i}", "ab"[i % 2]) for i in range(48)] + [("Text, 1!", "b"), ("text 2", "a")], role="test")
    made = draft_of({"train": many(100), "test": test})
    assert made.refusal
    assert "2 of 50 test rows (4 %)" in made.refusal
    exact, normalised, *_ = (f for f in made.findings if f.check == "leakage")
    assert exact.row_ids == ("train:4", "test:51")
    assert normalised.row_ids == ("train:3", "train:4", "test:50", "test:51")
    assert made.checks["leakage"]["status"] == "found"
    assert sum(len(made.splits[split]) for split in SPLITS) == made.rows_read == 150


def test_draft_takes_leaking_rows_out_of_train_when_asked_to_drop_them() -> None:
    test = labelled([("text 1", "b"), ("test", "a")], role="test")
    made = draft_of({"train": many(100), "test": test}, prepare={"actions": {"leakage": "drop"}})
    assert made.refusal is None
    assert [(d.row_id, d.reason) for d in made.dropped] == [("train:3", "leakage")]
    assert len(made.splits["test"]) == 2


def test_draft_finds_leakage_in_rows_that_are_dropped_as_duplicates() -> None:
    train = (*many(30), *labelled([("Text 1", "b")], role="train:again"))
    made = draft_of({"train": train, "test": labelled([("text 1", "b")], role="test")})
    ids = {row_id for f in made.findings if f.check == "leakage" for row_id in f.row_ids}
    assert ids == {"train:3", "train:again:2", "test:2"}


def test_draft_reads_labels_in_one_spelling_when_asked_to() -> None:
    rows = labelled([(f"text {i}", label) for i, label in enumerate(["Refund"] * 9 + ["refund"] + ["other"] * 10)])
    made = draft_of({"train": rows}, prepare={"actions": {"label_spelling": "fix"}})
    assert made.facts.labels == ("Refund", "other")
    assert made.repaired == {"label_spelling": 1}
    assert draft_of({"train": rows}).facts.labels == ("Refund", "other", "refund")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"train": labelled([("a", "x")])}, "nothing left to test with"),
        ({"train": labelled([("a", "x"), ("A", "x")])}, "nothing left to test with"),
        ({"train": labelled([("a", "x"), ("b", "y")])}, "nothing left to test with"),
        ({"train": ()}, "no train row is left"),
        ({"train": many(9), "test": ()}, "no test row is left"),
        ({"train": labelled([(f"t{i}", "x") for i in range(9)])}, "all train rows have the same label 'x'"),
    ],
)
def test_draft_says_what_to_do_when_nothing_can_be_trained(rows: dict[Split, tuple[Row, ...]], words: str) -> None:
    with pytest.raises(DataError, match="data") as error:
        draft_of(rows)
    assert words in str(error.value)
    assert error.value.fix


def test_draft_trains_validates_and_tests_on_three_rows() -> None:
    made = draft_of({"train": asked([("a", "1"), ("b", "2"), ("c", "3")])}, task="generate")
    assert [len(made.splits[split]) for split in SPLITS] == [1, 1, 1]


def test_draft_splits_rows_that_all_share_one_instruction() -> None:
    made = draft_of({"train": asked([("Write a poem.", f"poem {i}") for i in range(20)])}, task="generate")
    assert [len(made.splits[split]) for split in SPLITS] == [14, 3, 3]


@pytest.mark.parametrize("files", [("train",), ("train", "test"), ("train", "validation", "test")])
def test_draft_decides_every_open_data_field_with_a_reason(files: tuple[Split, ...]) -> None:
    rows = {split: many(200, role=split, word=split) for split in files}
    made = draft_of(rows)
    plan = Plan.model_validate({"data": {split: f"{split}.csv" for split in files}})
    mine = {"task", "prepare.test_fraction", "prepare.validation_fraction"}
    wanted = {field for field in open_fields(plan) if field.startswith("data.") or field in mine}
    assert sorted(choice.field for choice in made.choices) == sorted(wanted)
    assert all(choice.reason for choice in made.choices)


def test_draft_gives_the_reason_of_a_split_with_its_counts() -> None:
    choices = {choice.field: choice for choice in draft_of({"train": many(200)}).choices}
    assert choices["data.test"].value is None
    assert "30 rows of 200 held out of train, stratified by label, seed 0" in choices["data.test"].reason
    assert choices["prepare.test_fraction"].value == 0.15


def test_write_draft_writes_what_the_design_promises(tmp_path: Path) -> None:
    train = (*many(40), *labelled([("text 1", "b")], role="train:again"))
    made = draft_of({"train": train})
    tokens = {split: {"total": 10, "trained_on": 0, "cut": 5, "rows_cut": int(split == "train")} for split in SPLITS}
    long = Finding("long_rows", "warning", "1 train row over prepare.max_length", ("train:2",))
    counted = Counted(tokens, (long,), {"long_rows": {"status": "found", "why": "1 finding"}})
    write_draft(made, tmp_path, counted=counted)
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    assert ledger == {
        "rows_read": 41,
        "rows_kept": {"train": 28, "validation": 6, "test": 6},
        "dropped": {"duplicate": 1},
        "repaired": {},
        "tokens": tokens,
        "reviewed": {},
        "turns": {},
    }
    assert read_rows(tmp_path, "train") == made.splits["train"]
    assert pq.read_table(tmp_path / "dropped.parquet").to_pylist() == [
        {"row_id": "train:again:2", "reason": "duplicate", "detail": "says the same as train:3"}
    ]
    record = json.loads((tmp_path / "findings.json").read_text())
    assert set(record["findings"][0]) == {"check", "severity", "row_ids", "message", "suggestion", "action"}
    assert record["checks"]["long_rows"]["status"] == "found"
    assert record["checks"]["contamination"]["status"] == "not run"


def test_the_card_of_long_rows_shows_them_where_they_are_with_private_values_masked(tmp_path: Path) -> None:
    rows = (*many(40), *labelled([("mail ann@example.org, " + "word " * 500, "a")], role="train:long"))
    made = draft_of({"train": rows})
    (place,) = (split for split in SPLITS if any(row.row_id == "train:long:2" for row in made.splits[split]))
    first = made.splits["train"][0]
    findings = tuple(
        Finding("long_rows", "warning", "1 row over prepare.max_length", (row_id,))
        for row_id in ("train:long:2", first.row_id)
    )
    write_draft(made, tmp_path, counted=Counted({}, findings, {"long_rows": {"status": "found", "why": "2 findings"}}))
    shown = {card["check"]: card for card in json.loads((tmp_path / "cards.json").read_text())["cards"]}
    assert set(shown) == {*(card.check for card in made.cards.cards), "long_rows"}
    long, other = shown["long_rows"]["groups"][0]["rows"]
    assert (long["row_id"], long["place"], long["label"]) == ("train:long:2", place, "a")
    assert "".join(piece["text"] for piece in long["text"]["pieces"]).startswith("mail [email], word word")
    assert (other["row_id"], other["text"]["pieces"][0]["text"]) == (first.row_id, first.text)


def test_a_refused_draft_accounts_for_every_row_and_says_which_checks_did_not_look(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        draft_of({"train": labelled([("mail ann@example.org", "a"), ("other words", "a"), ("Other words!", "a")])})
    made = caught.value.draft
    assert (caught.value.facts()["error"], caught.value.exit_code, caught.value.fix != "") == ("DataError", 3, True)
    assert (made.rows_read, [row.row_id for row in made.splits["train"]]) == (3, ["train:2", "train:3"])
    assert [(d.row_id, d.reason) for d in made.dropped] == [("train:4", "duplicate")]
    write_draft(made, tmp_path, counted=None)
    assert json.loads((tmp_path / "ledger.json").read_text())["rows_kept"] == {"train": 2, "validation": 0, "test": 0}
    record = json.loads((tmp_path / "findings.json").read_text())
    assert {"personal_data", "duplicates"} <= {finding["check"] for finding in record["findings"]}
    status = {name: check["status"] for name, check in record["checks"].items()}
    looks = ("duplicates", "secrets", "lengths", "leakage", "held_out_size", "long_rows")
    assert [status[name] for name in looks] == ["found", "ok", "ok", "not run", "not run", "not run"]
    assert json.loads((tmp_path / "cards.json").read_text())["cards"]


def test_where_every_row_was_left_out_while_reading_no_check_is_ok() -> None:
    read = read_of({"train": ()}, dropped=(Dropped("train:2", "no_label"), Dropped("train:3", "empty", "  ")))
    plan = Plan.model_validate({"data": {"train": "train.csv"}})
    with pytest.raises(Refused, match="no train row is left") as caught:
        drafted(plan, read, actions=checked_actions({}))
    made = caught.value.draft
    assert (made.rows_read, len(made.dropped)) == (2, 2)
    assert {finding.check for finding in made.findings} == {"unusable_rows"}
    for name, check in CHECKS.items():
        assert made.checks[name]["status"] in ("not run", "found") or not check.look, name
    assert made.checks["lengths"]["why"] == "the run stopped before: no train row is left"


def test_write_draft_says_that_tokens_were_not_counted_when_a_run_is_refused(tmp_path: Path) -> None:
    write_draft(draft_of({"train": many(40)}), tmp_path, counted=None)
    assert json.loads((tmp_path / "ledger.json").read_text())["tokens"] == {}
    assert json.loads((tmp_path / "findings.json").read_text())["checks"]["long_rows"]["status"] == "not run"


def test_half_a_character_in_a_mended_cell_is_written_readably(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(f'{{"text": "lone \\ud83d one {i}", "label": "{"ab"[i % 2]}"}}\n' for i in range(30)), encoding="utf-8"
    )
    plan = Plan.model_validate({"data": {"train": "a.jsonl"}})
    write_draft(draft(plan, folder=tmp_path, tell=null_tracker), tmp_path / "prepare", counted=None)
    before = pq.read_table(tmp_path / "prepare/changes.parquet").column("before").to_pylist()
    assert len(before) == 30
    assert before[0] == "lone \\ud83d one 0"

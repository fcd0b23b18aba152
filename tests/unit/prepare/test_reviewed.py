"""A person's decisions come back from a spreadsheet and are done, or refused in words."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from tests.unit.prepare.some_rows import labelled
from tests.unit.prepare.test_stage import many, read_of
from tunewright.core.errors import DataError, PlanError
from tunewright.core.plan import Plan
from tunewright.core.values import Row
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.draft import Draft, write_draft
from tunewright.prepare.reviewed import Decision, decided, read_decisions
from tunewright.prepare.stage import drafted
from tunewright.text.review_table import COLUMNS, n_undecided

LINES = [
    ("train:2", "the first text", "a", "b", "odd", "drop"),
    ("train:3", "the second text", "a", "b", "odd", "Fix"),
    ("train:4", "'=the third text", "a", "", "odd", "label: b"),
    ("train:5", "the fourth text", "b", "a", "odd", " OK "),
    ("train:6", "the fifth text", "b", "a", "odd", ""),
    ("train:7", "the sixth text", "a", "", "odd", "b"),
]


def written(path: Path, lines: list[tuple[str, ...]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([COLUMNS, *lines])
    return path


def rows_of(lines: list[tuple[str, ...]]) -> tuple[Row, ...]:
    return labelled([(line[1].removeprefix("'"), line[2]) for line in lines])


def draft_with(decisions: tuple[Decision, ...], rows: tuple[Row, ...], **actions: str) -> Draft:
    plan = Plan.model_validate({"data": {"train": "train.csv"}, "prepare": {"actions": actions}})
    read = read_of({"train": rows})
    return drafted(plan, replace(read, decisions=decisions), actions=checked_actions(plan.prepare.actions))


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1252")]
)
def test_decisions_are_read_whatever_a_spreadsheet_saves(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = written(tmp_path / "back.csv", LINES, delimiter=delimiter, encoding=encoding)

    assert [(one.row_id, one.word, one.label) for one in decided(read_decisions(path))] == [
        ("train:2", "drop", ""),
        ("train:3", "fix", "b"),
        ("train:4", "label", "b"),
        ("train:5", "keep", ""),
        ("train:7", "label", "b"),
    ]


def test_decisions_are_read_from_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for line in (COLUMNS, *LINES):
        book.active.append(line)
    book.save(tmp_path / "back.xlsx")

    assert [one.word for one in decided(read_decisions(tmp_path / "back.xlsx"))] == [
        "drop",
        "fix",
        "label",
        "keep",
        "label",
    ]


def test_every_decision_is_done_and_accounted_for(tmp_path: Path) -> None:
    decisions = read_decisions(written(tmp_path / "review.csv", LINES))
    made = draft_with(decisions, (*rows_of(LINES), *many(40, word="other")[6:]))
    labels = {row.row_id: row.label for rows in made.splits.values() for row in rows}

    assert [(d.row_id, d.reason) for d in made.dropped] == [("train:2", "review")]
    assert {
        row_id: labels[row_id] for row_id in ("train:3", "train:4", "train:5", "train:6", "train:7")
    } == dict.fromkeys(("train:3", "train:4", "train:5", "train:6", "train:7"), "b")
    assert [(c.row_id, c.before, c.after) for c in made.seen.changes if c.check == "review"] == [
        ("train:3", "a", "b"),
        ("train:4", "a", "b"),
        ("train:7", "a", "b"),
    ]
    (told,) = [finding for finding in made.findings if finding.check == "review"]
    assert told.message == "5 rows were decided by a person: 1 left out, 3 given another label, 1 kept as they are"

    write_draft(made, tmp_path / "prepare", counted=None)
    account = json.loads((tmp_path / "prepare/ledger.json").read_text(encoding="utf-8"))
    assert account["reviewed"] == {
        "train:2": "drop", "train:3": "Fix", "train:4": "label: b", "train:5": "OK", "train:7": "b",
    }  # fmt: skip
    assert (account["dropped"], account["repaired"]) == ({"review": 1}, {"review": 3})


def test_the_next_review_begins_with_the_decisions(tmp_path: Path) -> None:
    rows = (*rows_of(LINES), *labelled([("x", "B"), *[(f"other {i}", "b") for i in range(30)]])[6:])
    odd = Row("train:90", text="yet another one", label="B")
    made = draft_with(read_decisions(written(tmp_path / "review.csv", LINES)), (*rows, odd))
    write_draft(made, tmp_path / "prepare", counted=None)

    with (tmp_path / "prepare/review.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[1:6] == [list(line) for line in LINES if line[5]]
    assert [line[0] for line in lines[6:]] == ["train:90"]
    assert n_undecided(tmp_path / "prepare/review.csv") == 1


def test_a_kept_row_is_safe_from_every_check_but_leakage(tmp_path: Path) -> None:
    pair = labelled([("the same words", "a"), ("the same words", "b"), ("and others", "b"), ("leaking words", "a")])
    train = (*pair, *labelled([(f"text {i}", "ab"[i % 2]) for i in range(50)])[4:])
    test = labelled([("leaking words", "a"), *[(f"held {i}", "ab"[i % 2]) for i in range(120)]], role="test")
    lines: list[tuple[str, ...]] = [(row_id, "", "", "", "", "keep") for row_id in ("train:2", "train:3", "train:5")]
    read = read_of({"train": train, "test": test})
    plan = Plan.model_validate({"data": {"train": "a", "test": "b"}, "prepare": {"actions": {"leakage": "drop"}}})
    actions = checked_actions(plan.prepare.actions)
    decisions = read_decisions(written(tmp_path / "review.csv", lines))
    undecided, decided = (drafted(plan, replace(read, decisions=some), actions=actions) for some in ((), decisions))

    assert [(d.row_id, d.reason) for d in undecided.dropped] == [("train:3", "duplicate"), ("train:5", "leakage")]
    assert [(d.row_id, d.reason) for d in decided.dropped] == [("train:5", "leakage")]
    assert "conflicting_labels" in {finding.check for finding in undecided.findings}
    assert "conflicting_labels" not in {finding.check for finding in decided.findings}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (("train:3", "the second text", "a", "", "odd", "fix"), "suggests nothing"),
        (("train:3", "the second text", "a", "", "odd", "bb"), "'bb' is no decision"),
        (("train:99", "the second text", "a", "", "odd", "drop"), "train:99 is not among the rows"),
        (("train:3", "quite another thing here", "a", "", "odd", "drop"), "says something else"),
        (("train:2", "the first text", "a", "", "odd", "keep"), "two lines decide about train:2"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused(tmp_path: Path, changed: tuple[str, ...], says: str) -> None:
    path = written(tmp_path / "review.csv", [LINES[0], changed])
    with pytest.raises(DataError, match=says) as caught:
        draft_with(read_decisions(path), (*rows_of(LINES), *many(40)[6:]))
    assert caught.value.where == f"{path}:3"
    assert caught.value.fix


def test_a_file_without_the_column_or_of_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("row_id,text\ntrain:2,hello there\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column decision"):
        read_decisions(tmp_path / "a.csv")
    (tmp_path / "run/prepare").mkdir(parents=True)
    (tmp_path / "run/run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PlanError, match="a run's own"):
        read_decisions(written(tmp_path / "run/prepare/review.csv", LINES))


def test_a_label_that_was_changed_without_a_decision_is_said_and_not_done(tmp_path: Path) -> None:
    lines = [LINES[3], ("train:6", "the fifth text", "c", "a", "odd", "")]
    made = draft_with(read_decisions(written(tmp_path / "review.csv", lines)), (*rows_of(LINES), *many(40)[6:]))
    told = [(finding.severity, finding.row_ids) for finding in made.findings if finding.check == "review"]
    assert told == [("info", ("train:5",)), ("warning", ("train:6",))]
    assert {row.row_id: row.label for rows in made.splits.values() for row in rows}["train:6"] == "b"


def test_a_decided_row_that_has_another_label_by_now_is_told_and_its_decision_done(tmp_path: Path) -> None:
    seen: list[tuple[str, ...]] = [
        ("train:2", "", "b", "", "odd", "drop"),
        ("train:3", "", "b", "", "odd", "keep"),
        ("train:4", "", "b", "", "odd", "b"),
        ("train:5", "", "a", "", "odd", "keep"),
        ("train:6", "", "", "", "odd", "keep"),
        ("train:7", "", "c", "", "odd", "b"),
    ]
    rows = labelled([(f"some text {i}", "a") for i in range(6)] + [(f"other {i}", "ab"[i % 2]) for i in range(30)])
    made = draft_with(read_decisions(written(tmp_path / "review.csv", seen)), rows)
    done, other = [finding for finding in made.findings if finding.check == "review"]
    assert done.message == "6 rows were decided by a person: 1 left out, 2 given another label, 3 kept as they are"
    assert other.message == (
        "3 rows were decided with another label in the review than in the data, as train:2, train:3, train:7 "
        "(the first: 'b' in the review and 'a' in the data); the decisions are done all the same"
    )
    assert (other.severity, other.row_ids) == ("warning", ("train:2", "train:3", "train:7"))
    assert [d.row_id for d in made.dropped] == ["train:2"]


def test_a_row_that_a_repair_drops_needs_no_decision(tmp_path: Path) -> None:
    line = ("train:2", "write to [email] please", "a", "", "odd", "keep")
    rows = (*labelled([("write to ann@example.org please", "a")]), *many(40)[1:])
    made = draft_with(read_decisions(written(tmp_path / "review.csv", [line])), rows, personal_data="drop")
    assert [(d.row_id, d.reason) for d in made.dropped] == [("train:2", "personal_data")]
    (told,) = [finding for finding in made.findings if finding.check == "review"]
    assert (told.severity, told.row_ids) == ("warning", ("train:2",))
    assert told.message == "1 row was to stay by a person's decision, and the plan drops what personal_data finds"
    kept = draft_with(read_decisions(tmp_path / "review.csv"), rows)
    assert "train:2" in {row.row_id for some in kept.splits.values() for row in some}


@pytest.mark.parametrize(
    ("line", "row", "is_taken"),
    [
        ("I am still waiting on my card?", "What can I do if my card still has not arrived after 2 weeks?", False),
        ("My card has not arrived yet, why?", "My card has not arrived yet. Why?!", True),
        (
            "Is the caf? in Z?rich still open on Sundays at nine",
            "Is the café in Zürich still open on Sundays at nine",
            False,
        ),
        (
            "Is it true that the caf? is still open on Sundays at nine",
            "Is it true that the café is still open on Sundays at nine",
            True,
        ),
        (
            "Is it true that the cafe is still open on Sundays at nine",
            "Is it true that the café is still open on Sundays at nine",
            False,
        ),
        ("", "whatever it says", True),
        ("no", "yes", False),
    ],
)
def test_a_line_is_about_the_row_that_says_the_same(tmp_path: Path, line: str, row: str, is_taken: bool) -> None:
    path = written(tmp_path / "review.csv", [("train:2", line, "a", "", "odd", "drop")])
    rows = (*labelled([(row, "a")]), *many(40)[1:])
    if is_taken:
        assert [d.reason for d in draft_with(read_decisions(path), rows).dropped] == ["review"]
    else:
        with pytest.raises(DataError, match="says something else"):
            draft_with(read_decisions(path), rows)


def test_a_label_that_a_spreadsheet_would_compute_is_taken_as_it_is_meant(tmp_path: Path) -> None:
    path = written(tmp_path / "review.csv", [("train:3", "text 1", "b", "'-1", "odd", "fix")])
    rows = labelled([(f"text {i}", ["-1", "b"][i % 2]) for i in range(40)])
    (one,) = read_decisions(path)
    assert one.label == "-1"
    made = draft_with((one,), rows)
    assert {row.row_id: row.label for some in made.splits.values() for row in some}["train:3"] == "-1"


def test_the_decided_line_counts_and_not_an_empty_one_about_the_same_row(tmp_path: Path) -> None:
    first, second = (("train:2", "the first text", "a", "", "odd", said) for said in ("", "drop"))
    for lines in ([first, second], [second, first]):
        assert [one.word for one in read_decisions(written(tmp_path / "review.csv", lines))] == ["drop"]


def test_a_decided_row_is_not_relabelled_and_is_not_asked_about_again(tmp_path: Path) -> None:
    rows = labelled([(f"alpha {i} apple" if i % 2 else f"beta {i} bread", "ab"[i % 2]) for i in range(400)])
    wrong = range(11, 31)
    rows = tuple(
        replace(row, label="a" if row.label == "b" else "b") if i in wrong else row for i, row in enumerate(rows)
    )
    undecided = draft_with((), rows, label_errors="fix")
    changed = [change.row_id for change in undecided.seen.changes if change.check == "label_errors"]
    assert len(changed) > 5

    lines: list[tuple[str, ...]] = [(row_id, "", "", "", "", "keep") for row_id in changed[:3]]
    made = draft_with(read_decisions(written(tmp_path / "review.csv", lines)), rows, label_errors="fix")
    assert {c.row_id for c in made.seen.changes if c.check == "label_errors"} == set(changed[3:])
    assert not {suspect.row_id for suspect in made.seen.suspects} & set(changed[:3])
    (told,) = [finding for finding in made.findings if finding.check == "label_errors"]
    assert told.message.endswith("(3 of these rows were decided by a person and stay as decided)")


@pytest.mark.parametrize(
    "text", ["row_id,decision\ntrain:2,drop\ntrain:3,\n", "decision;row_id\ndrop;train:2\n;train:3\n"]
)
def test_two_columns_are_enough(tmp_path: Path, text: str) -> None:
    (tmp_path / "small.csv").write_text(text, encoding="utf-8")
    assert [(one.row_id, one.word) for one in read_decisions(tmp_path / "small.csv")] == [
        ("train:2", "drop"),
        ("train:3", "open"),
    ]


def test_a_label_is_known_in_any_case_and_a_file_without_decisions_is_told_of(tmp_path: Path) -> None:
    line = ("train:2", "text 0", "a", "", "odd", "B")
    made = draft_with(read_decisions(written(tmp_path / "review.csv", [line])), many(40))
    assert {row.row_id: row.label for some in made.splits.values() for row in some}["train:2"] == "b"

    nothing = draft_with(read_decisions(written(tmp_path / "review.csv", [(*line[:5], "")])), many(40))
    (told,) = [finding for finding in nothing.findings if finding.check == "review"]
    assert "nothing is decided yet" in told.message

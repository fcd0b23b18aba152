from __future__ import annotations

import pytest

from tests.unit.prepare.some_rows import labelled
from tunewright.core.errors import PlanError
from tunewright.core.values import Dropped, Finding, Split
from tunewright.prepare.checks.check import Look
from tunewright.prepare.checks.held_out_size import size_findings
from tunewright.prepare.checks.label_spelling import label_spellings, respelled, spelling_findings
from tunewright.prepare.checks.not_built import NOT_RUN
from tunewright.prepare.checks.table import CHECKS, checked_actions
from tunewright.prepare.findings import check_statuses, unusable_findings
from tunewright.prepare.keys import keyed


def splits(train: str, validation: str = "", test: str = "") -> dict[Split, tuple]:
    """One row for each letter, which is its label."""
    parts: dict[Split, str] = {"train": train, "validation": validation, "test": test}
    return {s: labelled([(f"{s} {i}", label) for i, label in enumerate(p)], role=s) for s, p in parts.items()}


def label_findings(rows: dict[Split, tuple]) -> tuple[Finding, ...]:
    """What the checks of labels say of these splits."""
    shown = Look("classify", "split", {s: keyed(part) for s, part in rows.items()}, checked_actions({}))
    looks = [CHECKS[name].look for name in ("rare_labels", "class_imbalance", "unseen_labels")]
    return tuple(finding for look in looks if look for finding in look(shown).findings)


def test_label_findings_names_rows_of_rare_labels() -> None:
    rare, imbalance = label_findings(splits("a" * 10 + "b" * 4 + "c"))
    assert (rare.check, imbalance.check) == ("rare_labels", "class_imbalance")
    assert len(rare.row_ids) == 5
    assert "2 of 3 labels" in rare.message
    assert "1 of them one" in rare.message
    assert "'c' 1, 'b' 4" in rare.message
    assert imbalance.row_ids == ("train:16",)


def test_label_findings_is_silent_about_balanced_labels() -> None:
    assert label_findings(splits("aaaaabbbbb", "ab", "ba")) == ()


def test_label_findings_names_test_rows_whose_label_train_does_not_have() -> None:
    (finding,) = label_findings(splits("aaaaabbbbb", "ab", "aca"))
    assert (finding.check, finding.row_ids, finding.severity) == ("unseen_labels", ("test:3",), "warning")
    assert "'c'" in finding.message


@pytest.mark.parametrize(("n_rare", "n_findings"), [(5, 1), (6, 0)])
def test_label_findings_tells_of_imbalance_from_ten_times_on(n_rare: int, n_findings: int) -> None:
    assert len(label_findings(splits("a" * 50 + "b" * n_rare))) == n_findings


def test_label_spellings_maps_to_the_more_frequent_one() -> None:
    rows = labelled([("1", "Refund"), ("2", "refund"), ("3", "refund"), ("4", "card-lost"), ("5", "c++"), ("6", "c#")])
    spellings = label_spellings([r for r in rows if not (r.label or "").startswith("c+")])
    assert spellings == {"Refund": "refund"}
    assert [r.label for r in respelled(rows, spellings)][:2] == ["refund", "refund"]
    (finding,) = spelling_findings(rows, spellings, action="report")
    assert finding.row_ids == ("train:2",)


def test_unusable_findings_has_one_for_each_reason() -> None:
    dropped = [Dropped("train:3", "empty"), Dropped("train:9", "no_label"), Dropped("test:2", "empty")]
    findings = unusable_findings(dropped)
    assert [f.row_ids for f in findings] == [("train:3", "test:2"), ("train:9",)]
    assert findings[0].message == "2 rows left out: empty"


def test_size_findings_warns_of_a_small_test_set_and_no_validation() -> None:
    assert len(size_findings(splits("ab", "", "ab" * 49))) == 2
    assert size_findings(splits("ab", "a", "ab" * 50)) == ()
    (one_label,) = size_findings(splits("ab", "a", "a" * 100))
    assert "every test row has the label 'a'" in one_label.message


def test_check_statuses_never_says_ok_of_a_check_that_did_not_run() -> None:
    found = (Finding("duplicates", "info", "x"), Finding("of_a_reader", "info", "y"))
    statuses = check_statuses(found, task="generate", n_given=1)
    assert statuses["duplicates"]["status"] == statuses["of_a_reader"]["status"] == "found"
    assert statuses["leakage"]["status"] == "ok"
    assert {name: statuses[name]["status"] for name in (*NOT_RUN, "rare_labels", "long_rows")} == dict.fromkeys(
        (*NOT_RUN, "rare_labels", "long_rows"), "not run"
    )
    assert set(statuses) == {*CHECKS, *NOT_RUN, "of_a_reader"}
    assert all(status["why"] for status in statuses.values())


def test_checked_actions_fills_in_defaults() -> None:
    actions = checked_actions({"leakage": "fix"})
    assert actions["leakage"] == "drop"
    assert actions["duplicates"] == "drop"
    assert actions["conflicting_labels"] == "fix"


@pytest.mark.parametrize(
    ("name", "action", "words"),
    [
        ("duplicate", "drop", "did you mean duplicates?"),
        ("leak", "drop", "did you mean leakage?"),
        ("contamination", "drop", "not in this version"),
        ("duplicates", "refuse", "prepare.actions.duplicates=drop"),
        ("rare_labels", "drop", "prepare.actions.rare_labels=report"),
    ],
)
def test_checked_actions_refuses_what_it_cannot_do(name: str, action: str, words: str) -> None:
    with pytest.raises(PlanError, match=r"prepare\.actions") as error:
        checked_actions({name: action})  # type: ignore[dict-item]
    assert words in str(error.value)
    assert error.value.fix


@pytest.mark.parametrize(("n_given", "is_own"), [(1, True), (2, False), (3, False)])
def test_no_leak_is_our_own_split_s_work_only_when_one_file_was_given(n_given: int, is_own: bool) -> None:
    statuses = check_statuses((), task="classify", n_given=n_given)
    for name in ("leakage", "group_overlap"):
        assert statuses[name]["status"] == "ok"
        assert ("our own split" in statuses[name]["why"]) is is_own

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.values import Action, Row, Split
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.group_overlap import group_findings
from tunewright.prepare.checks.leakage import leak_findings, leaking, leaks, look, refusal
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.keys import Keyed, keyed
from tunewright.text.clean import normalised

TEXTS = st.lists(st.sampled_from(["a b", "A b", "a-b!", "c", "C", "d", "e"]), min_size=1, max_size=8)


def sides(**texts: list[str]) -> dict[Split, tuple[Keyed, ...]]:
    names: tuple[Split, ...] = ("train", "validation", "test")
    return {s: keyed(labelled([(t, "x") for t in texts[s]], role=s)) for s in names if s in texts}


@given(TEXTS, TEXTS)
def test_leaks_names_exactly_the_rows_that_a_naive_search_finds(train: list[str], test: list[str]) -> None:
    found = leaks(sides(train=train, test=test))
    both = {normalised(t) for t in train} & {normalised(t) for t in test}
    expected = {f"train:{i}" for i, t in enumerate(train, 2) if normalised(t) in both}
    expected |= {f"test:{i}" for i, t in enumerate(test, 2) if normalised(t) in both}
    assert {row_id for leak in found for side in leak.normalised for row_id in side} == expected
    exact = {f"test:{i}" for i, t in enumerate(test, 2) if t in train}
    assert {row_id for leak in found for row_id in leak.exact[1]} == exact


def test_leak_findings_has_one_for_each_pair_and_kind() -> None:
    found = leaks(sides(train=["a", "b", "c"], validation=["b"], test=["a", "B"]))
    findings = leak_findings(found, action="refuse")
    assert [f.message.split(",")[0] for f in findings] == [
        "1 validation row (100 %) also in train",
        "1 test row (50 %) also in train",
        "2 test rows (100 %) also in train",
        "1 test row (50 %) also in validation",
    ]
    assert findings[1].row_ids == ("train:2", "test:2")
    assert findings[2].row_ids == ("train:2", "train:3", "test:2", "test:3")
    assert {f.check for f in findings} == {"leakage"}


def test_refusal_begins_above_one_percent_of_the_test_rows() -> None:
    test = [f"test {i}" for i in range(99)] + ["leak one"]
    assert refusal(leaks(sides(train=["leak one"], test=test)), action="refuse") is None
    why = refusal(leaks(sides(train=["leak one", "test 3"], test=test)), action="refuse")
    assert why
    assert "2 of 100 test rows (2 %)" in why
    assert "test:5" in why


def test_refusal_is_none_when_the_plan_says_report_or_drop() -> None:
    found = leaks(sides(train=["a"], test=["a"]))
    assert refusal(found, action="refuse")
    assert refusal(found, action="report") is None
    assert refusal(found, action="drop") is None


def test_refusal_counts_only_train_and_test() -> None:
    assert refusal(leaks(sides(train=["a"], validation=["a", "b"], test=["b"])), action="refuse") is None


def test_leaking_takes_rows_out_of_train_and_validation_and_never_of_test() -> None:
    gone = leaking(leaks(sides(train=["a", "b"], validation=["b", "c"], test=["A", "c"])))
    assert {split: sorted(rows) for split, rows in gone.items()} == {
        "train": ["train:2", "train:3"],
        "validation": ["validation:3"],
    }


def test_leaks_compares_prompts_and_not_answers_of_conversations() -> None:
    train = keyed(asked([("Who are you?", "A robot.")]))
    test = keyed(asked([("who are you", "Nobody."), ("What now?", "A robot.")], role="test"))
    (leak,) = leaks({"train": train, "test": test})
    assert leak.normalised == (("train:2",), ("test:2",))


def test_group_findings_names_a_patient_in_train_and_test() -> None:
    train = keyed([Row("train:2", text="a", group="p1"), Row("train:3", text="b", group="p2")])
    test = keyed([Row("test:2", text="c", group="p1")])
    (finding,) = group_findings({"train": train, "test": test})
    assert finding.row_ids == ("train:2", "test:2")


ADDRESS = "please send the new one to my other address"


def looked_at(given: Mapping[Split, tuple[Keyed, ...]], action: Action, **how: Any) -> Found:
    return look(Look("classify", how.pop("moment", "given"), given, checked_actions({"leakage": action}), **how))


def test_a_near_copy_beside_a_row_that_leaks_word_for_word_is_named_and_no_row_is_counted_twice() -> None:
    shown = sides(train=[ADDRESS, f"{ADDRESS}es", "is there a fee"], test=[ADDRESS, "nothing of it"])
    found = looked_at(shown, "drop")
    equal, near = found.findings
    assert [d.row_id for d in found.dropped] == ["train:2"]
    assert equal.message.startswith("1 test row (50 %) also in train, word for word")
    assert near.row_ids == ("train:3", "test:2")
    assert near.message.startswith("1 train row beside test rows that were found in another way: nearly the same")
    assert near.severity == "info"


def test_near_copies_are_counted_by_the_rows_that_nothing_was_said_of_and_every_twin_is_named() -> None:
    shown = sides(train=[ADDRESS, f"{ADDRESS}es", "where is it then please"], test=[ADDRESS, f"{ADDRESS}e"])
    near = looked_at(shown, "report").findings[-1]
    assert near.message.startswith("1 test row (50 %) also in train, nearly the same")
    assert near.row_ids == ("train:3", "train:2", "test:3")  # the closest first


def test_evidence_is_exact_only_when_every_row_of_the_question_is_there_word_for_word() -> None:
    found = looked_at(sides(train=["a b"], test=["a b", "A b"]), "report")
    assert [(one.kind, one.row_ids) for one in found.evidence] == [("normalised", ("train:2", "test:2", "test:3"))]
    (one,) = looked_at(sides(train=["a b", "x"], test=["a b", "a b"]), "report").evidence
    assert one.kind == "exact"


def test_what_our_own_split_made_is_compared_with_itself_and_files_only_once() -> None:
    texts = {"train": [ADDRESS], "validation": [f"{ADDRESS}es"], "test": [f"{ADDRESS}ed"]}
    shown = sides(**texts)
    found = looked_at(shown, "report", moment="split", own=frozenset({"train", "validation"}))
    assert [one.row_ids for one in found.evidence] == [("train:2", "validation:2")]
    everything = looked_at(shown, "report", moment="given")
    assert len(everything.evidence) == 3

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.values import Action
from tunewright.prepare.checks import duplicates as duplicates_check
from tunewright.prepare.checks.check import Look
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.examine import Examined, Terms, examined
from tunewright.prepare.keys import Keyed, fixed_prompts, keyed


def deduplicated(train: tuple[Keyed, ...], *, duplicates: Action, conflicts: Action) -> Examined:
    actions = checked_actions({"duplicates": duplicates, "conflicting_labels": conflicts})
    task = "generate" if train and train[0].row.messages else "classify"
    return examined("given", {"train": train}, Terms(task, actions))  # type: ignore[arg-type]


PAIRS = st.lists(st.tuples(st.sampled_from(["a", "A!", "b", "B", ":)", ":("]), st.sampled_from("xyz")), max_size=12)
ACTIONS = st.tuples(st.sampled_from(["drop", "report"]), st.sampled_from(["fix", "drop", "report"]))


@given(PAIRS, ACTIONS)
def test_deduplicated_keeps_or_drops_every_row_once_whatever_is_asked(
    pairs: list[tuple[str, str]], actions: tuple[Action, Action]
) -> None:
    rows = labelled(pairs)
    out = deduplicated(keyed(rows), duplicates=actions[0], conflicts=actions[1])
    ids = [k.row.row_id for k in out.sides["train"]] + [d.row_id for d in out.dropped]
    assert sorted(ids) == sorted(row.row_id for row in rows)


@given(PAIRS)
def test_deduplicated_leaves_each_text_once_by_default(pairs: list[tuple[str, str]]) -> None:
    out = deduplicated(keyed(labelled(pairs)), duplicates="drop", conflicts="fix")
    assert sorted(k.whole for k in out.sides["train"]) == sorted({k.whole for k in keyed(labelled(pairs))})


def test_deduplicated_keeps_the_first_and_says_whom_the_others_repeat() -> None:
    out = deduplicated(keyed(labelled([("Hi there", "x"), ("hi, there!", "x"), ("Hi there", "x")])), **DEFAULT)
    assert [k.row.row_id for k in out.sides["train"]] == ["train:2"]
    assert [(d.row_id, d.reason, d.detail) for d in out.dropped] == [
        ("train:3", "duplicate", "says the same as train:2"),
        ("train:4", "duplicate", "says the same as train:2"),
    ]
    assert "2 train rows repeat an earlier one up to case and punctuation (1 of them word" in out.findings[0].message


def test_deduplicated_keeps_the_most_common_label_when_a_text_has_several() -> None:
    out = deduplicated(keyed(labelled([("hi", "x"), ("hi", "y"), ("hi", "y")])), **DEFAULT)
    assert [(k.row.row_id, k.row.label) for k in out.sides["train"]] == [("train:3", "y")]
    conflict = out.findings[1]
    assert (conflict.check, conflict.action) == ("conflicting_labels", "fix")
    assert conflict.row_ids == ("train:2", "train:3", "train:4")
    assert "under the label 'y', not 'x'" in out.dropped[0].detail


@pytest.mark.parametrize(
    ("duplicates", "conflicts", "kept"),
    [
        ("drop", "fix", "2 4"),
        ("drop", "report", "2 3 4"),
        ("drop", "drop", "4"),
        ("report", "drop", "4 6"),
        ("report", "fix", "2 3 4 5 6"),
        ("report", "report", "2 3 4 5 6"),
    ],
)
def test_deduplicated_does_as_asked(duplicates: Action, conflicts: Action, kept: str) -> None:
    rows = labelled([("hi", "x"), ("hi", "y"), ("bye", "x"), ("Hi", "x"), ("Bye", "x")])
    out = deduplicated(keyed(rows), duplicates=duplicates, conflicts=conflicts)
    assert [k.row.row_id.split(":")[1] for k in out.sides["train"]] == kept.split()


def test_deduplicated_tells_texts_apart_that_hold_no_letter() -> None:
    out = deduplicated(keyed(labelled([(":)", "x"), (":(", "y"), ("😀", "x"), ("😡", "y")])), **DEFAULT)
    assert len(out.sides["train"]) == 4
    assert not out.findings


def test_deduplicated_keeps_two_answers_to_one_prompt() -> None:
    out = deduplicated(keyed(asked([("2+2?", "4"), ("2+2?", "four"), ("2+2?", "4")])), **DEFAULT)
    assert [d.row_id for d in out.dropped] == ["train:4"]


def test_duplicates_names_repeated_test_rows_and_drops_nothing() -> None:
    test = keyed(labelled([("hi", "x"), ("Hi", "x")], role="test"))
    found = duplicates_check.look(Look("classify", "given", {"test": test}, checked_actions({})))
    assert not found.dropped
    (finding,) = found.findings
    assert (finding.action, finding.row_ids) == ("report", ("test:3",))


def test_fixed_prompts_finds_an_instruction_that_most_rows_share() -> None:
    same = [("Write a poem.", str(i)) for i in range(5)]
    other = [(f"question {i}", "yes") for i in range(5)]
    rows = asked(same + other)
    fixed = fixed_prompts(rows)
    assert len(fixed) == 1
    assert len({k.asked for k in keyed(rows, fixed=fixed)}) == 10
    assert len({k.asked for k in keyed(rows)}) == 6


DEFAULT: dict[str, Action] = {"duplicates": "drop", "conflicts": "fix"}

"""Turns out of order are found on the row, put in order when asked, and everything else stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.prepare.fresh_seed import fresh
from tunewright.core.values import Action, Message, Row
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.conversation_shape import CHECK, in_turn, look, oddities
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.examine import Terms, examined
from tunewright.prepare.keys import keyed
from tunewright.prepare.turns import turn_account
from tunewright.tables.turns import conversation


def turns(written: str) -> tuple[Message, ...]:
    """One letter a turn: s(ystem), u(ser), a(ssistant, trained), w (an answer of weight 0), t(ool), e (empty user)."""
    roles = {"s": "system", "u": "user", "e": "user", "a": "assistant", "w": "assistant", "t": "tool"}
    return tuple(
        Message(roles[c], "" if c == "e" else f"{c}{i}", is_trained=c == "a") for i, c in enumerate(written, start=1)
    )


def found(rows: Any, *, action: Action = "report", role: str = "train") -> Found:
    return look(Look("generate", "repair", {role: keyed(rows)}, checked_actions({"conversation_shape": action})))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("written", "odd"),
    [
        ("ua", {}),
        ("sua", {}),
        ("suaua", {}),
        ("uatata", {}),
        ("uattaua", {}),
        ("uaa", {"two_answers": 3}),
        ("uwa", {"two_answers": 3}),
        ("uua", {"two_questions": 2}),
        ("usa", {"late_system": 2}),
        ("ssua", {"late_system": 2}),
        ("aua", {"answer_first": 1}),
        ("saua", {"answer_first": 2}),
        ("uaea", {"empty_question": 3}),
        ("uta", {"result_without_call": 2}),
        ("tua", {"result_without_call": 1}),
    ],
)
def test_oddities_names_the_turn(written: str, odd: dict[str, int]) -> None:
    assert oddities(turns(written)) == odd


def test_planted_oddities_are_found_each_on_its_row_and_nothing_else() -> None:
    rng = fresh()
    planted = {
        "two_answers": lambda c, i: c[: i + 1] + "a" + c[i + 1 :],
        "late_system": lambda c, i: c[: i + 1] + "s" + c[i + 1 :],
        "result_without_call": lambda c, i: c[:i] + "t" + c[i:],
    }
    rows, wanted = [], {kind: set() for kind in planted}
    for n in range(400):
        talk = "u" + "au" * rng.randint(0, 4) + "a"
        if rng.random() < 0.1:
            kind = rng.choice(list(planted))
            talk = planted[kind](talk, rng.choice([i for i, c in enumerate(talk) if c == "a"]))  # type: ignore[no-untyped-call]
            wanted[kind].add(f"train:{n}")
        rows.append(Row(f"train:{n}", messages=turns(("s" if rng.random() < 0.5 else "") + talk)))
    kinds = {kind: {row.row_id for row in rows if kind in oddities(row.messages)} for kind in planted}
    assert kinds == wanted
    said = found(rows)
    assert {row_id for finding in said.findings for row_id in finding.row_ids} == set().union(*wanted.values())
    assert {suspect.row_id for suspect in said.suspects} == set().union(*wanted.values())


CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "sum"}}]}


@pytest.mark.parametrize(
    ("written", "odd"),
    [
        ("ucta", {}),
        ("uctta", {}),
        ("uctauta", {"result_without_call": 5}),
        ("ucuta", {"two_questions": 2, "result_without_call": 3}),
        ("tucta", {"result_without_call": 1}),
    ],
)
def test_a_result_whose_call_was_left_out_while_reading_is_not_said_to_have_none(
    written: str, odd: dict[str, int]
) -> None:
    """One letter a turn, c a call without text."""
    roles = {"u": "user", "a": "assistant", "t": "tool"}
    talk = [CALL if c == "c" else {"role": roles[c], "content": f"{c}{i}"} for i, c in enumerate(written)]
    read = conversation(talk, row_id="train:1")
    assert [note.reason for note in read.notes] == ["tool_calls_left_out"], "the call itself is told"
    assert oddities(read.messages) == odd
    assert {f.row_ids for f in found([Row("train:1", messages=read.messages)]).findings} == {("train:1",) for _ in odd}


def test_findings_say_where_and_what_to_type() -> None:
    (finding,) = found([Row("train:1", messages=turns("ua")), Row("train:2", messages=turns("uaa"))]).findings
    assert finding.message == "1 row has two answers in a row, as train:2 (there turn 3); left as they are"
    assert (finding.severity, finding.action) == ("warning", "report")
    assert "prepare.actions.conversation_shape=fix" in finding.suggestion


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("uaa", [("user", "u1"), ("assistant", "a2\n\na3")]),
        ("uusa", [("system", "s3"), ("user", "u1\n\nu2"), ("assistant", "a4")]),
        ("eua", [("user", "u2"), ("assistant", "a3")]),
        ("uwa", [("user", "u1"), ("assistant", "w2"), ("assistant", "a3")]),
        ("uatta", [("user", "u1"), ("assistant", "a2"), ("tool", "t3"), ("tool", "t4"), ("assistant", "a5")]),
    ],
)
def test_fix_joins_neighbours_and_puts_the_system_turn_first(written: str, mended: list[tuple[str, str]]) -> None:
    assert [(m.role, m.content) for m in in_turn(turns(written))] == mended


def test_fix_loses_no_word_and_leaves_rows_in_order_alone() -> None:
    rng = fresh()
    for _ in range(300):
        messages = turns("".join(rng.choices("suawt", k=rng.randint(1, 9))))
        mended = in_turn(messages)
        assert sorted("\n\n".join(m.content for m in mended).split()) == sorted(m.content for m in messages)
        assert in_turn(mended) == mended
        assert not {"two_questions", "late_system"} & oddities(mended).keys()
    whole = turns("suauattata")
    assert in_turn(whole) == whole


def test_fix_shows_the_whole_conversation_before_and_after() -> None:
    sides = {"train": keyed([Row("train:1", messages=turns("uaa"))])}
    made = examined("repair", sides, Terms("generate", checked_actions({"conversation_shape": "fix"})))
    (change,) = made.changes
    assert (change.check, change.field) == ("conversation_shape", "messages")
    assert change.before == "user: u1\n\nassistant: a2\n\nassistant: a3"
    assert change.after == "user: u1\n\nassistant: a2\n\na3"


def test_drop_leaves_test_rows_where_they_are() -> None:
    rows = [Row("test:1", messages=turns("uaa"))]
    assert not found(rows, action="drop", role="test").dropped
    assert [gone.row_id for gone in found(rows, action="drop").dropped] == ["test:1"]


def test_the_check_concerns_conversations_only() -> None:
    assert CHECK.tasks == ("generate",)


def test_turn_account_counts_who_speaks_and_what_is_learned() -> None:
    rows = [Row("1", messages=turns("suawa")), Row("2", messages=turns("uata")), Row("3", messages=turns("ua"))]
    account = turn_account(rows)
    assert (account.rows, account.turns) == (3, 11)
    assert (account.answers, account.answers_trained) == (6, 5)
    assert (account.rows_with_system, account.rows_with_tools, account.rows_of_several_answers) == (1, 1, 2)


def test_fix_says_which_answers_it_cannot_join() -> None:
    rows = [Row(f"train:{i}", messages=turns(written)) for i, written in enumerate(("uaa", "uwa", "uaua"), start=1)]
    said = found(rows, action="fix")
    (finding,) = said.findings
    assert finding.message == (
        "2 rows have two answers in a row, as train:1, train:2 (there turn 3); put in order, but 1 row left as they "
        "are: an answer that is learned is not joined to one that is not"
    )
    assert (finding.action, set(said.repaired)) == ("fix", {"train:1"})


def test_fix_does_not_say_that_it_put_in_order_what_it_left() -> None:
    said = found([Row("train:1", messages=turns("uwa"))], action="fix")
    (finding,) = said.findings
    assert (finding.action, said.repaired) == ("report", {})
    assert finding.message.endswith("; left as they are: an answer that is learned is not joined to one that is not")
    assert finding.suggestion == ("mend them in the file, or leave them out: prepare.actions.conversation_shape=drop")

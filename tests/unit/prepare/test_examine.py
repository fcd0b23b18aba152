"""What checks propose is done in the order of the moments, and everything they say is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.events import ProgressEvent
from tunewright.core.values import Action, Change, Dropped, Finding
from tunewright.prepare import examine
from tunewright.prepare.checks import near_duplicates, table
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.leakage import look as look_for_leaks
from tunewright.prepare.checks.table import all_checks, checked_actions
from tunewright.prepare.examine import MOMENTS, Terms, examined
from tunewright.prepare.keys import keyed

LONG = "my card has not arrived after two weeks and nobody at your office answers the phone"


def shown(moment: Any, sides: dict[Any, Any], *, task: Any = "classify", **asked_for: Action) -> Look:
    return Look(task, moment, {s: keyed(rows) for s, rows in sides.items()}, checked_actions(asked_for))


def run_with(monkeypatch: pytest.MonkeyPatch, **looks: Any) -> examine.Examined:
    checks = {name: Check("fault", ("given",), look) for name, look in looks.items()}
    monkeypatch.setattr(examine, "all_checks", lambda: checks)
    sides = {"train": keyed(labelled([("a", "x"), ("b", "y")]))}
    return examined("given", sides, Terms("classify", {}))


def test_examined_shows_a_repair_to_the_next_check_and_records_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def mend(look: Look) -> Found:
        row = look.rows["train"][0].row
        return Found(repaired={row.row_id: replace(row, text="mended", label="z")})

    def watch(look: Look) -> Found:
        seen.extend(k.whole for k in look.rows["train"])
        return Found()

    made = run_with(monkeypatch, mend=mend, watch=watch)
    assert seen == ["mended", "b"]
    assert made.changes == (
        Change("train:2", "mend", "text", "a", "mended"),
        Change("train:2", "mend", "label", "x", "z"),
    )
    assert made.n_repaired == {"mend": 1}


def test_examined_drops_a_row_once_with_the_first_reason_after_all_have_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def drop(reason: str) -> Any:
        def look(look: Look) -> Found:
            seen.append(len(look.rows["train"]))
            return Found((Finding(reason, "info", "x"),), dropped=(Dropped("train:3", reason),))

        return look

    made = run_with(monkeypatch, one=drop("one"), two=drop("two"))
    assert seen == [2, 2]
    assert [k.row.row_id for k in made.sides["train"]] == ["train:2"]
    assert made.dropped == (Dropped("train:3", "one"),)
    assert [f.check for f in made.findings] == ["one", "two"]


def test_examined_says_why_a_check_could_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_with(monkeypatch, shy=lambda look: Found(not_run="no model")).not_run == {"shy": "no model"}


def test_all_checks_takes_checks_of_installed_packages_but_not_our_names(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> Check:
            return Check("rude word", ("given",), lambda look: Found())

    monkeypatch.setattr(table, "entry_points", lambda group: [Point("rude"), Point("leakage")])
    all_checks.cache_clear()
    try:
        assert all_checks()["rude"].finds == "rude word"
        assert all_checks()["leakage"] is table.CHECKS["leakage"]
        assert checked_actions({"rude": "report"})["rude"] == "report"
    finally:
        all_checks.cache_clear()


def test_near_duplicates_names_groups_and_the_labels_that_tear_them() -> None:
    rows = labelled([(LONG, "lost"), (LONG + "s", "late"), ("something else", "lost"), (LONG + " now", "lost")])
    found = near_duplicates.look(shown("left", {"train": rows}))
    (finding,) = found.findings
    assert finding.row_ids == ("train:2", "train:3", "train:5")
    assert "1 of the groups have rows with different labels, as train:2 'lost', train:3 'late'" in finding.message
    assert not found.dropped
    assert found.evidence[0].row_ids == finding.row_ids


def test_near_duplicates_drops_copies_with_the_same_label_when_asked() -> None:
    rows = labelled([(LONG, "lost"), (LONG + "s", "late"), (LONG + " a", "lost"), (LONG + "st", "late")])
    found = near_duplicates.look(shown("left", {"train": rows}, near_duplicates="drop"))
    assert [d.row_id for d in found.dropped] == ["train:4", "train:5"]
    assert found.dropped[0].detail.startswith("nearly says what train:2 says (0.")


def test_near_duplicates_of_conversations_ignores_a_system_message_that_all_have() -> None:
    rows = [replace(row, messages=(replace(row.messages[0], role="system", content=LONG * 3), *row.messages)) for row in
            asked([("What is two and two?", "Four."), ("Who wrote Faust?", "Goethe did.")])]  # fmt: skip
    assert not near_duplicates.look(shown("left", {"train": rows}, task="generate")).findings


def test_leakage_reports_near_copies_and_long_stretches_and_refuses_neither() -> None:
    train = labelled([(LONG, "lost"), ("we pay for the hotel and the train but never for any dinner", "travel")])
    test = labelled(
        [(LONG + "s", "lost"), ("they say we pay for the hotel and the train but why", "x"), ("no", "x")], role="test"
    )
    found = look_for_leaks(shown("given", {"train": train, "test": test}))
    near, span = found.findings
    assert not found.refusal
    assert (near.row_ids, span.row_ids) == (("train:2", "test:2"), ("train:3", "test:3"))
    assert {(e.kind, e.words) for e in found.evidence} == {
        ("near", ""),
        ("span", "we pay for the hotel and the train but"),
    }


def test_leakage_finds_an_answer_that_stands_in_train_under_another_question() -> None:
    answer = "The patient is a healthy woman of fifty seven years who does not smoke and has no allergies."
    train = asked([("Doctor: how are you? Patient: fine.", answer)])
    test = asked([("Doctor: good day, what brings you here? Patient: my knee.", answer)], role="test")
    (finding,) = look_for_leaks(shown("given", {"train": train, "test": test}, task="generate")).findings
    assert finding.row_ids == ("train:2", "test:2")


def test_leakage_does_not_call_an_answer_a_leak_that_many_rows_give() -> None:
    answer = "Thank you for your message, we will look into it and come back to you soon."
    train = asked([(f"question {i} of its own kind {i * 7}", answer) for i in range(5)])
    test = asked([("another one that nobody asked", answer)], role="test")
    assert not look_for_leaks(shown("given", {"train": train, "test": test}, task="generate")).findings


def test_examined_says_which_check_is_at_work_and_ends_at_the_last() -> None:
    told: list[ProgressEvent] = []
    sides = {"train": keyed(labelled([("some words", "x"), ("other words", "y")])), "validation": (), "test": ()}
    for moment in MOMENTS:
        examined(moment, sides, Terms("classify", checked_actions({})), tell=told.append)
    done = [event.done for event in told]
    assert done == sorted(done)
    assert (told[0].done, told[0].now) == (0, "label spelling")
    assert told[-1].done == told[-1].total > 10
    assert {"label errors", "leakage"} <= {event.now for event in told}
    assert {"cut off"}.isdisjoint(event.now for event in told), "it does not concern the task"

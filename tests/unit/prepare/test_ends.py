"""Of texts of megabytes the checks look at the ends, say so with the rows, and look at everything where they act."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.prepare.some_rows import labelled
from tunewright.core.values import Action
from tunewright.prepare.checks import ends as module
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.table import CHECKS, checked_actions
from tunewright.prepare.keys import keyed

LOOP = ("say it once more " * 20).strip()
VALUE = {
    "personal_data": "write to ann@example.org",
    "secrets": "token=ab12cd34ef56gh",
    "repetition": LOOP,
}


@pytest.fixture(autouse=True)
def short_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_CHARACTERS", 400)


def words(n: int, seed: str) -> str:
    return " ".join(f"{seed}{i}word" for i in range(n))


def found(name: str, sides: dict[str, Any], action: Action | None = None, moment: str = "") -> Found:
    look, actions = CHECKS[name].look, checked_actions({name: action} if action else {})
    assert look
    rows = {split: keyed(some) for split, some in sides.items()}
    return look(Look("classify", moment or CHECKS[name].moments[0], rows, actions))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(VALUE))
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_long_text_is_looked_at_by_its_ends_and_that_is_said(name: str, place: str) -> None:
    body = [words(100, "a"), words(100, "b")]
    text = " ".join(
        {"first": [VALUE[name], *body], "middle": [body[0], VALUE[name], body[1]]}.get(place, [*body, VALUE[name]])
    )
    made = found(name, {"train": labelled([(text, "x"), ("short", "y"), (words(50, "c"), "y")])})
    *told, partly = made.findings
    assert len(told) == (place != "middle")
    assert partly.row_ids == ("train:2",)
    assert partly.message.startswith("1 row was looked at in part for ")
    assert partly.message.endswith(", as train:2: only the first and the last 400 characters of a longer text")


@pytest.mark.parametrize("name", ["personal_data", "secrets"])
def test_what_masks_or_drops_looks_at_everything(name: str) -> None:
    text = f"{words(100, 'a')} {VALUE[name]} {words(100, 'b')}"
    rows = {"train": labelled([(text, "x"), ("short", "y")])}
    fixed, dropped = found(name, rows, "fix"), found(name, rows, "drop")
    assert VALUE[name].split()[-1] not in fixed.repaired["train:2"].text
    assert [gone.row_id for gone in dropped.dropped] == ["train:2"]
    assert not [f for f in (*fixed.findings, *dropped.findings) if "in part" in f.message]


def test_near_copies_of_long_texts_are_told_by_their_ends_and_dropped_by_all_of_them() -> None:
    same = [words(60, "a"), words(60, "b")]
    one, two = (f"{same[0]} {words(400, middle)} {same[1]}" for middle in "xy")
    rows = {"train": labelled([(one, "k"), (two, "k"), ("short", "k")])}
    near, partly = found("near_duplicates", rows).findings
    assert near.row_ids == partly.row_ids == ("train:2", "train:3")
    assert not found("near_duplicates", rows, "drop").findings
    assert not found("near_duplicates", rows, "drop").dropped


def test_leaks_of_long_texts_are_found_at_their_ends_and_equal_ones_wherever_they_differ() -> None:
    first, last = words(60, "a"), words(60, "b")
    one, two = (f"{first} {words(400, middle)} {last}" for middle in "xy")
    train, test = labelled([(one, "k"), ("short", "k")]), labelled([(two, "k"), ("other", "k")], role="test")
    made = found("leakage", {"train": train, "test": test}, moment="given")
    near, partly = made.findings
    assert "nearly the same" in near.message
    assert near.row_ids == partly.row_ids == ("train:2", "test:2")
    assert "equal rows are found whole" in partly.message
    assert not made.refusal


def test_no_stretch_runs_over_the_seam_of_two_ends() -> None:
    text = f"{words(30, 'a')} {words(400, 'x')} {words(30, 'b')}"
    rows = {"train": labelled([(text, "k"), ("short", "k")]), "test": labelled([("q", "k"), ("r", "k")], role="test")}
    (partly,) = found("leakage", rows, moment="given").findings
    assert partly.row_ids == ("train:2",)


@pytest.mark.parametrize("name", [*sorted(VALUE), "near_duplicates"])
def test_nothing_is_said_of_texts_that_are_looked_at_whole(name: str) -> None:
    made = found(name, {"train": labelled([(words(80, "a"), "x"), (words(80, "b"), "y")])})
    assert not [finding for finding in made.findings if "in part" in finding.message]

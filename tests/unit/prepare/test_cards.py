"""The rows behind each finding: chosen, put side by side, bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.files import json_text
from tunewright.core.values import SPLITS, Change, Dropped, Finding, Row, Split
from tunewright.prepare import cards as module
from tunewright.prepare.cards import SHOWN_GROUPS, SHOWN_ROWS, Card, Cards, cards
from tunewright.prepare.checks.check import Evidence, Suspect
from tunewright.prepare.examine import Examined
from tunewright.prepare.keys import keyed
from tunewright.text.names import Named


def made(
    findings: Sequence[Finding], files: Mapping[Split, Sequence[Row]], *, dropped: Sequence[Dropped] = (), **seen: Any
) -> Cards:
    sides = {split: keyed(tuple(rows)) for split, rows in files.items()}
    gone = {d.row_id for d in dropped}
    splits = {split: tuple(r for r in files.get(split, ()) if r.row_id not in gone) for split in SPLITS}
    return cards(findings, seen=Examined({}, **seen), sides=sides, splits=splits, dropped=dropped)


def only(found: Cards) -> Card:
    (card,) = found.cards
    return card


def ids(card: Card) -> list[list[str]]:
    return [[row.row_id for row in group.rows] for group in card.groups]


def marks(card: Card) -> list[list[str]]:
    return [[piece.text for piece in row.text.pieces if piece.is_marked] for g in card.groups for row in g.rows]


def test_duplicates_stand_beside_the_row_that_they_repeat_and_say_where_they_went() -> None:
    rows = labelled([("Hello there", "a"), ("other", "a"), ("hello THERE", "a")])
    finding = Finding("duplicates", "info", "1 row repeats", ("train:4",))
    card = only(made([finding], {"train": rows}, dropped=[Dropped("train:4", "duplicate", "says the same as train:2")]))
    assert ids(card) == [["train:2", "train:4"]]
    assert [row.place for row in card.groups[0].rows] == ["train", "left out: duplicate"]


def test_leaks_show_one_of_each_kind_first_and_mark_the_shared_stretch() -> None:
    long = "the quick brown fox jumps over the lazy dog tonight"
    train = labelled([("Hello there", "a"), ("Who is it", "a"), (f"I said: {long}, again", "b")])
    test = labelled([("hello there!", "a"), ("who is it?", "a"), (long.title(), "b")], role="test")
    findings = [
        Finding("leakage", "warning", "2", ("train:2", "train:3", "test:2", "test:3")),
        Finding("leakage", "info", "1", ("train:4", "test:4")),
    ]
    evidence = (
        Evidence("leakage", "normalised", ("train:2", "test:2"), 1.0),
        Evidence("leakage", "normalised", ("train:3", "train:9", "test:3"), 1.0),
        Evidence("leakage", "span", ("train:4", "test:4"), 1.0, long),
    )
    card = only(made(findings, {"train": train, "test": test}, evidence=evidence))
    assert ids(card) == [["train:4", "test:4"], ["train:2", "test:2"], ["train:3", "test:3", "train:9"]]
    assert card.n_groups == 3
    assert marks(card)[:2] == [[long], [long.title()]]


def test_groups_with_different_labels_come_first_and_their_differing_words_are_marked() -> None:
    rows = labelled(
        [("send it to Rome", "a"), ("send it to Bonn", "a"), ("where is my card", "a"), ("where is the card", "b")]
    )
    evidence = tuple(
        Evidence("near_duplicates", "cluster", pair, 0.9) for pair in (("train:2", "train:3"), ("train:4", "train:5"))
    )
    card = only(made([Finding("near_duplicates", "info", "4")], {"train": rows}, evidence=evidence))
    assert ids(card) == [["train:4", "train:5"], ["train:2", "train:3"]]
    assert marks(card)[:2] == [["my"], ["the"]]


def test_a_doubted_label_stands_beside_what_it_looks_like() -> None:
    rows = labelled([("pay me back", "login")])
    suspect = Suspect("train:2", "label_errors", "'login' looks like 'refund'", "refund")
    card = only(made([Finding("label_errors", "info", "1", ("train:2",))], {"train": rows}, suspects=(suspect,)))
    (row,) = card.groups[0].rows
    assert (row.label, row.seems, row.note) == ("login", "refund", "")


def test_private_values_are_masked_and_marked_in_conversations_too() -> None:
    rows = asked([("my mail is ann@example.org", "Thanks")])
    card = only(made([Finding("personal_data", "warning", "1", ("train:2",))], {"train": rows}))
    assert card.groups[0].rows[0].text.text == "user: my mail is [email]\nassistant: Thanks"
    assert marks(card) == [["[email]"]]


def test_a_mended_cell_is_shown_as_it_was_and_as_it_is_unless_that_would_unmask_it() -> None:
    rows = labelled([("Tom & Ann", "a"), ("[email]", "a")])
    changes = (
        Change("train:2", "markup", "text", "Tom &amp; Ann", "Tom & Ann"),
        Change("train:3", "personal_data", "text", "ann@example.org", "[email]"),
    )
    findings = [Finding("markup", "info", "1", ("train:2",)), Finding("personal_data", "info", "1", ("train:3",))]
    markup, private = made(findings, {"train": rows}, changes=changes).cards
    assert [(c.before.text, c.after.text) for c in markup.changes] == [("Tom &amp; Ann", "Tom & Ann")]
    assert (markup.groups, private.changes) == ((), ())
    assert ids(private) == [["train:3"]]
    assert "ann@" not in json_text(private)


def test_cards_stay_small_however_many_rows_there_are() -> None:
    rows = labelled([(f"the same long text {i % 5_000} {'word ' * 400}", "a") for i in range(20_000)])
    row_ids = tuple(row.row_id for row in rows)
    findings = [Finding(check, "warning", "many", row_ids) for check in ("duplicates", "lengths", "languages")]
    found = made(findings, {"train": rows})
    assert all(len(card.groups) <= SHOWN_GROUPS for card in found.cards)
    assert all(len(group.rows) <= SHOWN_ROWS for card in found.cards for group in card.groups)
    assert found.cards[1].groups[0].n_rows == 20_000
    assert len(json_text(found)) < 60_000


def test_shares_of_languages_are_taken_from_what_the_check_has_counted() -> None:
    counted = tuple(
        Evidence("languages", "language", ("train:2",), share, word) for word, share in (("de", 0.1), ("en", 0.9))
    )
    found = made([], {"train": labelled([("hi", "a")])}, evidence=counted)
    assert [(one.language, one.share) for one in found.languages] == [("en", 0.9), ("de", 0.1)]
    assert found.cards == ()


def test_names_are_shown_neither_in_their_card_nor_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    def finds_ann(texts: list[str]) -> list[tuple[Named, ...]]:
        return [(Named("name", text.index("Ann"), text.index("Ann") + 3),) for text in texts]

    monkeypatch.setattr(module, "why_no_names", lambda: "")
    monkeypatch.setattr(module, "names_in", finds_ann)
    rows = labelled([("I am Ann", "a"), ("Ann & Tom", "a")])
    changes = (
        Change("train:3", "markup", "text", "Ann &amp; Tom", "Ann & Tom"),
        Change("train:3", "names", "text", "Ann & Tom", "[name] & Tom"),
    )
    findings = [Finding("markup", "info", "1", ("train:3",)), Finding("names", "info", "2", ("train:2", "train:3"))]
    found = made(findings[1:], {"train": rows}, changes=changes)
    assert [row.text.text for row in only(found).groups[0].rows] == ["I am [name]", "[name] & Tom"]
    assert marks(only(found)) == [["[name]"], ["[name]"]]
    assert all(not card.changes for card in made(findings, {"train": rows}, changes=changes).cards)


def test_what_nobody_sees_is_named_where_it_stands() -> None:
    rows = labelled([("pay\u200bment \u3164due", "a")])
    card = only(made([Finding("invisible", "warning", "1", ("train:2",))], {"train": rows}))
    assert marks(card) == [["‹U+200B›", "‹U+3164›"]]


def test_a_loop_is_marked_where_it_begins_however_late() -> None:
    rows = labelled(
        [(f"{' '.join(map(str, range(200)))} and so I am fine. I am fine. I am fine. I am fine. Bye.", "a")]
    )
    card = only(made([Finding("repetition", "info", "1", ("train:2",))], {"train": rows}))
    assert marks(card)[0][-1] == "I am fine. I am fine. I am fine. I am fine."


def test_labels_proposals_and_notes_are_masked_before_they_are_cut() -> None:
    mail = f"{'x' * 110} ann@example.org"
    rows = labelled([("pay me back", mail), ("again", "a")])
    suspects = (
        Suspect("train:2", "label_errors", "", mail),
        Suspect("train:3", "label_errors", "it says ann@example.org"),
    )
    found = made([Finding("label_errors", "info", "2", ("train:2", "train:3"))], {"train": rows}, suspects=suspects)
    (first, second) = only(found).groups[0].rows
    assert "ann@" not in json_text(found)
    assert (first.label[-8:], first.seems[-8:], second.note) == ("x [email]"[-8:], "x [email]"[-8:], "it says [email]")

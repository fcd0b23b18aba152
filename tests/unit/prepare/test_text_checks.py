"""What the checks of texts find, do, and leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.values import Action
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.repetition import _longest_loop
from tunewright.prepare.checks.table import CHECKS, checked_actions
from tunewright.prepare.keys import keyed


def found(name: str, rows: Any, *, task: Any = "classify", action: Action | None = None) -> Found:
    look = CHECKS[name].look
    assert look
    actions = checked_actions({name: action} if action else {})
    return look(Look(task, CHECKS[name].moments[0], {"train": keyed(rows)}, actions))


SENTENCE = "I would like to know when my parcel will arrive at my house, and whether I must be there in person."


def test_personal_data_is_counted_by_kind_and_never_shown() -> None:
    rows = labelled([("mail ann@example.org", "x"), ("call +49 30 9018200 or bob@firma.de", "x"), ("hello", "y")])
    (finding,) = found("personal_data", rows).findings
    assert "2 rows hold personal data by its form (2 e-mail, 1 phone)" in finding.message
    assert "example" not in finding.message
    assert finding.row_ids == ("train:2", "train:3")


def test_personal_data_is_replaced_in_every_turn_when_asked_and_keys_are_not() -> None:
    rows = asked([("I am ann@example.org with sk-abcdefghijklmnop1234", "Hello ann@example.org!")])
    (row,) = found("personal_data", rows, task="generate", action="fix").repaired.values()
    assert [m.content for m in row.messages] == ["I am [email] with sk-abcdefghijklmnop1234", "Hello [email]!"]
    assert row.messages[1].is_trained


@pytest.mark.parametrize("action", ["report", "fix", "drop"])
def test_labels_that_are_private_values_are_told_once_with_what_to_do_and_never_shown(action: Action) -> None:
    names = ["ann@example.org", "bob@firma.de", "4111 1111 1111 1111", "refund", "sk-abcdefghijklmnop1234"]
    rows = labelled([(f"some words {i}", label) for i, label in enumerate([*names, *names[:3]])])
    made = found("personal_data", rows, action=action)
    (finding,) = made.findings
    assert finding.message == (
        "4 labels look private (2 e-mail, 1 card, 1 key; 7 rows, as train:2, train:3, train:4 and 4 more); labels are "
        "names of classes and are not masked in review.csv, resolved.yaml and metrics.json"
    )
    assert finding.suggestion.startswith("rename them in the file")
    assert (finding.severity, finding.action, len(finding.row_ids)) == ("warning", "report", 7)
    assert not made.repaired
    assert not made.dropped


def test_secrets_leave_train_when_asked() -> None:
    rows = labelled([("token=ab12cd34ef56gh", "x"), ("hello", "y")])
    assert [drop.row_id for drop in found("secrets", rows, action="drop").dropped] == ["train:2"]


def test_markup_is_taken_out_when_asked() -> None:
    rows = labelled([("Tom &amp; Ann<br>were <b>he</b>re", "x"), ("a < b and c > d", "y"), ("1 <2> 3", "y")])
    assert found("markup", rows).findings[0].row_ids == ("train:2",)
    (row,) = found("markup", rows, action="fix").repaired.values()
    assert row.text == "Tom & Ann were here"


def test_repetition_names_loops_and_leaves_refrains_of_speech_alone() -> None:
    rows = labelled([("I am fine. " * 5, "x"), ("ha ha ha", "x"), (SENTENCE, "y"), ("no no no no", "y")])
    assert found("repetition", rows).findings[0].row_ids == ("train:2",)


def test_cut_off_names_the_answer_that_stops_in_the_middle() -> None:
    rows = asked([(f"question {i}", SENTENCE) for i in range(9)] + [("question", SENTENCE + " Also I")])
    found_ = found("cut_off", rows, task="generate")
    assert found_.findings[0].row_ids == ("train:11",)
    assert found_.suspects[0].reason.startswith("ends in ")


def test_cut_off_does_not_look_where_answers_usually_have_no_full_stop() -> None:
    rows = asked([(f"question {i}", SENTENCE[:-1]) for i in range(9)])
    assert found("cut_off", rows, task="generate").not_run


def test_boilerplate_names_the_answer_that_everybody_gets() -> None:
    rows = asked(
        [(f"question {i}", "We will look into it soon.") for i in range(10)]
        + [(f"what {i}", "Yes.") for i in range(30)]
    )
    (finding,) = found("boilerplate", rows, task="generate").findings
    assert "10 train rows (25 %)" in finding.message
    assert len(finding.row_ids) == 10


def test_lengths_names_a_pasted_document() -> None:
    rows = labelled([(SENTENCE, "x")] * 9 + [(SENTENCE * 30, "x")])
    assert found("lengths", rows).findings[0].row_ids == ("train:11",)


FRENCH = "Je voudrais savoir quand mon colis arrivera chez moi, et si je dois être là en personne."


def test_languages_names_a_stray_row_and_not_a_short_one() -> None:
    rows = labelled([(f"{SENTENCE} {i}", "x") for i in range(30)] + [(FRENCH, "x"), ("merci beaucoup", "x")])
    (finding,) = found("languages", rows).findings
    assert finding.row_ids == ("train:32",)
    assert "another language than en (fr 1;" in finding.message


def test_languages_calls_no_row_a_stray_where_there_are_several() -> None:
    rows = labelled([(f"{SENTENCE} {i}", "x") for i in range(15)] + [(f"{FRENCH} {i}", "x") for i in range(15)])
    (finding,) = found("languages", rows).findings
    assert not finding.row_ids
    assert "the rows are in several languages" in finding.message


def test_languages_says_that_it_cannot_tell_of_few_rows() -> None:
    assert "too little to tell" in found("languages", labelled([(SENTENCE, "x")])).not_run


@pytest.mark.parametrize("name", [n for n, c in CHECKS.items() if c.look])
def test_every_check_is_silent_about_clean_rows_and_none_at_all(name: str) -> None:
    look = CHECKS[name].look
    assert look
    task = CHECKS[name].tasks[0]
    rows = labelled([("where is my parcel", "x"), ("refund me please", "y")] * 1)
    test = labelled([("the app does not open", "x"), ("I moved to a new flat", "y")] * 1, role="test")
    for sides in (
        {"train": keyed(rows), "test": keyed(test), "validation": ()},
        {"train": (), "test": (), "validation": ()},
    ):
        made = look(Look(task, CHECKS[name].moments[0], sides, checked_actions({})))  # type: ignore[arg-type]
        assert not made.dropped
        assert not made.repaired
        assert not made.refusal
        assert not made.findings or name in ("rare_labels", "held_out_size")


@given(st.text("ab ", max_size=60), st.integers(1, 8))
def test_a_loop_is_the_one_that_a_search_word_by_word_finds(text: str, n: int) -> None:
    words = text.split() * 2
    numbers = np.array([sorted(set(words)).index(word) for word in words], dtype=np.int64)
    best, start, run = 0, 0, 0
    for i in range(len(words) - n):
        run = run + 1 if words[i] == words[i + n] else 0
        if run > best:
            best, start = run, i - run + 1
    if n < len(words):
        assert _longest_loop(numbers, n) == (start, best // n + 1)

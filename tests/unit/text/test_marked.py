"""Texts as they are shown: masked, marked, cut."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.text.clean import normalised
from tunewright.text.marked import Piece, changed, different, marked, shared, stretch, whole_detail

CARD = "4111 1111 1111 1111"


def words_of(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 80))
@settings(max_examples=200, deadline=None)
def test_marked_shows_the_text_itself_when_it_is_short_and_nothing_is_private(
    text: str, start: int, end: int, more: int
) -> None:
    shown = marked(text, [(start, end)], most=len(text) + more)
    if "[" not in shown.text:
        assert shown.text == text
        assert shown.more == 0
        assert "".join(p.text for p in shown.pieces if p.is_marked) == text[start:end]


def test_marked_puts_a_kind_in_the_place_of_a_private_value_and_keeps_its_mark() -> None:
    text = f"pay {CARD} now"
    assert marked(text, [(4, 10)]).pieces == (Piece("pay "), Piece("[card]", True), Piece(" now"))


@pytest.mark.parametrize("most", range(1, 40))
def test_marked_shows_no_half_of_a_private_value_wherever_it_is_cut(most: int) -> None:
    text = f"{'a word ' * 2}{CARD} and then some"
    shown = marked(text, most=most)
    assert not any(c.isdigit() for c in shown.text)
    assert len(shown.text) <= most + len("[card]") + 1
    assert shown.text.endswith("…") == (most < len("a word a word ") + 1 + len(" and then some"))


def test_marked_begins_shortly_before_the_stretch_when_it_stands_late_in_a_long_text() -> None:
    text = f"{'x ' * 500}here it is{' y' * 500}"
    at = text.index("here")
    shown = marked(text, [(at, at + 4)], most=40)
    assert shown.pieces[1] == Piece("here", True)
    assert shown.text.startswith("…x x")
    assert shown.text.endswith("y…")
    assert shown.more == len(text) - 40


def test_stretch_finds_normalised_words_in_the_raw_text() -> None:
    text = "Well: ÉTÉ, no-one  (ever) knows."
    start, end = stretch(text, normalised("été no one ever")) or (0, 0)
    assert text[start:end] == "ÉTÉ, no-one  (ever"
    assert stretch(text, "no two") is None
    assert stretch(text, "") is None


def test_stretch_finds_a_text_without_blanks_by_its_characters() -> None:
    assert stretch("我今天很高兴。", "今 天 很") == (1, 4)


def test_shared_and_different_divide_two_texts() -> None:
    left, right = "Please send the parcel to Berlin.", "please send the PARCEL to Rome!"
    both, ours, theirs = shared(left, right), *different(left, right)
    assert words_of(left, both[0]) == ["Please send the parcel to"]
    assert words_of(right, both[1]) == ["please send the PARCEL to"]
    assert (words_of(left, ours), words_of(right, theirs)) == (["Berlin"], ["Rome"])


def test_changed_names_the_words_that_were_mended() -> None:
    before, after = "the cafÃ© is <b>open</b> now", "the café is open now"
    gone, new = changed(before, after)
    assert words_of(before, gone) == ["cafÃ©", "<b>open</b>"]
    assert words_of(after, new) == ["café", "open"]


def test_whole_detail_leaves_the_end_out_when_the_text_was_cut_there() -> None:
    cut = f"{'please look at this ' * 3}my numbers {CARD}"[:80]
    assert cut.endswith("4111 1111")
    assert not any(c.isdigit() for c in whole_detail(cut))
    assert whole_detail("an unclosed quote in line 17") == "an unclosed quote in line 17"


@given(st.text("aB é漢字 ,.-_İ\n", min_size=1, max_size=30), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_stretch_finds_whatever_was_normalised(text: str, start: int, end: int) -> None:
    text = unicodedata.normalize("NFC", text)
    words = [match.span() for match in re.finditer(r"[^\W_]+", text)]
    some = words[min(start, end) : max(start, end)]
    if some:
        wanted = text[some[0][0] : some[-1][1]]
        place = stretch(text, normalised(wanted))
        assert place is not None
        assert normalised(text[slice(*place)]) == normalised(wanted)


def test_stretch_of_a_long_text_is_quick() -> None:
    text = "The patient said: nothing. " * 40_000
    started = time.process_time()
    place = stretch(text + "She has a RASH, on both arms!", "she has a rash on both arms")
    assert place == (len(text), len(text) + 28)
    assert time.process_time() - started < 1  # 0.02 s; word by word it took 3 s


def test_a_marked_character_that_nobody_sees_is_named_and_an_unmarked_one_stays() -> None:
    text = "a\u200bb\u200bc"
    assert marked(text, [(1, 2)]).pieces == (Piece("a"), Piece("‹U+200B›", True), Piece("b\u200bc"))


def test_whole_detail_shows_nothing_of_a_key_that_was_cut() -> None:
    for header in ("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n"):
        cut = f"my key: {header}MIIEowIBAAKCAQEA7bq1 x9+/QdMIIE+owIBAAKCAQEA7bq1\nx9"[:80]
        assert len(cut) == 80
        assert whole_detail(cut) == "my key: [key]"


def test_single_words_that_two_texts_have_by_chance_are_not_called_shared() -> None:
    left, right = "we wait for the parcel since Monday", "nobody knows why the train stood on Monday"
    assert shared(left, right) == ([], [])
    both = shared(left, "where does the parcel go")[0]
    assert words_of(left, both) == ["the parcel"]

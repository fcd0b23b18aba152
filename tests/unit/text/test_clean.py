"""Clean text, labels, and the form in which texts are compared."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.text.clean import clean_label, clean_text, normalised


@given(st.text(alphabet="ab1.é한ก\u0e48’“ \t\n\r\0\x0b\u00a0\u2028e\u0301"))
def test_clean_text_changes_nothing_when_cleaned_again(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once


@given(st.text())
def test_clean_text_is_nfc_without_controls_whatever_comes(text: str) -> None:
    clean = clean_text(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in clean if c != "\n")
    assert clean == clean.strip()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("cafÃ©", "café"),
        ("donâ€™t", "don’t"),
        ("“curly” ‘quotes’", "“curly” ‘quotes’"),
        ("&lt;b&gt; stays", "&lt;b&gt; stays"),
        ("ﬁ Ｆｕｌｌ", "ﬁ Ｆｕｌｌ"),
        ("a \t  b", "a b"),
        ("a\u00a0\u3000b", "a b"),
        ("a\x00b\x07c", "abc"),
        ("a\x0cb", "a b"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\n\n\n\n\ntwo", "one\n\ntwo"),
        ("one \n two  ", "one\n two"),
        ("e\u0301", "é"),
        ("e\0\u0301", "é"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\ufefftext", "text"),
        ("\ud83d\ude00 and \ud83d", "😀 and \ufffd"),
        (" \n\t ", ""),
    ],
)
def test_clean_text_mends_damage_only(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_clean_text_keeps_indentation_when_the_answer_is_code() -> None:
    assert clean_text("def f():\n    return  1\n\tpass") == "def f():\n    return 1\n\tpass"


def test_clean_text_keeps_the_steps_of_an_answer_apart() -> None:
    assert clean_text("48/2 = 24\n48+24 = 72\n#### 72") == "48/2 = 24\n48+24 = 72\n#### 72"


def test_clean_label_collapses_blanks_and_keeps_case() -> None:
    assert clean_label("  Card \n\tArrival\u00a0") == "Card Arrival"


@given(st.text())
def test_normalised_is_stable_and_blind_to_case_and_punctuation(text: str) -> None:
    form = normalised(text)
    assert normalised(form) == form
    assert normalised(f"  {text}!?") == form
    assert form == " ".join(form.split())


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Hello,  WORLD! #2", "hello world 2"),
        ("snake_case", "snake case"),
        ("Straße", "straße"),
        ("नमस्ते दुनिया!", "नमस्ते दुनिया"),
        ("สวัสดีครับ", "สวัสดีครับ"),
        ("오늘 날씨?", "오늘 날씨"),
        ("e\u0301TE\u0301", "été"),
        ("?!… ☎\ufe0f", ""),
    ],
)
def test_normalised_keeps_letters_digits_and_marks_of_every_script(text: str, form: str) -> None:
    assert normalised(text) == form

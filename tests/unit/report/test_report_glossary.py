"""The glossary: one table for the report and for `tunewright help`."""

from __future__ import annotations

import re

import pytest

from tunewright.report.glossary import ALSO, GLOSSARY, TERMS, glossary, glossary_word, term
from tunewright.report.words import METRICS, SYSTEMS


@pytest.mark.parametrize("word", GLOSSARY)
def test_glossary_word_is_found_however_it_is_written(word: str) -> None:
    for spelling in (word, word.upper(), word.replace("_", " "), word.replace("_", "-"), term(word), f"{term(word)}s"):
        assert glossary_word(spelling) == word, spelling


@pytest.mark.parametrize("word", GLOSSARY)
def test_glossary_meaning_is_one_to_three_sentences(word: str) -> None:
    meaning = GLOSSARY[word]
    assert meaning.endswith(".")
    assert 1 <= len(re.findall(r"[.?] (?=[A-Z])", meaning)) + 1 <= 3
    assert len(meaning) <= 240


def test_glossary_has_every_system_and_metric_and_sixty_words_beside() -> None:
    assert GLOSSARY.keys() >= SYSTEMS.keys() | METRICS.keys()
    assert len(GLOSSARY.keys() - SYSTEMS.keys() - METRICS.keys()) >= 60


def test_glossary_other_words_lead_to_a_meaning_and_hide_none() -> None:
    assert set(ALSO.values()) | TERMS.keys() <= GLOSSARY.keys()
    assert all(glossary_word(other) == word for other, word in ALSO.items())
    assert not ALSO.keys() & GLOSSARY.keys()


def test_glossary_word_is_empty_when_nobody_knows_it() -> None:
    assert glossary_word("banana") == glossary_word("") == ""


def test_glossary_of_a_page_is_in_the_order_of_the_alphabet_and_leaves_strange_words_out() -> None:
    assert [heading for heading, _ in glossary({"token", "lora", "banana", "f1_macro"})] == [
        "F1, macro",
        "LoRA",
        "Token",
    ]

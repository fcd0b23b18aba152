"""What leaves the checks is masked, whichever check has quoted it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.prepare.some_rows import labelled
from tunewright.core.files import json_text
from tunewright.core.values import Finding, Row
from tunewright.prepare import checks
from tunewright.prepare.cards import LANGUAGE
from tunewright.prepare.checks.check import Evidence, Suspect
from tunewright.prepare.examine import Examined
from tunewright.prepare.keys import keyed
from tunewright.prepare.told import masked_findings, masked_row, masked_seen
from tunewright.text.clean import normalised

MAIL = "ann.kowalski@example.org"


def test_findings_are_masked_in_message_and_suggestion() -> None:
    (told,) = masked_findings([Finding("any", "info", f"as {MAIL!r}", (), f"see {MAIL}")])
    assert (told.message, told.suggestion) == ("as '[email]'", "see [email]")


def test_shared_words_are_written_as_they_stand_in_the_row_with_private_values_masked() -> None:
    text = f"Please WRITE to {MAIL} if the parcel comes on Monday, thanks"
    words = normalised(f"write to {MAIL} if the parcel comes on monday")
    assert "kowalski" in words
    rows = labelled([(text, "a")], role="test")
    seen = Examined({}, evidence=(Evidence("leakage", "span", ("train:9", "test:2"), 0.8, words),))
    (told,) = masked_seen(seen, sides={"test": keyed(rows)}).evidence
    assert told.words == "WRITE to [email] if the parcel comes on Monday"


def test_normalised_words_that_do_not_stand_in_the_row_are_not_written() -> None:
    seen = Examined({}, evidence=(Evidence("any", "span", ("test:2",), 0.8, normalised(f"write {MAIL}")),))
    (told,) = masked_seen(seen, sides={"test": keyed(labelled([("hello", "a")], role="test"))}).evidence
    assert told.words == ""


def test_suspects_refusals_and_reasons_are_masked_and_the_proposed_label_stays() -> None:
    seen = Examined(
        {}, suspects=(Suspect("train:2", "any", f"ends in {MAIL}", "refund"),), refusals=(MAIL,), not_run={"any": MAIL}
    )
    told = masked_seen(seen, sides={})
    assert "kowalski" not in json_text(told)
    assert told.suspects[0].suggestion == "refund"


def test_a_row_is_masked_in_every_cell() -> None:
    row, was_masked = masked_row(Row("train:2", text=f"to {MAIL}", label=MAIL, group=MAIL))
    assert was_masked
    assert "kowalski" not in json_text(row)
    assert masked_row(Row("train:2", text="hi", label="a")) == (Row("train:2", text="hi", label="a"), False)


def test_no_check_cuts_a_text_before_it_is_masked() -> None:
    """Half an address is not known for one any more: quoted() masks, then cuts."""
    cut = re.compile(r"(?<!\))\[-?\d*:-?\d*\]!r")
    found = [path.name for path in Path(checks.__file__).parent.glob("*.py") if cut.search(path.read_text("utf-8"))]
    assert found == []
    assert cut.search("f'{text[:60]!r}'")


def test_a_language_keeps_its_name_though_the_row_has_a_word_like_it() -> None:
    seen = Examined({}, evidence=(Evidence("language", LANGUAGE, ("test:2",), 0.8, "es"),))
    told = masked_seen(seen, sides={"test": keyed(labelled([("Es regnet", "a")], role="test"))})
    assert told.evidence == seen.evidence

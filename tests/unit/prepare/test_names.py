"""Names are found by a model that a person installed, or it is said that nobody looked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.errors import MissingExtra
from tunewright.core.values import Row
from tunewright.prepare.checks import names as checking
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.keys import keyed
from tunewright.text import names
from tunewright.text.names import Named, names_in, why_no_names

ROWS = labelled(
    [("Please call Ann Smith in Leeds about the parcel.", "a"), ("The parcel is lost and I am sad.", "b")] * 3
)


def found_in(rows: tuple[Row, ...], **actions: Any) -> Found:
    task: Any = "generate" if rows[0].messages else "classify"
    return checking.look(Look(task, "repair", {"train": keyed(rows)}, checked_actions(actions)))


def finds_ann(texts: Iterable[str]) -> Iterator[tuple[Named, ...]]:
    for text in texts:
        yield tuple(
            Named(kind, text.index(word), text.index(word) + len(word))
            for word, kind in (("Ann Smith", "name"), ("Leeds", "place"))
            if word in text
        )


@pytest.fixture
def with_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "why_no_names", lambda: "")
    monkeypatch.setattr(checking, "names_in", finds_ann)


def test_without_the_package_nobody_looked_and_asking_for_more_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_spec", lambda name: None)
    assert "tunewright[pii]" in found_in(ROWS).not_run
    with pytest.raises(MissingExtra) as caught:
        found_in(ROWS, names="fix")
    assert caught.value.fix == 'pip install "tunewright[pii]"'
    assert caught.value.exit_code == 8


@pytest.mark.usefixtures("with_a_model")
def test_names_are_reported_masked_or_their_rows_dropped() -> None:
    (finding,) = found_in(ROWS).findings
    assert finding.message.startswith("3 rows hold names as a model sees them (3 names, 3 places), as train:2, train:4")
    assert "Ann" not in finding.message

    fixed = found_in(ROWS, names="fix").repaired
    assert {row.text for row in fixed.values()} == {"Please call [name] in [place] about the parcel."}
    assert [d.row_id for d in found_in(ROWS, names="drop").dropped] == ["train:2", "train:4", "train:6"]

    (chat,) = found_in(asked([("Where does Ann Smith live?", "In Leeds.")]), names="fix").repaired.values()
    assert [message.content for message in chat.messages] == ["Where does [name] live?", "In [place]."]


@pytest.mark.usefixtures("with_a_model")
def test_a_model_of_english_does_not_judge_german_and_reporting_looks_at_a_sample() -> None:
    german = labelled(
        [(f"Das Paket {i} ist leider immer noch nicht bei mir angekommen, Ann Smith.", "a") for i in range(9)]
    )
    assert "in de" in found_in(german).not_run

    many = labelled([(f"Parcel {i} of Ann Smith has not arrived at my house yet.", "a") for i in range(400)])
    (finding,) = found_in(many).findings
    assert finding.message.startswith("300 rows of 300 drawn hold names")
    assert len(found_in(many, names="fix").repaired) == 400


class FakeBatch:
    """BatchAnalyzerEngine as presidio documents it: results in any order, some within others."""

    def __init__(self, analyzer: object) -> None:
        self.analyzer = analyzer

    def analyze_iterator(self, texts: list[str], *, language: str, entities: list[str]) -> Iterator[list[Any]]:
        assert (language, sorted(entities)) == ("en", ["LOCATION", "PERSON"])
        for text in texts:
            yield [
                SimpleNamespace(entity_type=kind, start=start, end=end)
                for kind, start, end in (("LOCATION", 14, 19), ("PERSON", 0, 3), ("PERSON", 0, 9))
                if end <= len(text)
            ]


def test_the_adapter_takes_the_model_that_lies_here(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[Any] = []

    def provider(nlp_configuration: Any) -> Any:
        asked_for.append(nlp_configuration)
        return SimpleNamespace(create_engine=lambda: "engine")

    here = {"en_core_web_sm"}
    for name, content in {
        "presidio_analyzer": {"BatchAnalyzerEngine": FakeBatch, "AnalyzerEngine": lambda **given: given},
        "presidio_analyzer.nlp_engine": {"NlpEngineProvider": provider},
    }.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(names, "find_spec", lambda name: object())
    monkeypatch.setattr(names, "_version", lambda name: "3.8" if name in here else "")
    names._engine.cache_clear()

    assert why_no_names() == ""
    assert list(names_in(["Ann Smith in Leeds", "ok"])) == [(Named("name", 0, 9),), ()]
    assert list(names_in(["Ann Smith, in Leeds"])) == [(Named("name", 0, 9), Named("place", 14, 19))]
    assert asked_for == [{"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_sm"}]}]
    names._engine.cache_clear()
    here.clear()
    assert "spacy download" in why_no_names()

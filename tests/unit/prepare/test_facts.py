from __future__ import annotations

import pytest

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.prepare.facts import data_facts, language_of


def test_data_facts_counts_train_only() -> None:
    rows = labelled([("é", "b"), ("xyz", "a"), ("xyzw", "b")])
    facts = data_facts({"train": rows, "validation": (), "test": labelled([("q", "zz")])}, task="classify", seed=0)
    assert facts.labels == ("a", "b")
    assert facts.rows_per_label == {"a": 1, "b": 2}
    assert facts.bytes_per_row == 3.0
    assert facts.n_rows == {"train": 3, "validation": 0, "test": 1}
    assert sorted(facts.sample) == ["xyz", "xyzw", "é"]


def test_data_facts_counts_prompt_and_answer_of_conversations() -> None:
    facts = data_facts({"train": asked([("2+2?", "4")]), "validation": (), "test": ()}, task="generate", seed=0)
    assert facts.sample == ("2+2?\n4",)
    assert facts.labels == ()


def test_data_facts_draws_the_same_two_hundred_texts_for_a_seed() -> None:
    rows = labelled([(f"text {i}", "a") for i in range(500)])
    draws = [data_facts({"train": rows, "validation": (), "test": ()}, task="text", seed=s).sample for s in (0, 0, 1)]
    assert len(draws[0]) == 200
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["I would like to return the shoes that I bought.", "Where is my parcel, please?"], "en"),
        (["Ich möchte die Schuhe zurückgeben, die ich gekauft habe."], "de"),
        (["안녕하세요 반갑습니다", "오늘은 날씨가 참 좋네요"], "ko"),
        (["Where is my parcel, please?", "Ich möchte die Schuhe zurückgeben."], ""),
        (["ok", "lol", ":)"], ""),
        ([], ""),
    ],
)
def test_language_of_says_nothing_when_it_cannot_be_told(texts: list[str], language: str) -> None:
    assert language_of(texts) == language

"""A run's model in memory: predict and chat for programs, with the base model beside."""

from __future__ import annotations

from pathlib import Path

import pytest

import tunewright
from tests.answering import classify_run, generate_run
from tunewright.core.errors import PlanError, RunError
from tunewright.verbs.load import Session, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("session")
    classify_run(folder, tiny_encoder)
    generate_run(folder)
    return folder


@pytest.fixture(scope="module")
def labels(folder: Path) -> Session:
    return load("c", runs_dir=folder / "runs")


@pytest.fixture(scope="module")
def talker(folder: Path) -> Session:
    return load(folder / "runs/g")


def test_load_is_the_public_one_and_says_when_there_is_no_such_run(folder: Path) -> None:
    assert tunewright.load is load
    with pytest.raises(RunError, match="no run nosuch"):
        load("nosuch", runs_dir=folder / "runs")


def test_predict_gives_one_answer_each_in_order_when_some_have_no_text(labels: Session) -> None:
    found = labels.predict(["money back please", " ", "parcel now"])

    assert [one.error for one in found] == ["", "no text", ""]
    assert [bool(one.answer) for one in found] == [True, False, True]
    for one in (found[0], found[2]):
        assert sum(one.probabilities) == pytest.approx(1)
        assert one.probability == max(one.probabilities)
        assert labels.loaded.labels[one.probabilities.index(max(one.probabilities))] == one.answer


def test_predict_takes_a_list_and_says_so_when_it_gets_a_text(labels: Session) -> None:
    with pytest.raises(TypeError, match=r"predict\(\[text\]\)"):
        labels.predict("money back please")


def test_predict_asks_the_base_by_label_names_when_it_is_named(labels: Session) -> None:
    (found,) = labels.predict(["money back please"], system="base")
    assert found.answer in labels.loaded.labels
    assert found.probability is None


def test_predict_answers_a_conversation_as_the_prompt_it_ends_in(talker: Session) -> None:
    turns = [{"role": "user", "content": "say 3"}, {"role": "assistant", "content": "not read"}]
    as_prompt, as_turns = talker.predict(["say 3", turns])
    assert as_prompt.answer == as_turns.answer != ""


def test_chat_equals_predict_and_goes_on_from_its_history(talker: Session) -> None:
    told: list[str] = []
    first = talker.chat("say 3", tell=told.append)
    second = talker.chat("say 4", history=first.messages)

    assert "".join(told) == first.answer == talker.predict(["say 3"])[0].answer
    assert [message.content for message in second.messages] == ["say 3", first.answer, "say 4", second.answer]


def test_chat_hears_the_base_without_losing_the_tuned_one(talker: Session) -> None:
    before, base, after = (talker.chat("say 3", system=system).answer for system in ("tuned", "base", "tuned"))
    assert before == after != base


def test_chat_points_to_predict_when_the_model_gives_labels(labels: Session) -> None:
    with pytest.raises(PlanError, match=r"predict\(\[text\]\)"):
        labels.chat("hello")

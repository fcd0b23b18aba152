"""`why` as a function: the same words for the same text, and mistakes told before a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.data import write_documents, write_labelled, write_pairs
from tunewright.core.errors import DataError, PlanError, RunError
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.decided import read_decided
from tunewright.pipeline import run_plan
from tunewright.verbs.why import why


def run_of(folder: Path, *, data: str, model: Path, until: str = "train", system: str | None = None) -> Run:
    values = {
        "model": str(model),
        "data": {"train": data, "system": system},
        "train": {"epochs": 1, "batch_size": 16},
        "evaluate": {"max_new_tokens": 4},
    }
    return run_plan(plan_from(values, folder=folder, name="try"), runs_dir=folder / "runs", until=until).run


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Run:
    folder = tmp_path_factory.mktemp("why labels")
    write_labelled(folder / "rows.csv", n_endings=3)
    return run_of(folder, data="rows.csv", model=tiny_encoder)


def test_why_weighs_every_word_of_the_cleaned_text(labelled: Run) -> None:
    found = why(labelled, "  money\u00a0 back now \0 please ")
    pieces = found.explanation.pieces
    assert [piece.text for piece in pieces] == ["money ", "back ", "now ", "please"]
    assert (found.run, found.task) == (str(labelled.folder), "classify")
    assert found.explanation.answer in ("delivery", "login", "refund")
    assert 0 < found.explanation.probability <= 1
    assert found == why(labelled, "money back now please")


def test_why_holds_a_label_against_enough_random_orders_for_a_p_of_one_in_a_hundred(labelled: Run) -> None:
    found = why(labelled, "money back now please again and again thanks").explanation
    assert round(found.p_value * 100, 6).is_integer()


def test_why_reads_no_further_than_the_model_was_trained_to_read(labelled: Run) -> None:
    max_length = read_decided(labelled).plan.prepare.max_length
    text = " ".join(["money", *["back"] * (max_length // 4), "parcel"])  # a token a byte
    last = why(labelled, text).explanation.pieces[-1]
    assert last.text.endswith("parcel")
    assert last.importance_nats == pytest.approx(0.0, abs=1e-5)  # batched with other lengths it rounds otherwise


@pytest.mark.parametrize("text", ["", "  \n", "\0"])
def test_why_says_that_there_is_no_text(labelled: Run, text: str) -> None:
    with pytest.raises(DataError, match="no text"):
        why(labelled, text)


def test_why_weighs_the_prompt_after_the_runs_system_message(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "rows.jsonl", n=24)
    run = run_of(tmp_path, data="rows.jsonl", model=tiny_decoder, system="Be brief.")
    found = why(run, "say nine again")
    assert "".join(piece.text for piece in found.explanation.pieces) == "say nine again"
    assert {piece.turn for piece in found.explanation.pieces} == {1}, "the system message is turn 0"


def test_why_refuses_a_model_of_raw_text(tmp_path: Path, tiny_decoder: Path) -> None:
    write_documents(tmp_path / "notes.txt")
    run = run_of(tmp_path, data="notes.txt", model=tiny_decoder)
    with pytest.raises(PlanError, match="gives no answer"):
        why(run, "the river")


def test_why_refuses_a_run_that_is_not_trained(tmp_path: Path, tiny_encoder: Path) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=3)
    run = run_of(tmp_path, data="rows.csv", model=tiny_encoder, until="select")
    with pytest.raises(RunError, match="not trained yet"):
        why(run, "money back")

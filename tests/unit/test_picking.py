"""The model of a plan: what cannot be fetched gives way, what the catalogue says otherwise is said."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from tests.pipeline.data import write_labelled
from tests.tiny import save_tiny_encoder
from tunewright.core.errors import NotHere
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.core.machine import this_machine
from tunewright.core.planfile import load_plan
from tunewright.model import find
from tunewright.picking import Picked, picked
from tunewright.prepare.stage import draft
from tunewright.resolve import with_choices


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(find, "snapshot_download", refuse)


def pick(folder: Path, *asked: str) -> tuple[Picked, list[str]]:
    loaded = load_plan(write_labelled(folder / "rows.csv", n_endings=4), overrides=asked)
    made = draft(loaded.plan, folder=loaded.folder, tell=null_tracker)
    plan, _ = with_choices(loaded.plan, made.choices)
    told: list[str] = []

    def remember(event: Event) -> None:
        told.extend([event.text] if isinstance(event, NoteEvent) else [])

    return picked(plan, loaded=loaded, data=made, machine=this_machine(), tell=remember), told


def test_a_model_that_cannot_be_fetched_gives_way_to_the_next_and_is_named(tmp_path: Path) -> None:
    save_tiny_encoder(tmp_path / "mine")
    found, told = pick(tmp_path, "select.candidates=[google-bert/bert-base-uncased, ./mine]")

    assert found.card.name == "./mine"
    assert [one.name for one in found.ranked.candidates] == ["./mine"]
    assert [one.name for one in found.ranked.left_out] == ["google-bert/bert-base-uncased"]
    assert any("bert-base-uncased is left out" in text and "Network is unreachable" in text for text in told)


def test_a_named_model_that_cannot_be_fetched_is_an_error_with_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(NotHere, match="could not be fetched") as caught:
        pick(tmp_path, "model=google-bert/bert-base-uncase")

    assert caught.value.exit_code == 4
    assert "did you mean model.name=google-bert/bert-base-uncased" in caught.value.why


def test_what_the_catalogue_says_otherwise_is_said_and_the_files_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = save_tiny_encoder(tmp_path / "snapshot")
    monkeypatch.setattr(find, "_in_cache", lambda name, revision: tiny)
    found, told = pick(tmp_path, "model=google-bert/bert-base-uncased")

    assert found.card.n_layers == 2
    assert any("n_layers is 2 in its own files, 12 in the catalogue" in text for text in told)

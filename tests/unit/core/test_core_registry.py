"""Registry: a word of the plan becomes the function it names, or an error with the nearest one."""

from __future__ import annotations

import importlib.metadata

import pytest

from tunewright.core.errors import PlanError
from tunewright.core.registry import lookup

TABLE = {"accuracy": abs, "log_loss": len}


def test_lookup_gives_the_part_of_the_table() -> None:
    assert lookup("accuracy", TABLE, kind="metrics", where="evaluate.metrics") is abs


def test_lookup_names_the_nearest_word_when_it_is_misspelled() -> None:
    with pytest.raises(PlanError) as caught:
        lookup("acuracy", TABLE, kind="metrics", where="evaluate.metrics")

    assert caught.value.where == "evaluate.metrics"
    assert caught.value.why == "did you mean accuracy?"
    assert caught.value.fix == "tunewright help evaluate.metrics"


def test_lookup_names_every_part_when_nothing_is_near() -> None:
    with pytest.raises(PlanError) as caught:
        lookup("xyz", TABLE, kind="metrics", where="evaluate.metrics")

    assert caught.value.why == "known: accuracy, log_loss"


def test_lookup_finds_parts_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint(name="mine", value="builtins:sum", group="tunewright.metrics")

    def points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return [point] if group == "tunewright.metrics" else []

    monkeypatch.setattr("tunewright.core.registry.entry_points", points)

    assert lookup("mine", TABLE, kind="metrics", where="evaluate.metrics") is sum
    assert lookup("accuracy", TABLE, kind="metrics", where="evaluate.metrics") is abs
    with pytest.raises(PlanError):
        lookup("mine", TABLE, kind="checks", where="prepare.actions")

"""Which forms a model has, and how an adapter names its base."""

from __future__ import annotations

import ast
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.exporting import changed_model
from tests.tiny import tiny_card
from tunewright.core.errors import PlanError
from tunewright.core.train_plan import TrainPlan
from tunewright.export.loading import loading_lines, placed
from tunewright.export.targets import base_name, chosen


def test_everything_that_the_model_has_is_chosen_when_nothing_is_asked(tiny_decoder: Path) -> None:
    targets, left_out = chosen((), changed_model(tiny_decoder, task="generate"))
    assert list(targets) == ["adapter", "merged"]
    assert left_out == {}


def test_the_adapter_is_left_out_when_all_weights_were_trained(tiny_decoder: Path) -> None:
    whole = changed_model(tiny_decoder, task="generate", plan=TrainPlan(method="full", layers="all"))
    targets, left_out = chosen((), whole)
    assert list(targets) == ["merged"]
    assert "no adapter" in left_out["adapter"]
    with pytest.raises(PlanError, match="there is no adapter to export"):
        chosen(("adapter",), whole)


def test_a_base_from_the_hub_is_named_by_id_and_commit() -> None:
    path = "/cache/hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de"
    card = replace(tiny_card(Path(path), "decoder"), name="Qwen/Qwen3-0.6B")
    assert base_name(card) == ("Qwen/Qwen3-0.6B", "c1899de")


def test_a_local_base_is_named_by_its_folder(tiny_decoder: Path) -> None:
    assert base_name(tiny_card(tiny_decoder, "decoder")) == (str(tiny_decoder), None)


def test_loading_lines_stand_for_the_folder_that_they_are_placed_in() -> None:
    lines = loading_lines("encoder", target="merged", task="classify", n_classes=3)
    assert placed(lines, folder="here") == ('python here/predict.py "first text" "second text"',)


@pytest.mark.parametrize("folder", ["my runs/c", "it's", 'a "b" c', "C:\\runs\\new", "$HOME"])
def test_lines_can_be_typed_whatever_the_folder_is_called(folder: str) -> None:
    (shell,) = placed(loading_lines("encoder", target="merged", task="classify", n_classes=3), folder=folder)
    assert shlex.split(shell) == ["python", f"{folder}/predict.py", "first text", "second text"]
    for target in ("adapter", "merged"):
        for kind, task in (("classifier", "classify"), ("language", "generate"), ("language", "text")):
            lines = placed(loading_lines(kind, target=target, task=task, n_classes=3), folder=folder)
            words = [node.value for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Constant)]
            assert folder in words

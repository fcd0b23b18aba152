"""Fingerprints: what changes a result changes the fingerprint, nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tunewright import fingerprint
from tunewright.asked import from_anywhere
from tunewright.core.errors import DataError
from tunewright.core.plan import Plan, PreparePlan
from tunewright.core.planfile import LoadedPlan
from tunewright.fingerprint import CODE_OF, asked_fingerprint, data_digests, stage_fingerprint

STAGES = tuple(CODE_OF)
BASE: dict[str, Any] = {
    "task": "classify",
    "data": {"train": "a.csv"},
    "model": {"name": "m"},
    "train": {"epochs": 3},
    "run": {"seed": 0, "name": "x"},
}


def _fingerprints(**changes: dict[str, Any]) -> dict[str, str]:
    raw = {**BASE, **{section: {**BASE.get(section, {}), **fields} for section, fields in changes.items()}}
    plan = Plan.model_validate(raw)
    return {stage: stage_fingerprint(stage, plan=plan, before="before") for stage in STAGES}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, set()),
        ({"data": {"limit": 5}}, {"prepare"}),
        ({"prepare": {"max_length": 64}}, {"prepare", "train"}),
        ({"prepare": {"review": "review.csv"}}, {"prepare", "train"}),
        ({"model": {"revision": "v2"}}, {"select", "train"}),
        ({"select": {"candidates": ["m", "n"]}}, {"select"}),
        ({"train": {"epochs": 4}}, {"train"}),
        ({"evaluate": {"limit": 5}}, {"evaluate"}),
        ({"explain": {"rows": 5}}, {"explain"}),
        ({"export": {"max_kl_nats": 0.5}}, {"export"}),
        ({"run": {"seed": 1}}, {"prepare", "select", "train", "evaluate", "explain", "export"}),
        ({"run": {"name": "y"}}, set()),
        ({"run": {"memory_limit": "8GB"}}, set()),
    ],
)
def test_stage_fingerprint_changes_with_its_own_sections_alone(change: dict[str, Any], changed: set[str]) -> None:
    before, after = _fingerprints(), _fingerprints(**change)

    assert {stage for stage in STAGES if before[stage] != after[stage]} == changed


@pytest.mark.parametrize("stage", STAGES)
def test_stage_fingerprint_changes_with_what_it_is_given(stage: str) -> None:
    plan = Plan.model_validate(BASE)
    one = stage_fingerprint(stage, plan=plan, before="a")

    assert one == stage_fingerprint(stage, plan=plan, before="a")
    assert one != stage_fingerprint(stage, plan=plan, before="b")
    assert one != stage_fingerprint(stage, plan=plan, before="a", facts="a model")


def test_stage_fingerprint_is_the_same_when_the_same_files_are_named_from_elsewhere() -> None:
    """The plan that a run keeps has whole paths: run from there, nothing may be trained again."""
    elsewhere = _fingerprints(data={"train": "/home/me/a.csv"}, model={"name": "/models/m"})

    assert elsewhere == _fingerprints()
    assert _fingerprints(data={"train": "b.csv"})["prepare"] != elsewhere["prepare"]


def test_stages_never_share_a_fingerprint() -> None:
    assert len(set(_fingerprints().values())) == len(STAGES)


def test_asked_fingerprint_follows_plan_data_and_model() -> None:
    plan = Plan.model_validate(BASE)
    first = asked_fingerprint(plan, data={"train:0": "x"}, model_files="")

    assert first == asked_fingerprint(Plan.model_validate(BASE), data={"train:0": "x"}, model_files="")
    others = {
        asked_fingerprint(Plan(), data={"train:0": "x"}, model_files=""),
        asked_fingerprint(plan, data={"train:0": "y"}, model_files=""),
        asked_fingerprint(plan, data={"train:0": "x"}, model_files="changed"),
    }
    assert len({first, *others}) == 4


def test_fingerprints_are_the_same_in_every_process_and_need_no_torch() -> None:
    code = (
        "import sys; from tunewright.core.plan import Plan; from tunewright.fingerprint import stage_fingerprint\n"
        f"print(stage_fingerprint('train', plan=Plan.model_validate({BASE!r}), before='before'))\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert seen == {_fingerprints()["train"]}


def test_data_digests_follow_the_content_of_every_named_file(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "t.csv"):
        (tmp_path / name).write_text(name)
    plan = Plan.model_validate({"data": {"train": ["a.csv", "b.csv"], "test": "t.csv", "validation": None}})

    before = data_digests(plan, folder=tmp_path)
    (tmp_path / "b.csv").write_text("changed")
    after = data_digests(plan, folder=tmp_path)

    assert set(before) == {"train:0", "train:1", "test:0"}
    assert {key for key in before if before[key] != after[key]} == {"train:1"}


def test_data_digests_ignore_names_and_times(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("same")
    (tmp_path / "b.csv").write_text("same")
    os.utime(tmp_path / "b.csv", (1, 1))
    one, other = (Plan.model_validate({"data": {"train": name}}) for name in ("a.csv", "b.csv"))

    assert data_digests(one, folder=tmp_path) == data_digests(other, folder=tmp_path)


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_data_digests_say_which_file_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="there is no file") as caught:
        data_digests(Plan.model_validate({"data": {"train": "a.csv", "test": name}} | {}), folder=_with_train(tmp_path))
    assert caught.value.where == "data.test"


def _with_train(folder: Path) -> Path:
    (folder / "a.csv").write_text("text,label\n")
    return folder


def test_decisions_of_a_person_are_data_that_can_change(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n", encoding="utf-8")
    plan = Plan.model_validate({**BASE, "prepare": {"review": "review.csv"}})
    with pytest.raises(DataError, match="no file") as caught:
        data_digests(plan, folder=tmp_path)
    assert caught.value.where == "prepare.review"

    (tmp_path / "review.csv").write_text("row_id,decision\n", encoding="utf-8")
    before = data_digests(plan, folder=tmp_path)
    (tmp_path / "review.csv").write_text("row_id,decision\ntrain:2,drop\n", encoding="utf-8")
    assert {name for name, one in data_digests(plan, folder=tmp_path).items() if before[name] != one} == {"review"}


def test_a_check_of_another_package_is_code_that_can_change(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan.model_validate(BASE)

    def prints(version: str) -> tuple[str, ...]:
        point = SimpleNamespace(name="tone", value="pack:CHECK", dist=SimpleNamespace(version=version))
        monkeypatch.setattr(fingerprint, "entry_points", lambda group: [point] if group == "tunewright.checks" else [])
        asked = asked_fingerprint(plan, data={}, model_files="")
        return asked, *(stage_fingerprint(stage, plan=plan, before="a") for stage in ("prepare", "train"))

    first, second = prints("1.0"), prints("1.1")
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, False, True]
    assert prints("1.0") == first


def test_the_place_of_the_decisions_does_not_count() -> None:
    """The plan kept in a run folder names them by a whole path; what they say is among the data digests."""
    assert _fingerprints(prepare={"review": "review.csv"}) == _fingerprints(prepare={"review": "/somewhere/review.csv"})


def test_the_packages_that_find_names_are_code_that_can_change(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan.model_validate(BASE)
    before = stage_fingerprint("prepare", plan=plan, before="a")
    monkeypatch.setattr(fingerprint, "installed", lambda: {"presidio-analyzer": "2.2"})
    assert stage_fingerprint("prepare", plan=plan, before="a") != before


def test_the_plan_of_a_run_folder_finds_the_decisions_from_anywhere(tmp_path: Path) -> None:
    plan = Plan.model_validate({**BASE, "prepare": {"review": "review.csv"}})
    kept = from_anywhere(LoadedPlan(plan, folder=tmp_path, default_name="x"), name="x")
    assert kept.prepare.review == str(tmp_path / "review.csv")


@pytest.mark.parametrize(
    ("review", "why"), [("folder", "it is a folder"), ("pipe", "it is no ordinary file"), ("/dev/null", "no ordinary")]
)
def test_data_digests_say_what_stands_where_a_file_should(tmp_path: Path, review: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    plan = Plan(prepare=PreparePlan(review=review))
    with pytest.raises(DataError, match=why) as caught:
        data_digests(plan, folder=tmp_path)
    assert "there is no file" not in str(caught.value)
    assert "prepare.review" in str(caught.value)

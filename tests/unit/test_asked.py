"""A plan that names folders and patterns means the files in them: known by name, by content, and in every row's id."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.asked import from_anywhere, whole_plan
from tunewright.core.errors import DataError, PlanError
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.core.planfile import LoadedPlan, load_plan, plan_from
from tunewright.core.section import is_auto
from tunewright.fingerprint import data_digests, stage_fingerprint
from tunewright.prepare.given import given


def write_parts(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        rows = {"text": [f"where is order {number} {i}" for i in range(6)], "label": ["late", "lost"] * 3}
        pq.write_table(pa.table(rows), folder / name)
    return folder


def whole(path: Path, *overrides: str) -> LoadedPlan:
    return whole_plan(load_plan(path, overrides=overrides), tell=null_tracker)


def test_whole_plan_names_the_files_of_a_folder_and_says_so(tmp_path: Path) -> None:
    write_parts(tmp_path / "data", "train-0.parquet", "train-1.parquet", "test-0.parquet")
    told: list[Event] = []
    made = whole_plan(load_plan(tmp_path / "data"), tell=told.append)
    assert made.plan.data.train == ("data/train-0.parquet", "data/train-1.parquet")
    assert made.plan.data.test == ("data/test-0.parquet",)
    assert is_auto(made.plan.data.validation)
    said = "data: train 2 files (train-0.parquet, train-1.parquet), test 1 file (test-0.parquet), by their names"
    assert told == [NoteEvent(said)]
    assert made.default_name == "data"


def test_whole_plan_leaves_files_called_test_out_when_the_plan_wants_no_test_file(tmp_path: Path) -> None:
    write_parts(tmp_path / "data", "train.parquet", "test.parquet")
    made = whole(tmp_path / "data", "data.test=null")
    assert (made.plan.data.train, made.plan.data.test) == (("data/train.parquet",), None)


def test_whole_plan_leaves_a_plan_of_files_as_it_is(tmp_path: Path) -> None:
    loaded = plan_from({"data": {"train": ["a.csv", "b.csv"], "test": "c.csv"}}, folder=tmp_path, name="x")
    assert whole_plan(loaded, tell=null_tracker) is loaded


@pytest.mark.parametrize(("typed", "name"), [("data/*.parquet", "data"), ("*/?.parquet", "here"), (".", "here")])
def test_load_plan_takes_patterns_and_folders_and_names_the_run_by_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, name: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(write_parts(tmp_path / "here", "data/a.parquet", "data/b.parquet"))
    made = whole(Path(typed))
    assert made.default_name == name
    assert given(made.plan, folder=made.folder, tell=null_tracker).n_read == 12
    anywhere = from_anywhere(made, name="x").data.train
    assert anywhere == (str(tmp_path / "here/data/a.parquet"), str(tmp_path / "here/data/b.parquet"))


def test_load_plan_says_how_to_write_a_pattern_that_the_shell_took(tmp_path: Path) -> None:
    write_parts(tmp_path, "a.parquet", "b.parquet")
    with pytest.raises(PlanError) as caught:
        load_plan(tmp_path / "a.parquet", overrides=[str(tmp_path / "b.parquet")])
    assert caught.value.fix == "put a pattern in quotes: 'data/*.csv'"


def test_data_digests_change_with_every_file_of_a_folder(tmp_path: Path) -> None:
    folder = write_parts(tmp_path / "data", "a.parquet", "b.parquet")

    def digests() -> dict[str, str]:
        made = whole(folder)
        return data_digests(made.plan, folder=made.folder)

    first = digests()
    assert sorted(first) == ["train:0", "train:1"]
    write_parts(folder, "c.parquet")
    assert sorted(second := digests()) == ["train:0", "train:1", "train:2"]
    (folder / "b.parquet").write_bytes((folder / "a.parquet").read_bytes())
    assert digests() != second
    assert digests()["train:0"] == first["train:0"]


def test_row_ids_tell_files_of_one_name_apart_and_stay_when_paths_become_whole(tmp_path: Path) -> None:
    write_parts(tmp_path / "data", "lang=en/p.parquet", "lang=de/p.parquet")
    made = whole(tmp_path / "data")
    read = given(made.plan, folder=made.folder, tell=null_tracker)
    ids = [row.row_id for row in read.rows["train"]]
    assert ids[::6] == ["train:lang=de/p.parquet:1", "train:lang=en/p.parquet:1"]
    again = given(from_anywhere(made, name="x"), folder=Path("/"), tell=null_tracker)
    assert [row.row_id for row in again.rows["train"]] == ids


def test_stage_fingerprint_changes_with_the_value_that_a_folder_says(tmp_path: Path) -> None:
    def fingerprint(name: str) -> str:
        plan = plan_from({"data": {"train": name}}, folder=tmp_path, name="x").plan
        return stage_fingerprint("prepare", plan=plan, before="same")

    assert fingerprint("a/label=spam/p.csv") != fingerprint("a/label=ham/p.csv")
    assert fingerprint("a/label=ham/p.csv") == fingerprint("b/label=ham/p.csv")


def test_whole_plan_reads_a_file_once_whatever_it_is_called_and_says_so(tmp_path: Path) -> None:
    write_parts(tmp_path, "d/a.parquet")
    (tmp_path / "d/loop").symlink_to(tmp_path / "d")
    told: list[Event] = []
    made = whole_plan(load_plan(tmp_path / "d/**/*.parquet"), tell=told.append)
    assert made.plan.data.train == ("a.parquet",)
    names = ["./d/a.parquet", "d/a.parquet", "d/loop/a.parquet"]
    made = whole_plan(plan_from({"data": {"train": names}}, folder=tmp_path, name="x"), tell=told.append)
    assert made.plan.data.train == ("./d/a.parquet",)
    assert "the same file as one that is read already" in str(told[-1])
    again = plan_from({"data": {"train": ["d/a.parquet", "d/a.parquet"]}}, folder=tmp_path, name="x")
    assert whole_plan(again, tell=told.append).plan.data.train == ("d/a.parquet",)
    assert "named twice" in str(told[-1])


@pytest.mark.parametrize("data", [{"train": "a", "validation": "./a"}, {"train": "a", "validation": "b", "test": "b"}])
def test_whole_plan_refuses_one_file_for_two_splits(tmp_path: Path, data: dict[str, str]) -> None:
    write_parts(tmp_path, "a", "b")
    with pytest.raises(DataError, match="one file is for"):
        whole_plan(plan_from({"data": data}, folder=tmp_path, name="x"), tell=null_tracker)


def test_whole_plan_refuses_an_empty_list_of_files(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="names no data") as caught:
        whole_plan(plan_from({"data": {"train": []}}, folder=tmp_path, name="x"), tell=null_tracker)
    assert caught.value.fix


def test_whole_and_relative_paths_of_one_name_are_read_together(tmp_path: Path) -> None:
    write_parts(tmp_path, "d/x.parquet", "e/x.parquet")
    names = [str(tmp_path / "d/x.parquet"), "e/x.parquet"]
    made = whole_plan(plan_from({"data": {"train": names}}, folder=tmp_path, name="x"), tell=null_tracker)
    read = given(made.plan, folder=made.folder, tell=null_tracker)
    assert [row.row_id for row in read.rows["train"]][::6] == ["train:d/x.parquet:1", "train:e/x.parquet:1"]
    bare = plan_from({"data": {"train": names}}, folder=tmp_path, name="x")
    assert given(bare.plan, folder=tmp_path, tell=null_tracker).n_read == 12


def test_stage_fingerprint_changes_with_the_folders_that_row_ids_hold(tmp_path: Path) -> None:
    def fingerprint(*names: str) -> str:
        plan = plan_from({"data": {"train": list(names)}}, folder=tmp_path, name="x").plan
        return stage_fingerprint("prepare", plan=plan, before="same")

    first = fingerprint("a/x.csv", "b/x.csv")
    assert first != fingerprint("c/x.csv", "d/x.csv")
    assert first == fingerprint("/w/a/x.csv", "/w/b/x.csv")
    assert fingerprint("a/x.csv", "a/y.csv") == fingerprint("b/x.csv", "b/y.csv")

"""Data sets of the hub and saved ones come in through their own library, with the names of their labels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from tunewright.asked import whole_plan
from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.events import null_tracker
from tunewright.core.planfile import load_plan
from tunewright.prepare.given import given
from tunewright.tables.hub import HubName, hub_folder, hub_name, saved_folder
from tunewright.tables.read import read_table

LABELS = ["late", "lost"]


def rows(n: int) -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=LABELS)})
    return datasets.Dataset.from_dict(
        {"text": [f"order {i}" for i in range(n)], "label": [i % 2 for i in range(n - 1)] + [-1]}, features=features
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf"))
    return tmp_path / "cache"


def test_a_saved_data_set_is_read_with_its_splits_and_the_names_of_its_labels(tmp_path: Path, cache: Path) -> None:
    datasets.DatasetDict({"train": rows(30), "test": rows(10)}).save_to_disk(tmp_path / "orders")
    made = whole_plan(load_plan(tmp_path / "orders"), tell=null_tracker)
    read = given(made.plan, folder=made.folder, tell=null_tracker)
    assert [len(read.rows[split]) for split in ("train", "test")] == [29, 9]
    assert [row.label for row in read.rows["test"]][:2] == LABELS
    assert {drop.reason for drop in read.dropped} == {"no_label"}, "-1 says that the answer is not told"
    assert made.plan.data.train[0].startswith(str(cache))


def test_a_saved_data_set_is_written_once_and_again_when_it_changes(tmp_path: Path, cache: Path) -> None:
    rows(30).save_to_disk(tmp_path / "orders")
    first = saved_folder(tmp_path / "orders", cache=cache)
    assert [path.name for path in first.iterdir()] == ["train.parquet"]
    assert saved_folder(tmp_path / "orders", cache=cache) == first
    rows(40).save_to_disk(tmp_path / "orders")
    again = saved_folder(tmp_path / "orders", cache=cache)
    assert read_table(again / "train.parquet", role="train").n_read == 40


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The hub is a folder somewhere else: what the library does with it from there on is its own."""
    real = datasets.load_dataset
    monkeypatch.setattr(datasets, "load_dataset", lambda path, *_, **__: real(str(folder / path)))


def fill(folder: Path, **rows: int) -> None:
    folder.mkdir(parents=True)
    for name, n in rows.items():
        (folder / f"{name}.csv").write_text("text,label\n" + "where is it,late\n" * n)


def test_hub_folder_keeps_what_the_library_loads(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "hub/shop/orders", train=6, test=3)
    stand_in(monkeypatch, tmp_path / "hub")
    folder = hub_folder("hf://shop/orders", cache=cache)
    assert sorted(path.name for path in folder.iterdir()) == ["test.parquet", "train.parquet"]
    (tmp_path / "hub/shop/orders/train.csv").unlink()
    assert hub_folder("hf://datasets/shop/orders", cache=cache) == folder
    made = whole_plan(load_plan(Path("hf://shop/orders")), tell=null_tracker)
    assert made.default_name == "orders"
    assert given(made.plan, folder=made.folder, tell=null_tracker).n_read == 9


def test_hub_folder_never_takes_a_folder_of_the_same_name_for_the_data_set(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "shop/orders", train=6)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="a folder here is called shop/orders") as caught:
        hub_folder("hf://shop/orders", cache=cache)
    assert "data.train=./shop/orders" in caught.value.fix
    assert not cache.exists()


def test_hub_folder_says_what_to_do_about_a_data_set_with_a_script(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hub/shop/orders").mkdir(parents=True)
    (tmp_path / "hub/shop/orders/orders.py").write_text("")
    stand_in(monkeypatch, tmp_path / "hub")
    with pytest.raises(DataError, match="cannot be had from the hub") as caught:
        hub_folder("hf://shop/orders", cache=cache)
    assert "hf download shop/orders --repo-type dataset --revision refs/convert/parquet" in caught.value.fix


def test_a_saved_data_set_with_an_empty_split_is_refused_in_words(tmp_path: Path, cache: Path) -> None:
    datasets.DatasetDict({"train": rows(30), "test": rows(30).select([])}).save_to_disk(tmp_path / "orders")
    with pytest.raises(DataError, match="cannot be read") as caught:
        saved_folder(tmp_path / "orders", cache=cache)
    assert (caught.value.why, "del dataset" in caught.value.fix) == ("a split of it has no row", True)


def test_labels_inside_lists_and_groups_are_read_by_their_names(tmp_path: Path, cache: Path) -> None:
    label = datasets.ClassLabel(names=LABELS)
    features = datasets.Features({"tags": datasets.Sequence(label), "s": {"x": label}, "n": datasets.Value("int32")})
    cells = {"tags": [[0, 1], [], None], "s": [{"x": 1}, {"x": -1}, {"x": 0}], "n": [1, 2, 3]}
    datasets.Dataset.from_dict(cells, features=features).save_to_disk(tmp_path / "orders")
    kept = pq.read_table(saved_folder(tmp_path / "orders", cache=cache) / "train.parquet").to_pydict()
    assert kept == {
        "tags": [["late", "lost"], [], None], "s": [{"x": "lost"}, {"x": None}, {"x": "late"}], "n": [1, 2, 3],
    }  # fmt: skip


def test_hub_folder_says_how_to_fetch_by_hand_where_there_is_no_network(tmp_path: Path) -> None:
    code = "from tunewright.tables.hub import Path, hub_folder; hub_folder('hf://a/b', cache=Path('c'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "DataError: hf://a/b: the hub cannot be reached" in done.stderr
    assert "hf download a/b --repo-type dataset --local-dir data; then name the folder: data.train=data" in done.stderr
    assert not (tmp_path / "c").exists()


def test_hub_folder_names_the_extra_when_the_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra) as caught:
        hub_folder("hf://a/b", cache=tmp_path)
    assert (caught.value.exit_code, caught.value.fix) == (8, 'pip install "tunewright[hub]"')


@pytest.mark.parametrize("word", ["hf://name", "hf://", "hf://owner/"])
def test_hub_name_refuses_a_word_without_owner_and_name(word: str) -> None:
    with pytest.raises(DataError, match="names no data set of the hub"):
        hub_name(word)


def test_hub_name_takes_configuration_and_revision() -> None:
    assert hub_name("hf://nyu-mll/glue@v1/sst2") == HubName("nyu-mll/glue", "sst2", "v1")


def test_a_saved_data_set_that_is_damaged_is_refused_in_words(tmp_path: Path, cache: Path) -> None:
    rows(30).save_to_disk(tmp_path / "orders")
    for path in (tmp_path / "orders").glob("*.arrow"):
        path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="the saved data set cannot be read"):
        saved_folder(tmp_path / "orders", cache=cache)

"""A folder or a pattern means the files that a person would take from it, each for the split that its name says."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import DataError
from tunewright.core.values import Split
from tunewright.tables.files import Files, files_of, split_named
from tunewright.tables.read import read_table


def found(folder: Path, name: str, *, role: Split = "train", **named: str) -> Files:
    asked: dict[Split, tuple[str, ...]] = {"train": (name,)}
    asked |= {split: (named[split],) for split in ("validation", "test") if split in named}
    return files_of(asked[role], folder=folder, role=role, named=asked)


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text,label\na,b\n")
    return folder


def test_files_of_takes_every_data_file_of_a_folder_in_order_and_says_what_it_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "t/b.csv", "t/a.jsonl.gz", "t/sub/c.csv.zst", "t/README.md", "t/LICENSE.txt", "t/.hidden.csv")
    fill(tmp_path, "t/.cache/d.csv", "t/_SUCCESS", "t/_tmp/e.csv", "t/dataset_infos.json")
    made = found(tmp_path, "t")
    assert made.by_split == {"train": ("t/a.jsonl.gz", "t/b.csv", "t/sub/c.csv.zst")}
    assert made.notes == (
        "t: 3 files (a.jsonl.gz, b.csv, sub/c.csv.zst); left out: LICENSE.txt, README.md, dataset_infos.json",
    )


def test_files_of_takes_text_files_when_a_folder_holds_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path, "t/a.txt", "t/b.txt", "t/notes.md")
    assert found(tmp_path, "t").by_split == {"train": ("t/a.txt", "t/b.txt")}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("t/*.csv", ("t/a.csv", "t/b.csv")),
        ("t/**/*.csv", ("t/a.csv", "t/b.csv", "t/sub/c.csv")),
        ("t/[ac]*", ("t/a.csv",)),
        ("t/?", ("t/x",)),
        ("*/sub", ("t/sub/c.csv",)),
        ("t/**", ("t/a.csv", "t/b.csv", "t/sub/c.csv")),
    ],
)
def test_files_of_takes_the_files_that_fit_a_pattern(tmp_path: Path, pattern: str, names: tuple[str, ...]) -> None:
    fill(tmp_path, "t/b.csv", "t/a.csv", "t/sub/c.csv", "t/x")
    assert found(tmp_path, pattern).by_split == {"train": names}
    whole = str(tmp_path / pattern)
    assert found(tmp_path / "elsewhere", whole).by_split == {"train": tuple(str(tmp_path / name) for name in names)}


def test_files_of_takes_a_file_that_is_called_like_a_pattern_for_the_file(tmp_path: Path) -> None:
    fill(tmp_path, "a[1].csv", "a1.csv")
    assert found(tmp_path, "a[1].csv").by_split == {"train": ("a[1].csv",)}


@pytest.mark.parametrize(
    ("names", "by_split"),
    [
        (
            ("train-0.parquet", "train-1.parquet", "test-0.parquet", "other.csv"),
            {"train": ("train-0.parquet", "train-1.parquet"), "test": ("test-0.parquet",)},
        ),
        (("train/a.csv", "dev/a.csv"), {"train": ("train/a.csv",), "validation": ("dev/a.csv",)}),
        (("a.csv", "My-TestSet-1.csv"), {"train": ("a.csv",), "test": ("My-TestSet-1.csv",)}),
        (("split=train/p.csv", "split=test/p.csv"), {"train": ("split=train/p.csv",), "test": ("split=test/p.csv",)}),
        (("test_1.csv", "test_2.csv"), {"train": ("test_1.csv", "test_2.csv")}),
        (("latest.csv", "devices.csv"), {"train": ("devices.csv", "latest.csv")}),
        (("trainset.csv", "testset.csv"), {"train": ("trainset.csv",), "test": ("testset.csv",)}),
        (("x.train.jsonl", "x.test.jsonl"), {"train": ("x.train.jsonl",), "test": ("x.test.jsonl",)}),
        (("a.csv", "TESTSet.csv", "hold-out.csv"), {"train": ("a.csv",), "test": ("TESTSet.csv", "hold-out.csv")}),
        (("speedtest1.csv", "speedtest2.csv"), {"train": ("speedtest1.csv", "speedtest2.csv")}),
    ],
    ids=[
        "hugging face",
        "folders",
        "one named",
        "partitions",
        "all tests",
        "parts of words",
        "glued",
        "dots",
        "apart",
        "all doubtful",
    ],
)
def test_files_of_keeps_files_that_are_called_test_out_of_training(
    tmp_path: Path, names: tuple[str, ...], by_split: dict[Split, tuple[str, ...]]
) -> None:
    fill(tmp_path / "d", *names)
    made = found(tmp_path, "d")
    assert made.by_split == {split: tuple(f"d/{name}" for name in some) for split, some in by_split.items()}
    assert ("by their names" in made.notes[0]) == (len(by_split) > 1)


def test_files_of_lets_the_plan_say_which_files_are_for_testing(tmp_path: Path) -> None:
    fill(tmp_path, "d/a.csv", "d/b.csv", "d/test.csv", "d/kept/c.csv")
    assert found(tmp_path, "d", test="d/b.csv").by_split == {"train": ("d/a.csv", "d/kept/c.csv")}
    assert found(tmp_path, "d", test="d/kept").by_split == {"train": ("d/a.csv", "d/b.csv")}
    assert found(tmp_path, "d", test="d/b*").by_split == {"train": ("d/a.csv", "d/kept/c.csv")}
    assert found(tmp_path, "d", role="test", test="d").by_split == {"test": ("d/test.csv",)}
    assert found(tmp_path, "d/kept", test="d").by_split == {"train": ("d/kept/c.csv",)}


def test_files_of_names_each_file_once_when_names_overlap(tmp_path: Path) -> None:
    fill(tmp_path, "d/a.csv", "d/b.csv")
    names = ("d/*.csv", "d")
    assert files_of(names, folder=tmp_path, role="train", named={"train": names}).by_split["train"] == (
        "d/a.csv",
        "d/b.csv",
    )


@pytest.mark.parametrize(
    ("name", "what", "why"),
    [
        ("d", "there is no data file in this folder", "it holds cat.png, more/, notes.md"),
        ("empty", "there is no data file in this folder", "it holds nothing"),
        ("d/*.csv", "no file fits this pattern", "holds cat.png, more/, notes.md"),
        ("nowhere/*.csv", "no file fits this pattern", "holds d/, empty/, model/, runs/"),
        ("runs", "there is no data file in this folder", "it holds try/"),
        ("runs/try", "there is no data file in this folder", "it is the folder of a run"),
        ("model", "there is no data file in this folder", "it is the folder of a model"),
    ],
)
def test_files_of_says_what_there_is_when_there_is_nothing_to_read(
    tmp_path: Path, name: str, what: str, why: str
) -> None:
    fill(tmp_path, "d/cat.png", "d/notes.md", "d/more/dog.png", "runs/try/run.json", "runs/try/prepare/train.parquet")
    fill(tmp_path, "model/config.json", "model/vocab.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=what) as caught:
        found(tmp_path, name)
    assert why in caught.value.why
    assert "data.train=FILE" in caught.value.fix


def test_files_of_says_so_when_every_file_is_for_something_else(tmp_path: Path) -> None:
    fill(tmp_path, "d/test.csv", "d/dev.csv")
    with pytest.raises(DataError, match="no file is left for train") as caught:
        found(tmp_path, "d")
    assert caught.value.fix == "name the file itself: data.train=d/dev.csv"


@pytest.mark.parametrize(
    "name",
    [
        *("testabc.csv", "speedtest.csv", "validfoo.csv", "more/holdoutz/x.csv"),
        *("train_test.csv", "train-test-split.csv", "test_train.jsonl", "traintest.csv", "train_test/x.csv"),
    ],
)
def test_files_of_asks_when_a_name_might_say_test(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "d", "a.csv", name)
    with pytest.raises(DataError, match="for training or for testing") as caught:
        found(tmp_path, "d")
    assert f"'data.train=[d/a.csv]' data.test=d/{name}" in caught.value.fix
    assert found(tmp_path, "d", test=f"d/{name}").by_split == {"train": ("d/a.csv",)}
    fill(tmp_path / "d", "train.csv")
    assert found(tmp_path, "d").by_split == {"train": ("d/train.csv",)}, "it is left out, and told"


def test_files_of_says_which_splits_a_name_says_and_reads_a_file_that_is_all_there_is(tmp_path: Path) -> None:
    fill(tmp_path / "d", "train_test.csv", "readme.csv")
    with pytest.raises(DataError, match="for training or for testing") as caught:
        found(tmp_path, "d")
    assert caught.value.why.startswith("its name says train and test; ")
    (tmp_path / "d/readme.csv").unlink()
    assert found(tmp_path, "d").by_split == {"train": ("d/train_test.csv",)}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("TRAIN.csv", "train"), ("test_v2.csv.gz", "test"), ("train_test.csv", None), ("valid/p.parquet", "validation"),
        ("lang=test/part-0.parquet", None), ("subset=dev/a.csv", "validation"), ("attestation.csv", None),
        ("testdata.csv", "test"), ("trn.csv", "train"), ("x_tst.csv", "test"), ("train1.csv", "train"),
        ("heldout.csv", "test"), ("holdout-2.csv", "test"), ("mytest.csv", "test"), ("devset.csv", "validation"),
        ("traintest.csv", None), ("testimonials.csv", None), ("hottest.csv", None), ("value.csv", None),
    ],
)  # fmt: skip
def test_split_named_reads_whole_words(name: str, split: Split | None) -> None:
    assert split_named(name) == split


def test_read_table_gives_what_a_partition_says_as_a_column_unless_the_file_has_it(tmp_path: Path) -> None:
    for lang in ("en", "de%20at"):
        (tmp_path / f"split=train/lang={lang}").mkdir(parents=True)
        pq.write_table(pa.table({"text": ["a"]}), tmp_path / f"split=train/lang={lang}/p.parquet")
    table = read_table(tmp_path / "split=train/lang=de%20at/p.parquet", role="train")
    assert table.columns == ("text", "lang")
    assert table.records[0].values == {"text": "a", "lang": "de at"}
    pq.write_table(pa.table({"lang": ["fr"]}), tmp_path / "split=train/lang=en/p.parquet")
    assert read_table(tmp_path / "split=train/lang=en/p.parquet", role="train").records[0].values == {"lang": "fr"}

"""Files: whole or not there; the same digest in every process."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.errors import RunError
from tunewright.core.files import (
    cannot_write,
    code_digest,
    digest,
    file_digest,
    json_text,
    line_writer,
    remove,
    write_atomically,
    write_json,
    write_text,
    writing,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True, slots=True)
class Measured:
    value: float
    name: str = "nats"


def test_write_atomically_gives_the_file_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"

    with write_atomically(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent

    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_write_atomically_keeps_the_old_file_and_leaves_nothing_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half() -> None:
        with write_atomically(path) as temporary:
            temporary.write_text("half")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        half()

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_write_atomically_says_disk_full_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: object, _target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)

    with pytest.raises(RunError, match="the disk is full") as caught:
        write_text(tmp_path / "a.txt", "new")

    assert caught.value.exit_code == 9
    assert "a.txt" in caught.value.where
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_cannot_write_names_another_folder_when_the_place_is_closed(code: int) -> None:
    error = cannot_write(Path("runs/x"), OSError(code, "no"))

    assert "cannot be written" in error.what
    assert "--runs-dir" in error.fix


def test_write_atomically_tells_the_cause_when_even_cleaning_up_is_impossible(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(RunError):
        write_text(tmp_path / "file" / "a.txt", "new")


def test_write_atomically_may_write_a_folder(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "model") as temporary:
        temporary.mkdir()
        (temporary / "config.json").write_text("{}")

    assert (tmp_path / "model" / "config.json").is_file()


def test_remove_takes_files_folders_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").touch()
    for name in ("folder", "file", "missing"):
        remove(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_remove_takes_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")

    remove(tmp_path / "link")

    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_json_writes_nan_and_infinity_as_null_at_any_depth(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": math.nan, "b": [math.inf, (1.5, -math.inf)], "c": Measured(math.nan)})

    expected = {"a": None, "b": [None, [1.5, None]], "c": {"value": None, "name": "nats"}}
    assert json.loads((tmp_path / "a.json").read_text()) == expected


def test_json_takes_numpy_numbers_and_paths() -> None:
    value = {"n": np.int64(3), "x": np.float32(0.5), "nan": np.float64("nan"), "path": Path("a/b")}

    assert json.loads(json_text(value)) == {"n": 3, "x": 0.5, "nan": None, "path": "a/b"}


def test_json_can_be_written_when_a_text_holds_half_a_character(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"text": "a\ud800b"})

    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"text": "a\ud800b"}


@given(value=JSON)
def test_json_reads_back_equal(value: object) -> None:
    assert json.loads(json_text(value)) == value


@settings(max_examples=50)
@given(value=st.dictionaries(st.text(), JSON, min_size=2, max_size=4))
def test_digest_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("one", "other"),
    [([1, 2], [2, 1]), ({"a": 1}, {"a": "1"}), ("ab", "abc"), ([], {}), (["a", "b"], ["ab"]), (None, "")],
)
def test_digest_differs_when_values_differ(one: object, other: object) -> None:
    assert digest(one) != digest(other)


def test_digest_is_the_same_in_every_process() -> None:
    code = "from tunewright.core.files import digest; print(digest({'b': {'x', 'y', 'z', 'é'}, 'a': (1, 2.5, None)}))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "42")
    }

    assert seen == {digest({"a": [1, 2.5, None], "b": {"é", "z", "y", "x"}})}


def test_digest_keeps_its_rule_from_version_to_version() -> None:
    """Another rule would make every finished run start anew: then this line must change, knowingly."""
    assert digest({"b": "é", "a": 1}) == hashlib.blake2b('{"a":1,"b":"é"}'.encode(), digest_size=16).hexdigest()


def test_file_digest_follows_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")

    assert file_digest(tmp_path / "a") == file_digest(tmp_path / "b") != file_digest(tmp_path / "c")


def test_code_digest_depends_on_the_packages_asked_for() -> None:
    assert code_digest(("core",)) == code_digest(("core",))
    assert len({code_digest(("core",)), code_digest(("text",)), code_digest(("core", "text"))}) == 3


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        Exception("No space left on device (os error 28)"),  # tokenizers
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
    ],
)
def test_writing_tells_a_full_disk_in_whichever_way_a_library_puts_it(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the disk is full"), writing(tmp_path / "file"):
        raise error


def test_writing_lets_pass_what_has_nothing_to_do_with_writing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writing(tmp_path / "file"):
        raise KeyError("28")


def test_line_writer_begins_a_new_line_when_a_kill_has_torn_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("whole\nto", encoding="utf-8")
    with line_writer(path) as write:
        write("next")
        assert path.read_text(encoding="utf-8") == "whole\nto\nnext\n", "a line is there as soon as it is written"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_line_writer_tells_a_full_disk() -> None:
    with pytest.raises(RunError, match="the disk is full"), line_writer(Path("/dev/full")) as write:
        write("a line")

"""Parts of a long work: kept when they fit, thrown away when they do not, and nothing finished is overwritten."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from tunewright.core.errors import RunError
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.serve.made_from import MadeFrom
from tunewright.serve.parts import (
    Finished,
    finish,
    finished,
    n_answered,
    note_path,
    parts,
    parts_path,
    read_parts,
    whole_parts,
    write_part,
)

MADE_FROM = MadeFrom(input="i", model="m", options="o", code="c")
SOURCE = Path("new.csv")
RESULT = Finished(rows=2, rows_with_error=1)


class Killed(Exception):
    """Stands for whatever ends a process."""


def begun(out: Path, *, n: int) -> None:
    """The state in which a killed command leaves its folder after n parts."""
    with suppress(Killed), parts(out, MADE_FROM, tell=null_tracker) as folder:
        for i in range(n):
            write_part(folder, i, [{"prediction": f"p{i}", "error": ""}])
        raise Killed


def written(out: Path, *, meanwhile: Callable[[], object] = lambda: None) -> None:
    """A finished file. meanwhile: happens before it takes its name."""
    with parts(out, MADE_FROM, tell=null_tracker) as folder:
        write_part(folder, 0, [{"prediction": "p0", "error": ""}])
        meanwhile()
        (folder / "whole.csv").write_text("text,prediction\n", encoding="utf-8")
        finish(out, folder / "whole.csv", MADE_FROM, RESULT, source=SOURCE)


def test_parts_are_found_again_when_the_work_was_killed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    begun(out, n=2)
    with parts(out, MADE_FROM, tell=null_tracker) as folder:
        assert (whole_parts(folder), n_answered(folder)) == (2, 2)
        assert [cells["prediction"] for cells in read_parts(folder)] == ["p0", "p1"]
    assert not parts_path(out).exists(), "the work ended well"


def test_parts_count_to_the_first_gap(tmp_path: Path) -> None:
    begun(tmp_path / "out.csv", n=3)
    folder = parts_path(tmp_path / "out.csv")
    (folder / "000001.jsonl").unlink()
    assert whole_parts(folder) == 1


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(MadeFrom)])
def test_parts_start_over_and_say_so_when_what_they_were_made_from_changed(tmp_path: Path, field: str) -> None:
    out, heard = tmp_path / "out.csv", list[Event]()
    begun(out, n=2)
    with parts(out, dataclasses.replace(MADE_FROM, **{field: "other"}), tell=heard.append) as folder:
        assert whole_parts(folder) == 0
    assert any(isinstance(event, NoteEvent) and "starting over" in event.text for event in heard)


def test_parts_belong_to_one_process_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with (
        parts(out, MADE_FROM, tell=null_tracker),
        pytest.raises(RunError, match="another tunewright"),
        parts(out, MADE_FROM, tell=null_tracker),
    ):
        pass


def test_finished_knows_its_own_file_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert finished(out, MADE_FROM, source=SOURCE) is None
    written(out)
    assert finished(out, MADE_FROM, source=SOURCE) == RESULT
    with pytest.raises(RunError, match="the input and the model changed") as caught:
        finished(out, dataclasses.replace(MADE_FROM, input="other", model="other"), source=SOURCE)
    assert caught.value.fix == f"-o {tmp_path / 'out-2.csv'}"


def test_finished_refuses_a_file_that_somebody_changed_or_made(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "out.csv", tmp_path / "theirs.csv"
    written(ours)
    for path in (ours, theirs):
        path.write_text("my own work\n", encoding="utf-8")
        with pytest.raises(RunError, match="stays as it is"):
            finished(path, MADE_FROM, source=SOURCE)
        assert path.read_text(encoding="utf-8") == "my own work\n"


def test_finished_is_false_when_a_kill_came_between_the_note_and_the_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written(out)
    out.unlink()
    assert note_path(out).exists()
    assert finished(out, MADE_FROM, source=SOURCE) is None


def test_finished_says_another_file_when_it_was_made_from_one(tmp_path: Path) -> None:
    out, other = tmp_path / "out.csv", dataclasses.replace(MADE_FROM, input="other", model="other")
    written(out)
    with pytest.raises(RunError) as caught:
        finished(out, other, source=tmp_path / "old.csv")
    assert caught.value.why == f"it was made from another file, {SOURCE.resolve()}; the model changed since"


def test_finish_leaves_a_file_alone_that_appeared_while_the_answers_were_made(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with pytest.raises(RunError, match="has appeared"):
        written(out, meanwhile=partial(out.write_text, "my own work\n", encoding="utf-8"))

    assert out.read_text(encoding="utf-8") == "my own work\n"
    assert not note_path(out).exists()
    assert whole_parts(parts_path(out)) == 1, "the answers are kept"


def test_finish_writes_the_note_before_the_file_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, work = tmp_path / "out.csv", tmp_path / "whole.csv"
    work.write_text("text\n", encoding="utf-8")
    were_there = []

    def replaced(old: Path, new: Path) -> None:
        were_there.append((Path(new).name, note_path(out).exists()))
        Path(old).rename(new)

    monkeypatch.setattr("os.replace", replaced)
    finish(out, work, MADE_FROM, RESULT, source=SOURCE)

    assert were_there == [(note_path(out).name, False), ("out.csv", True)]


@pytest.mark.skipif(sys.platform == "win32", reason="a held lock cannot be deleted there")
def test_parts_are_removed_while_they_are_still_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, was_there = tmp_path / "out.csv", []
    release = FileLock.release
    monkeypatch.setattr(
        FileLock, "release", lambda lock, *rest, **more: (was_there.append(parts_path(out).exists()), release(lock))
    )
    with parts(out, MADE_FROM, tell=null_tracker):
        pass

    assert was_there[0] is False

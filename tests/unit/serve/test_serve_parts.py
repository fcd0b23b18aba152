"""Parts of a long work: kept when they fit, thrown away when they do not, and nothing finished is overwritten."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path

import pytest

from tunewright.core.errors import RunError
from tunewright.core.events import Event, NoteEvent, null_tracker
from tunewright.serve.parts import (
    Finished,
    MadeFrom,
    finish,
    finished,
    note_path,
    parts,
    parts_path,
    read_parts,
    whole_parts,
    write_part,
)

MADE_FROM = MadeFrom(input="i", model="m", options="o", code="c")
RESULT = Finished(rows=2, rows_with_error=1)


class Killed(Exception):
    """Stands for whatever ends a process."""


def begun(out: Path, *, n: int) -> None:
    """The state in which a killed command leaves its folder after n parts."""
    with suppress(Killed), parts(out, MADE_FROM, tell=null_tracker) as folder:
        for i in range(n):
            write_part(folder, i, [{"prediction": f"p{i}", "error": ""}])
        raise Killed


def written(out: Path, made_from: MadeFrom = MADE_FROM) -> None:
    """A finished file."""
    with parts(out, made_from, tell=null_tracker) as folder:
        (folder / "whole.csv").write_text("text,prediction\n", encoding="utf-8")
        finish(out, folder / "whole.csv", made_from, RESULT)


def test_parts_are_found_again_when_the_work_was_killed(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    begun(out, n=2)
    with parts(out, MADE_FROM, tell=null_tracker) as folder:
        assert whole_parts(folder) == 2
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
    assert finished(out, MADE_FROM) is None
    written(out)
    assert finished(out, MADE_FROM) == RESULT
    with pytest.raises(RunError, match="the input and the model changed") as caught:
        finished(out, dataclasses.replace(MADE_FROM, input="other", model="other"))
    assert caught.value.fix == f"-o {tmp_path / 'out-2.csv'}"


def test_finished_refuses_a_file_that_somebody_changed_or_made(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "out.csv", tmp_path / "theirs.csv"
    written(ours)
    for path in (ours, theirs):
        path.write_text("my own work\n", encoding="utf-8")
        with pytest.raises(RunError, match="stays as it is"):
            finished(path, MADE_FROM)
        assert path.read_text(encoding="utf-8") == "my own work\n"


def test_finished_is_false_when_a_kill_came_between_the_note_and_the_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written(out)
    out.unlink()
    assert note_path(out).exists()
    assert finished(out, MADE_FROM) is None

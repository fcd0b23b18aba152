"""A long file answered part by part, so that a killed command goes on where it stopped.

In: the file to write and everything its answers depend on. Out: while the work lasts, a hidden folder of parts beside
it; once it is finished, a hidden note of what it was made from. Its own file because this decides what is done again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tunewright.core.errors import RunError
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import cannot_write, file_digest, json_text, remove, write_json, write_text
from tunewright.serve.made_from import MadeFrom

Cells = dict[str, Any]
"""Our cells of one row, by their own names: prediction, probability, error ..."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What is said about a file that is whole."""

    rows: int
    rows_with_error: int


def finished(out: Path, made_from: MadeFrom, *, source: Path) -> Finished | None:
    """The file is there and was made from just this; None when it is not there.

    source: the file of rows, for the words of an error: whether it was changed or is another one.
    Raises RunError when something else is there: nothing finished is overwritten.
    """
    if not out.exists():
        return None
    record = _read(note_path(out))
    changed = [name for name, value in asdict(made_from).items() if record.get("made_from", {}).get(name) != value]
    if record.get("output") != (file_digest(out) if out.is_file() else ""):
        raise _is_there(out, why="it was not written by tunewright predict, or was changed since")
    if changed:
        raise _is_there(out, why=_why_other(changed, was=record.get("source"), source=source))
    remove(parts_path(out))
    return Finished(record["rows"], record["rows_with_error"])


@contextmanager
def parts(out: Path, made_from: MadeFrom, *, tell: Tracker) -> Iterator[Path]:
    """The folder of parts, ours alone while the block lasts and gone when it ends well.

    Parts in it that were made from something else are thrown away, said aloud.

    Raises RunError when another process works on the same file, or when its folder cannot be written.
    """
    folder = parts_path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise RunError(
            "another tunewright writes this file", where=str(out), fix="wait for it to end, or name another file: -o"
        ) from error
    except PermissionError as error:
        raise RunError(
            "this folder cannot be written", where=str(out.parent), fix=f"-o FOLDER/{out.name} in another folder"
        ) from error
    except OSError as error:
        raise cannot_write(out, error) from error
    try:
        _start_over_if_changed(folder, made_from, tell=tell)
        yield folder
        if sys.platform != "win32":  # while it is ours: after the lock another process may work in it
            remove(folder)
    finally:
        lock.release()
    if sys.platform == "win32":  # a lock that is held cannot be deleted there
        remove(folder)


def whole_parts(folder: Path) -> int:
    """Parts that are there, from the first on without a gap."""
    n = 0
    while _part(folder, n).is_file():
        n += 1
    return n


def n_answered(folder: Path) -> int:
    """Rows of the parts that are there."""
    return sum(1 for _ in read_parts(folder))


def write_part(folder: Path, index: int, cells: Sequence[Cells]) -> None:
    write_text(_part(folder, index), "".join(json_text(row, indent=None) + "\n" for row in cells))


def read_parts(folder: Path) -> Iterator[Cells]:
    """Cells of every row, in the file's order."""
    for index in range(whole_parts(folder)):
        with _part(folder, index).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def finish(out: Path, work: Path, made_from: MadeFrom, result: Finished, *, source: Path) -> None:
    """The whole file takes its name. The note goes first: a kill in between leaves one that claims no other file.

    Raises RunError when a file of that name has appeared meanwhile; the parts are kept.
    """
    if out.exists():
        raise RunError(
            f"{out.name} has appeared while the answers were made, and stays as it is",
            where=str(out),
            why="another program wrote it",
            fix="move it away and run the same command again: the answers are kept, only the file is written",
        )
    note = {"made_from": asdict(made_from), "source": str(source.resolve()), "output": file_digest(work)}
    write_json(note_path(out), {**note, **asdict(result)})
    try:
        os.replace(work, out)
    except OSError as error:
        raise cannot_write(out, error) from error


def parts_path(out: Path) -> Path:
    return out.with_name(f".{out.name}.parts")


def note_path(out: Path) -> Path:
    return out.with_name(f".{out.name}.made_from.json")


def _part(folder: Path, index: int) -> Path:
    return folder / f"{index:06}.jsonl"


def _start_over_if_changed(folder: Path, made_from: MadeFrom, *, tell: Tracker) -> None:
    note = folder / "made_from.json"
    if _read(note) == asdict(made_from):
        return
    n = whole_parts(folder)
    for path in folder.glob("*.jsonl"):
        remove(path)
    if n:
        tell(NoteEvent(f"{n} finished parts were made from another input or model: starting over", level="warning"))
    write_json(note, made_from)


def _read(path: Path) -> dict[str, Any]:
    """Empty when there is no such note, or none that can be read: then nothing is known."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _why_other(changed: Sequence[str], *, was: object, source: Path) -> str:
    """was: the file of rows that the note names."""
    words = {"input": "the input", "model": "the model", "options": "the options", "code": "the software"}
    is_other_file = "input" in changed and was != str(source.resolve())
    since = " and ".join(words[name] for name in changed if not (is_other_file and name == "input"))
    if not is_other_file:
        return f"it was made before {since} changed"
    other = f"it was made from another file, {was}" if was else "it was made from other rows"
    return f"{other}; {since} changed since" if since else other


def _is_there(out: Path, *, why: str) -> RunError:
    other = next(path for i in range(2, 10_000) if not (path := out.with_stem(f"{out.stem}-{i}")).exists())
    return RunError(f"{out.name} is there already and stays as it is", where=str(out), why=why, fix=f"-o {other}")

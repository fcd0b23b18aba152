"""Writing so that a half file never looks whole, and fingerprints of what was read.

In: bytes, text, JSON-able values, paths. Out: files that appear complete or not at all; hex digests.
Its own file because every stage writes this way and a full disk must read the same everywhere.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tunewright.core.errors import RunError


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; it takes the name when the block ends well and vanishes when it does not.

    Raises RunError for a full disk or a folder that cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        with suppress(OSError):  # where nothing can be written nothing can be removed: it must not hide the first error
            remove(temporary)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What keeps the path from being written is told as RunError, in whichever way a library puts it."""
    try:
        yield
    except Exception as error:  # a full disk is OSError, SafetensorError, or tokenizers' bare Exception
        if not isinstance(error, OSError) and _errno(error) is None:
            raise
        raise cannot_write(path, error) from error


@contextmanager
def line_writer(path: Path) -> Iterator[Callable[[str], None]]:
    """A function that appends one line and flushes it, so that a killed run keeps what it told.

    A line that a kill has torn stays alone on its line: readers skip it.
    Raises RunError for a full disk or a file that cannot be written.
    """
    try:
        file = path.open("a", encoding="utf-8")
        if _is_torn(path):
            file.write("\n")
    except OSError as error:
        raise cannot_write(path, error) from error

    def write(line: str) -> None:
        try:
            file.write(line + "\n")
            file.flush()
        except OSError as error:
            raise cannot_write(path, error) from error

    try:
        yield write
    finally:
        with suppress(OSError):  # what a full disk did not take was told already
            file.close()


def _is_torn(path: Path) -> bool:
    """The file's last line has no end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def cannot_write(path: Path, error: Exception) -> RunError:
    """The error a person can act on."""
    number = _errno(error)
    if number == errno.ENOSPC:
        return RunError("the disk is full", where=str(path), fix="free some space and run the same command again")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RunError("this place cannot be written", where=str(path), fix="use --runs-dir DIR for another folder")
    if number in (errno.ENOTDIR, errno.EEXIST):
        return RunError(
            "a file stands where a folder should be", where=str(path), fix="move it away, or use --runs-dir DIR"
        )
    fix = "tunewright doctor looks at disk and folders; --runs-dir DIR uses another place"
    return RunError(f"writing failed: {os.strerror(number) if number else error}", where=str(path), fix=fix)


def is_disk_full(error: BaseException) -> bool:
    """Whichever library says it."""
    return isinstance(error, Exception) and _errno(error) == errno.ENOSPC


def _errno(error: Exception) -> int | None:
    """The system's error number; libraries in Rust put it into their words: "... (os error 28)"."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = re.search(r"(?:os error|code:) (\d+)", str(error))
    return int(found[1]) if found else None


def remove(path: Path) -> None:
    """Delete a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Dataclasses become objects, nan and infinities become null (JSON has no word for them)."""
    write_text(path, json_text(value) + "\n")


def json_text(value: Any, *, indent: int | None = 1) -> str:
    """JSON that any reader takes: always UTF-8 encodable, a lone surrogate is written as its escape."""
    text = json.dumps(_plain(value), ensure_ascii=False, indent=indent, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):  # a set's own order differs from process to process
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True, default=str))
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):  # numpy scalars, without importing numpy
        return _plain(value.item())
    return value


def digest(value: Any) -> str:
    """Fingerprint of plain values: equal values, equal digest, in every process."""
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def file_digest(path: Path) -> str:
    """Fingerprint of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def is_whole_safetensors(path: Path) -> bool:
    """The file is as long as its own header says: it was not cut. Source: the safetensors format."""
    size = path.stat().st_size
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(8), "little")
        if n_header + 8 > size:
            return False
        header = json.loads(file.read(n_header))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return size == 8 + n_header + max(ends, default=0)


@cache
def code_digest(packages: tuple[str, ...]) -> str:
    """Fingerprint of our own source below src/tunewright/<package>: changed code makes changed folders.

    Read once in a process: it works with the code that it has loaded.
    """
    root = Path(__file__).parents[1]
    files = sorted(path for package in packages for path in (root / package).rglob("*.py"))
    return digest({str(path.relative_to(root)): file_digest(path) for path in files})

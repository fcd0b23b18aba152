"""The bytes inside a packed file, up to a limit.

In: a path and how it is packed. Out: an open file of unpacked bytes; DataError when the archive is damaged or holds
far more than a file of rows would. Its own file because a small archive can hold more than any disk: whoever reads must
not be able to forget the limit.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa

from tunewright.core.errors import DataError

Packing = Literal["", "gzip", "zstd"]
"""Empty: not packed."""

MOST_BYTES = 2**30
MOST_TIMES = 100
"""A file of rows may unpack to either: the limit is the larger of a gibibyte and a hundred times the packed size. Ours.
Texts shrink to a third up to a tenth; a million rows of one and the same sentence shrink 300 times, to 60 MB unpacked.
gzip can shrink 1,032 times and zstd without an end. Sources: zlib's technical details; RFC 8878, 3.1.1.2.2."""

_MAGIC: tuple[tuple[bytes, Packing], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_TOOLS: dict[Packing, str] = {"gzip": "gzip", "zstd": "zstd"}
_BUFFER_BYTES = 2**17
N_MAGIC = 4
"""Bytes at the start that packing_of looks at."""


def packing_of(head: bytes) -> Packing:
    """
    >>> packing_of(b"\\x1f\\x8b\\x08\\x00"), packing_of(b"text,label")
    ('gzip', '')
    """
    return next((packing for magic, packing in _MAGIC if head.startswith(magic)), "")


def unpacking(name: str) -> str:
    """The command that writes a packed file's bytes to the screen; empty for a file that is not packed.

    >>> unpacking("my rows.csv.gz")
    "gzip -dc 'my rows.csv.gz'"
    """
    tool = "gzip" if name.lower().endswith(".gz") else "zstd" if name.lower().endswith(".zst") else ""
    return f"{tool} -dc {quote(name)}" if tool else ""


@contextmanager
def opened(path: Path, packing: Packing) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked. Only a file that is not packed can be gone back in.

    Raises DataError, also while it is read: a damaged archive, or more in it than the limit.
    """
    if not packing:
        with path.open("rb") as file:
            yield file
        return
    limited = partial(_Limited, path=path, packing=packing, most=most_bytes(path))
    with _stream(path, packing) as inner, io.BufferedReader(limited(inner), _BUFFER_BYTES) as file:
        yield cast(BinaryIO, file)


def most_bytes(path: Path) -> int:
    """What a packed file may unpack to."""
    return max(MOST_BYTES, MOST_TIMES * path.stat().st_size)


@contextmanager
def _stream(path: Path, packing: Packing) -> Iterator[Any]:
    if packing == "gzip":
        with gzip.open(path) as file:
            yield file
    else:
        with path.open("rb") as packed, pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd") as file:
            yield file


class _Limited(io.RawIOBase):
    """A class because Python's buffered files read from nothing else."""

    def __init__(self, inner: Any, *, path: Path, packing: Packing, most: int) -> None:
        self._inner, self._path, self._packing, self._most, self._n = inner, path, packing, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            n = int(self._inner.readinto(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error, OSError) as error:
            raise _is_damaged(self._path, self._packing, error) from error
        self._n += n
        if self._n > self._most:
            raise _is_bomb(self._path, self._packing, self._most)
        return n


def _is_damaged(path: Path, packing: Packing, error: Exception) -> DataError:
    tool = _TOOLS[packing]
    fix = f"{tool} -t {quote(str(path))}; then copy it again"
    if "too much memory" in str(error):  # zstd --long: a window of more than 128 MiB must be asked for
        fix = f"zstd -d --long=31 {quote(str(path))}, and name the unpacked file"
    return DataError(f"the {tool} archive is damaged", where=str(path), why=str(error), fix=fix)


def _is_bomb(path: Path, packing: Packing, most: int) -> DataError:
    start = f"{_TOOLS[packing]} -dc < {quote(str(path))} | head -c 1000"
    return DataError(
        f"the {_TOOLS[packing]} archive unpacks to far more than a file of rows would",
        where=str(path),
        why=f"it has {path.stat().st_size:,} bytes packed and more than {most:,} unpacked; the limit is "
        f"{MOST_BYTES:,}, or {MOST_TIMES} times the packed size where that is more",
        fix=f"look at its start: {start}; if it is meant, unpack it and name that file: it may be of any size",
    )
